"""Whether a student that is asked has room for answers as long as those that it was trained on.

An answer that is cut counts as none, so a limit below the training completions measures the limit. This is
known as soon as the rows are, hours before the first reply is cut.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from synthgen.core.histogram import equal_bins

if TYPE_CHECKING:
    from synthgen.training.encoding import Encoded

HOLDS = 0.99
"""The share of completions that a limit is to hold."""
BINS = 24


class CompletionLengths:
    """How many tokens completions have, their end tokens included, and how many with their prompts."""

    def __init__(self) -> None:
        self.rows = Counter[int]()
        self.whole = Counter[int]()

    def add(self, example: Encoded) -> None:
        """Counts the completion that answers the question; of a conversation its longest."""
        self.whole[example.length] += 1
        if spans := example.spans:
            self.rows[max(end - start for start, end in spans)] += 1

    def holding(self, share: float) -> int:
        """The fewest tokens that hold this share of the completions; 0 without any."""
        left = math.ceil(share * self.rows.total())
        for tokens, rows in sorted(self.rows.items()):
            left -= rows
            if left <= 0:
                return tokens
        return 0

    def plain(self) -> dict[str, int]:
        """What the manifest has of them: tokens that hold half, 99% and all of the completions."""
        return {"half": self.holding(0.5), "most": self.holding(HOLDS), "longest": self.holding(1.0)}

    def bins(self) -> dict[str, list[list[int]]]:
        """Rows by tokens of their completion, and with its prompt: bins as [fewest, most, rows]."""
        return {"completion": equal_bins(self.rows, BINS), "with_prompt": equal_bins(self.whole, BINS)}

    def warning(self, limit: int | None, first: bool = False) -> str:
        """What to say of a limit that holds too few of them; "" where it holds 99%.

        Args:
            limit: `max_new_tokens` of the stage that asks, None where there is none.
            first: whether these are the first rows only.
        """
        if limit is None or self.holding(HOLDS) <= limit:
            return ""
        total = self.rows.total()
        beyond = sum(rows for tokens, rows in self.rows.items() if tokens > limit)
        return (
            f"{100 * beyond / total:.1f}% of the completions ({beyond:,} of {'the first ' if first else ''}"
            f"{total:,}) have more tokens than max_new_tokens of evaluate, {limit:,}: such replies will be "
            f"cut; max_new_tokens: {self.holding(HOLDS)} would hold 99%"
        )


def warning_from(plain: Mapping[str, Any], limit: int) -> str:
    """The same from a manifest; "" where the limit holds 99% of the completions, or nothing is known."""
    most = plain.get("most", 0)
    if most <= limit:
        return ""
    share = "more than half" if plain["half"] > limit else "more than 1%"
    return (
        f"{share} of the completions that it was trained on have more tokens than max_new_tokens, {limit:,}: "
        f"such replies will be cut; max_new_tokens: {most} would hold 99%"
    )
