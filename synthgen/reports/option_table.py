"""Options as the docs list them: name, default, meaning, straight from a `Config`."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined


def option_table(config: type[BaseModel], leave_out: tuple[str, ...] = ()) -> list[str]:
    """The lines of a markdown table of a Config's options."""
    lines = ["| option | default | |", "|---|---|---|"]
    return lines + [f"| `{name}` | {_default(info)} | {cell(info.description or '')} |" for name, info in config.model_fields.items() if name not in leave_out]


def cell(text: str) -> str:
    """A text as it stands in a table's cell."""
    return text.replace("|", "\\|")


def _default(info: FieldInfo) -> str:
    default: Any = info.get_default(call_default_factory=True, validated_data={})
    if default is PydanticUndefined:
        return "must be given"
    if default is None or default == ():
        return ""
    return f"`{cell(orjson.dumps(default, default=str).decode())}`"
