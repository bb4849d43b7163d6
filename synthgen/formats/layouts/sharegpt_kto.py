"""Unpaired preferences as LLaMA-Factory has them: `conversations`, and `kto_tag` for a good last answer.

Only written where it is named: what `unpaired` reads includes such records.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from synthgen.core.rows import Row
from synthgen.formats.contract import Options, Unfit
from synthgen.formats.layouts.sharegpt import ShareGPT
from synthgen.formats.layouts.unpaired import LABEL, Unpaired

TAG = "kto_tag"


class SharegptKto:
    """A conversation, and whether its last answer is a good one."""

    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[Options]] = Options

    def recognises(self, columns: Collection[str]) -> bool:
        """By `conversations` and `kto_tag`."""
        return "conversations" in columns and TAG in columns

    def read(self, record: Mapping[str, Any]) -> Row:
        """As `unpaired` reads it."""
        return Unpaired().read(record)

    def write(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The turns as `sharegpt` writes them, and the tag."""
        if not isinstance(row.get(LABEL), bool):
            raise Unfit("missing_field", LABEL)
        return {**ShareGPT().write(row), TAG: row[LABEL]}
