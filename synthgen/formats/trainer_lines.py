"""What LLaMA-Factory's `dataset_info.json` and axolotl's config have to say to read an exported file.

By the layouts that their documents describe (LLaMA-Factory 0.9.5 `data/README.md`, axolotl
`docs/dataset-formats` and `docs/rlhf.qmd`, July 2026). Where a tool has no place for a layout there are no
lines: it would read something else, or nothing, without a word.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, NamedTuple

import orjson

from synthgen.formats.writing import kind_of_file

_ROLES = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}
_CHAT = {"formatting": "sharegpt"}
_LLAMA_FACTORY: dict[str, dict[str, Any]] = {
    "alpaca": {"columns": {"prompt": "instruction", "query": "input", "response": "output"}},
    # Not `formatting: openai`: that adds a line about thinking to every system text.
    "messages": {**_CHAT, "columns": {"messages": "messages"}, "tags": _ROLES},
    "sharegpt": {**_CHAT, "columns": {"messages": "conversations"}},
    "sharegpt_preference": {
        **_CHAT,
        "ranking": True,
        "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"},
    },
    "sharegpt_kto": {**_CHAT, "columns": {"messages": "conversations", "kto_tag": "kto_tag"}},
}
_FROM = {
    "field_messages": "conversations",
    "message_property_mappings": {"role": "from", "content": "value"},
    "roles": {"user": ["human"], "assistant": ["gpt"], "system": ["system"]},
}
_AXOLOTL: dict[str, dict[str, Any]] = {
    "alpaca": {"type": "alpaca"},
    "messages": {"type": "chat_template"},
    "sharegpt": {"type": "chat_template", **_FROM},
    "preference": {"type": "chat_template.default", "field_messages": "prompt"},
    "sharegpt_preference": {"type": "chat_template.default", **_FROM},
}
_INSTEAD = {
    "LLaMA-Factory": {
        "prompt_completion": "messages",
        "preference": "sharegpt_preference",
        "unpaired": "sharegpt_kto",
    },
    "axolotl": {"prompt_completion": "messages"},
}
_READ_BY = {
    "LLaMA-Factory": ("json", "jsonl", "parquet", "arrow", "csv"),
    "axolotl": ("json", "jsonl", "parquet", "arrow"),
}
"""Kinds of files that each reads, unpacked; what holds turns is no CSV file."""


class Lines(NamedTuple):
    """What one tool needs: the lines and where they go, or why there are none."""

    tool: str
    place: str
    text: str
    why_none: str = ""


def trainer_lines(layout: str, file: str, fields: Collection[str], name: str) -> list[Lines]:
    """The lines of each tool for a file.

    Args:
        layout: the format's name.
        file: the file's name.
        fields: the fields that records of the file have.
        name: what the dataset is called there.
    """
    return [_llama_factory(layout, file, fields, name), _axolotl(layout, file, fields)]


def _llama_factory(layout: str, file: str, fields: Collection[str], name: str) -> Lines:
    tool, place = "LLaMA-Factory", "dataset_info.json"
    if why := _why_none(tool, layout, file):
        return Lines(tool, place, "", why)
    entry = dict(_LLAMA_FACTORY[layout])
    if layout == "alpaca" and "system" in fields:
        entry["columns"] = {**entry["columns"], "system": "system"}
    plain = re.sub(r"\W+", "_", name).strip("_") or "synthgen"
    text = orjson.dumps({plain: {"file_name": file, **entry}}, option=orjson.OPT_INDENT_2).decode()
    return Lines(tool, place, text)


def _axolotl(layout: str, file: str, fields: Collection[str]) -> Lines:
    tool, place = "axolotl", "its config"
    if why := _why_none(tool, layout, file):
        return Lines(tool, place, "", why)
    entry = dict(_AXOLOTL[layout])
    if layout == "alpaca" and "system" in fields:
        entry["type"] = "alpaca_w_system.load_instruct"  # `alpaca` passes over a system text
    kind = "json" if (kind := str(kind_of_file(file))) == "jsonl" else kind
    lines = ["rl: dpo"] if "preference" in layout else []
    lines += ["datasets:", f"  - path: {file}", f"    ds_type: {kind}"]
    lines += ["    split: train"] if "preference" in layout else []
    for key, value in entry.items():
        lines += _yaml(key, value, "    ")
    return Lines(tool, place, "\n".join(lines))


def _yaml(key: str, value: Any, indent: str) -> list[str]:
    if isinstance(value, dict):
        return [f"{indent}{key}:", *(line for k, v in value.items() for line in _yaml(k, v, indent + "  "))]
    shown = f"[{', '.join(value)}]" if isinstance(value, list) else value
    return [f"{indent}{key}: {shown}"]


def _why_none(tool: str, layout: str, file: str) -> str:
    known = _LLAMA_FACTORY if tool == "LLaMA-Factory" else _AXOLOTL
    if layout not in known:
        instead = _INSTEAD[tool].get(layout)
        if instead:
            return f"it has no place for this layout; export `{instead}` for it"
        if layout == "unpaired" or layout == "sharegpt_kto":
            return "its KTO layouts are texts without a chat template; this one holds turns"
        return "these are rows as synthgen keeps them; export `messages` or `alpaca` for it"
    kind = kind_of_file(file)
    packed = file.endswith((".gz", ".zst"))
    if kind == "folder" or packed or kind not in _READ_BY[tool] or (kind == "csv" and layout != "alpaca"):
        what = "a folder of this kind" if kind == "folder" else f"this in a {file[file.index('.') :]} file"
        return f"it does not read {what}"
    return ""
