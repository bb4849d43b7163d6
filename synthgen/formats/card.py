"""The card that goes with an exported dataset: what is in it, where it came from, what was left out.

Its head is what the Hugging Face hub reads (hub-docs, datasetcard.md). The same rows from the same stages
give the same card.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from synthgen.core.artefacts import version_of
from synthgen.core.rows import CONTENT_FIELDS, Row, shape_of
from synthgen.core.text import amount
from synthgen.formats.conversation import answer_of
from synthgen.formats.trainer_lines import trainer_lines
from synthgen.formats.writing import kind_of_file

ORIGINS = ("source", "task", "teacher", "model", "prompt")
_LISTED = 20  # names of one kind that a card lists
_COUNTED = 10_000  # different names of one kind that are counted at all
_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B")
_TAGS = {
    "preference": "preference",
    "sharegpt_preference": "preference",
    "unpaired": "kto",
    "sharegpt_kto": "kto",
}
USED = {
    "instruction": ("instruction", "input", "system"),
    "messages": ("messages", "system"),
    "preference": ("prompt", "chosen", "rejected"),
}


class Step(NamedTuple):
    """What one stage did to the rows."""

    id: str
    kind: str
    told: str
    """Its options, as far as they say what it does."""
    came: int
    kept: int
    dropped: Mapping[str, int]
    """Rule or reason -> rows."""
    compared: int | None = None
    """Of decontaminate: how many evaluation rows it compared with."""


@dataclass(frozen=True)
class About:
    """What the rows themselves do not say."""

    title: str = "Dataset card"
    license: str = "unknown"
    languages: Sequence[str] = ()
    version: str = ""
    """The content hash of the rows that were exported."""
    steps: Sequence[Step] = ()
    terms: Callable[[str], str] = lambda teacher: ""
    """What the terms of a teacher say about training on its output."""


@dataclass
class Summary:
    """What a card says of the rows; filled row by row, in memory that does not grow with them."""

    format: str
    file: str
    rows: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    origins: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in ORIGINS})
    left_out: dict[str, int] = field(default_factory=dict)
    uneven: int = 0
    """Conversations whose turns, after a system text, are not the user's and the assistant's in turn."""

    def add(self, row: Row, record: Mapping[str, Any]) -> None:
        """Counts a row and the record that it was written as."""
        self.rows += 1
        self.fields.update(record.keys())
        meta = row.get("meta")
        for name in ORIGINS if isinstance(meta, dict) else ():
            value = meta.get(name) if isinstance(meta, dict) else None
            if isinstance(value, str) and (value in self.origins[name] or len(self.origins[name]) < _COUNTED):
                self.origins[name][value] += 1
        behind = [name for name in CONTENT_FIELDS if row.get(name) is not None and name not in record]
        used = _used(row) if behind else ()
        for name in behind:
            if name not in used:
                self.left_out[name] = self.left_out.get(name, 0) + 1
        self.uneven += _is_uneven(record.get("conversations") or record.get("messages") or ())


def _is_uneven(turns: Sequence[Mapping[str, Any]]) -> bool:
    roles = [turn.get("from") or turn.get("role") for turn in turns]
    roles = roles[1:] if roles and roles[0] == "system" else roles
    return any(role not in (("user", "human"), ("assistant", "gpt"))[at % 2] for at, role in enumerate(roles))


def _used(row: Row) -> tuple[str, ...]:
    """The fields that a layout writes under other names."""
    shape = shape_of(row)
    used = USED[shape] if shape else ()
    if shape != "instruction":
        return used
    return (*used, "output") if row.get("output") and answer_of(row) else (*used, "rationale", "final_answer")


def size_category(rows: int) -> str:
    """The hub's word for a number of rows."""
    return _SIZES[min(max(len(str(rows)) - 3, 0), len(_SIZES) - 1)]


def make_card(summary: Summary, counts: Mapping[str, Any], about: About | None = None) -> str:
    """The card as Markdown, with the header by which the Hugging Face hub finds the data file."""
    about = about or About()
    lines = [
        *_head(summary, about),
        "",
        f"# {_plain(about.title)}",
        "",
        f"{amount(summary.rows, 'row')} in `{summary.file}`, format `{summary.format}`. Made with synthgen.",
        *(
            [
                "",
                f"Version `{version_of(about.version)}`, the beginning of the SHA-256 of the rows that it "
                f"was made from: `{about.version}`.",
            ]
            if about.version
            else []
        ),
        "",
        "## Fields",
        "",
        *[f"- `{_plain(name)}`: in {amount(count, 'row')}" for name, count in summary.fields.items()],
        "",
        "## How it was made",
        "",
        *_recipe(about.steps),
        "",
        "## Where the rows come from",
        "",
    ]
    for kind, names in summary.origins.items():
        ranked = sorted(names.items(), key=lambda item: (-item[1], item[0]))
        lines += [f"- {kind} `{_plain(name)}`: {amount(count, 'row')}" for name, count in ranked[:_LISTED]]
        if len(ranked) > _LISTED:
            lines.append(f"- and {len(ranked) - _LISTED:,} more of kind {kind}")
    if not any(summary.origins.values()):
        lines.append("The rows do not say.")
    lines += ["", "## What is not in it", ""]
    lines += [
        f"- {amount(count, 'row')} that this format cannot hold ({_plain(rule)}), in `rejected.jsonl`"
        for rule, count in counts["rejected"].items()
    ]
    lines += [f"- the field `{name}` of {amount(count, 'row')}" for name, count in summary.left_out.items()]
    if not counts["rejected"] and not summary.left_out:
        lines.append("Nothing was left out on export.")
    return "\n".join([*lines, "", *_use(summary, about), *_before(summary, about), ""])


def _head(summary: Summary, about: About) -> list[str]:
    folder = kind_of_file(summary.file) == "folder"
    tags = ["synthetic", "synthgen", *([_TAGS[summary.format]] if summary.format in _TAGS else [])]
    return [
        "---",
        f"pretty_name: {orjson.dumps(_plain(about.title)).decode()}",
        f"license: {about.license}",
        # Quoted: the code of Norwegian, no, is a truth value in YAML 1.1.
        *(["language:", *(f'- "{code}"' for code in about.languages)] if about.languages else []),
        "size_categories:",
        f"- {size_category(summary.rows)}",
        "task_categories:",
        "- text-generation",
        "configs:",
        "- config_name: default",
        "  data_files:",
        "  - split: train",
        f"    path: {summary.file}{'/*.arrow' if folder else ''}",
        "tags:",
        *(f"- {tag}" for tag in tags),
        "---",
    ]


def _recipe(steps: Sequence[Step]) -> list[str]:
    if not steps:
        return ["Nothing is recorded: the rows came from files."]
    lines = ["| stage | what | in | kept | dropped |", "|---|---|--:|--:|---|"]
    for step in steps:
        dropped = ", ".join(f"{_plain(rule)} {count:,}" for rule, count in step.dropped.items())
        name = f"`{_cell(step.id)}`" + ("" if step.id == step.kind else f" ({_cell(step.kind)})")
        lines.append(f"| {name} | {_cell(step.told)} | {step.came:,} | {step.kept:,} | {_cell(dropped)} |")
    compared = [step for step in steps if step.kind == "decontaminate"]
    lines.append("")
    if compared:
        lines += [
            f"Decontaminated by `{_plain(step.id)}`"
            + (f" against {amount(step.compared, 'evaluation row')}" if step.compared is not None else "")
            + f": dropped as repeating one: {sum(step.dropped.values()):,}."
            for step in compared
        ]
    else:
        lines.append("It was not compared with evaluation sets: no `decontaminate` stage was run.")
    return lines


def _use(summary: Summary, about: About) -> list[str]:
    path = Path(summary.file)
    how = {
        "folder": f'datasets.load_from_disk("{summary.file}")',
        "parquet": f'datasets.load_dataset("parquet", data_files="{summary.file}")',
        "arrow": f'datasets.Dataset.from_file("{summary.file}")',
        "csv": f'datasets.load_dataset("csv", data_files="{summary.file}")',
        "tsv": f'datasets.load_dataset("csv", data_files="{summary.file}", sep="\\t")',
    }.get(str(kind_of_file(summary.file)), f'datasets.load_dataset("json", data_files="{summary.file}")')
    lines = ["## How to use it", "", f"    {how}", ""]
    name = path.name.partition(".")[0] if about.title == About.title else about.title
    for tool in trainer_lines(summary.format, summary.file, summary.fields, name):
        if tool.why_none:
            lines += [f"{tool.tool}: {tool.why_none}.", ""]
            continue
        lines += [
            f"{tool.tool}, in {tool.place}:",
            "",
            *(f"    {line}" for line in tool.text.splitlines()),
            "",
        ]
        if tool.tool == "LLaMA-Factory" and summary.uneven:
            lines += [
                f"{summary.uneven:,} conversations do not go user, assistant, user …; LLaMA-Factory "
                "passes over them.",
                "",
            ]
    return lines


def _before(summary: Summary, about: About) -> list[str]:
    lines = ["## Before you use it", ""]
    for teacher in sorted(summary.origins["teacher"])[:_LISTED]:
        terms = about.terms(teacher) or "what holds is its model's licence, or the terms of who serves it"
        lines.append(f"- `{_plain(teacher)}`: {terms}.")
    return [
        *lines,
        *([""] if summary.origins["teacher"] else []),
        "What a model wrote can be wrong, biased or too close to what it was trained on. Whether you may "
        "train on it",
        "depends on the terms of the models named above and on the licences of the sources. synthgen checks "
        "neither.",
    ]


def _plain(text: str) -> str:
    """A name from the data on one line, without what would end the code span that it stands in."""
    return " ".join(text.replace("`", "'").split())[:200]


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")
