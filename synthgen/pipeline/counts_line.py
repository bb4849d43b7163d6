"""What became of a stage's rows, on one line."""

from __future__ import annotations

from synthgen.core.text import dollars
from synthgen.store.manifest import Manifest


def counts_line(manifest: Manifest) -> str:
    """Kept, rejected and failed rows with the rules and reasons that took most, and what it cost."""
    counts = manifest.counts
    parts = [f"{counts.get('kept', 0):,} kept of {counts.get('in', 0):,}"]
    for word in ("rejected", "failed"):
        shares: dict[str, int] = counts.get(word, {})
        if shares:
            largest = sorted(shares.items(), key=lambda share: -share[1])[:5]
            listed = ", ".join(f"{name} {rows:,}{_reasons(manifest, name)}" for name, rows in largest)
            parts.append(f"{sum(shares.values()):,} {word} ({listed})")
    cost = (manifest.usage or {}).get("cost_usd")
    return ", ".join(parts) + (f", {dollars(cost)}" if cost else "")


def _reasons(manifest: Manifest, rule: str) -> str:
    reasons = manifest.extra.get("reasons", {}).get(rule, {})
    return f" ({', '.join(f'{reason} {rows:,}' for reason, rows in reasons.items())})" if reasons else ""
