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
            listed = ", ".join(f"{name} {_by_reason(manifest, name, rows)}" for name, rows in largest)
            parts.append(f"{sum(shares.values()):,} {word} ({listed})")
    cost = (manifest.usage or {}).get("cost_usd")
    return ", ".join(parts) + (f", {dollars(cost)}" if cost else "")


def _by_reason(manifest: Manifest, rule: str, rows: int) -> str:
    """How many rows a rule took, apart by its reasons if it told any: `300 wrong + 61 no answer`."""
    reasons = manifest.extra.get("reasons", {}).get(rule, {})
    return " + ".join(f"{number:,} {reason}" for reason, number in reasons.items()) or f"{rows:,}"
