"""Preferences as LLaMA-Factory has them: `conversations` up to the question, each answer one turn.

Only written where it is named: what `preference` reads includes such records.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from synthgen.core.rows import Row
from synthgen.formats.contract import Options, Unfit
from synthgen.formats.layouts.preference import Preference
from synthgen.formats.layouts.sharegpt import WRITTEN_ROLES


class SharegptPreference:
    """A conversation with the better and the worse of two answers, by `from` and `value`."""

    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[Options]] = Options

    def recognises(self, columns: Collection[str]) -> bool:
        """By `conversations` beside `chosen` and `rejected`."""
        return all(name in columns for name in ("conversations", "chosen", "rejected"))

    def read(self, record: Mapping[str, Any]) -> Row:
        """As `preference` reads it."""
        return Preference().read(record)

    def write(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The prompt's turns, and each answer as one turn."""
        record = Preference().write(row)
        for name in ("chosen", "rejected"):
            if len(record[name]) != 1:
                raise Unfit("shape", f"{name} of several turns")
        return {
            "conversations": [_turn(turn) for turn in record["prompt"]],
            "chosen": _turn(record["chosen"][0]),
            "rejected": _turn(record["rejected"][0]),
        }


def _turn(turn: Mapping[str, Any]) -> dict[str, str]:
    return {"from": WRITTEN_ROLES[turn["role"]], "value": turn["content"]}
