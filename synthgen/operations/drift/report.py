"""What the looks at a run have come to, as JSON and as lines for a person."""

from __future__ import annotations

from typing import Any

from synthgen.operations.drift.look import Drift
from synthgen.operations.drift.regenerate import Regenerated
from synthgen.operations.drift.standing import named


def plain(drift: Drift, made: Regenerated | None = None) -> dict[str, Any]:
    """As JSON."""
    return {
        "stage": drift.baseline.spec.id,
        "confidence": drift.confidence,
        "looks": [
            {name: look[name] for name in ("look", "at", "source", "measure")}
            | {"questions": len(look["rows"])}
            for look in drift.looks.counted
        ],
        "students": [one.plain() for one in drift.standings],
        "fell": [{"field": field, "slice": label} for field, label in drift.fallen()],
        "notes": drift.notes,
        **({"regenerated": made.plain()} if made else {}),
    }


def lines(drift: Drift, made: Regenerated | None = None) -> list[str]:
    """For a person."""
    shown = [line for one in drift.standings for line in [*one.lines(), ""]]
    notes = [f"note: {note}" for note in drift.notes]
    return [*shown, *notes, *_verdict(drift), *(made.lines() if made else ())]


def _verdict(drift: Drift) -> list[str]:
    fell = [
        f"{one.student} fell: {', '.join(named(*name) for name in one.fallen())}"
        for one in drift.standings
        if one.fallen()
    ]
    return fell or [f"no slice fell ({drift.confidence:.0%} sure, over all looks)"]
