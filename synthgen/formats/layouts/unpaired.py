"""Unpaired preferences, as TRL has them: an answer, and a label that says whether it is a good one.

Only read where `format: unpaired` names it: the layouts by which it reads its other columns are tried before
it, and by these a label that is false says that an answer is not to be learned.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from synthgen.core.rows import Row
from synthgen.formats.contract import Options, Unfit
from synthgen.formats.conversation import turns_of
from synthgen.formats.layouts.alpaca import Alpaca
from synthgen.formats.layouts.messages import Messages
from synthgen.formats.layouts.prompt_completion import PromptCompletion
from synthgen.formats.layouts.sharegpt import ShareGPT
from synthgen.formats.meaning import is_zero, shown

LABEL = "label"
NAMES = (LABEL, "kto_tag", "desirable")
"""Columns with the label; LLaMA-Factory's `kto_tag` is one."""

_ANSWERED = (Alpaca(), Messages(), ShareGPT(), PromptCompletion())


class Unpaired:
    """Answers with the verdict good or bad, of which the bad ones are kept, too."""

    VERSION: ClassVar[int] = 3
    Config: ClassVar[type[Options]] = Options

    def recognises(self, columns: Collection[str]) -> bool:
        """By a label beside the columns of `prompt_completion`, `alpaca`, `messages` or `sharegpt`."""
        labelled = any(name in columns for name in NAMES)
        return labelled and any(layout.recognises(columns) for layout in _ANSWERED)

    def read(self, record: Mapping[str, Any]) -> Row:
        """As the layout of its other columns is read, with `label` as true or false."""
        named = next((name for name in NAMES if name in record), LABEL)
        label = record.get(named)
        if label is None or label == "":
            raise Unfit("missing_field", named)
        good = not is_zero(label)
        if good and not (label is True or label == 1 or str(label).strip().lower() in ("true", "1", "1.0")):
            raise Unfit("missing_field", f"{shown(named, label)} is neither true nor false")
        others = {name: value for name, value in record.items() if name != named}
        layout = next((one for one in _ANSWERED if one.recognises(others)), _ANSWERED[-1])
        row = layout.read(others)
        turns_of(row)  # a label is about an answer
        return {**row, LABEL: good}

    def write(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """As prompt and completion are written, with the label."""
        if not isinstance(row.get(LABEL), bool):
            raise Unfit("missing_field", LABEL)
        return {**PromptCompletion().write(row), LABEL: row[LABEL]}
