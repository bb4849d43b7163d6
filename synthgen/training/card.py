"""The README.md of a trained student: what it is, from which data, how it was trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from synthgen.core.rows import Row
from synthgen.training.completions import FORMS

NAMED = 10  # teachers named on the card; a merged data set may have more


def teachers_of(rows: Iterable[Row]) -> dict[str, int]:
    """Who wrote the rows, `teacher model` -> rows; rows without a teacher count under their source."""
    rows_of: dict[str, int] = {}
    for row in rows:
        meta = row.get("meta") or {}
        name = " ".join(str(meta[key]) for key in ("teacher", "model") if meta.get(key)) or str(
            meta.get("source") or "unknown"
        )
        rows_of[name] = rows_of.get(name, 0) + 1
    return dict(sorted(rows_of.items(), key=lambda entry: (-entry[1], entry[0])))


def model_card(
    *,
    title: str,
    base: str,
    from_scratch: bool,
    parameters: int,
    completion: str,
    trained_with: str,
    tags: Sequence[str],
    datasets: Sequence[tuple[str, str, int]],
    data: Mapping[str, Any],
    teachers: Mapping[str, int],
    options: Mapping[str, Any],
    result: Mapping[str, Any],
    example: str,
    before: Sequence[str] = (),
) -> str:
    """The card as Markdown with a YAML head; the same training gives the same card.

    Args:
        title: the student's name.
        base: what it was before: a hub id, a folder, or how it was made.
        from_scratch: whether its first weights were random.
        parameters: how many weights it has.
        completion: what it was trained to say.
        trained_with: the trainer's name.
        tags: beside `synthgen`.
        datasets: what it was trained on: name, version and number of rows of each.
        data: a table about its rows, name -> value.
        teachers: who wrote them, see `teachers_of`.
        options: all options of the training.
        result: a table about the training, name -> value.
        example: one example, with its mask.
        before: the stages of synthgen that trained it before, the first one first, and what that one started
            from before them.

    Returns:
        The text of README.md.
    """
    head = [
        "---",
        "library_name: transformers",
        "pipeline_tag: text-generation",
        f"tags: [{', '.join(('synthgen', *tags))}]",
    ]
    origin = before[0] if before else base
    if not from_scratch and origin:
        head.append(f"base_model: {orjson.dumps(origin).decode()}")
    lines = [*head, "---", "", f"# {title}", ""]
    lines.append(
        f"A student of {parameters:,} parameters, trained by synthgen with {trained_with}. It "
        f"started from {_code(base)}; its completions are `{completion}`."
    )
    if before:
        trained = ", then ".join(_code(name) for name in before[1:])
        lines += ["", f"Before that it was trained as {trained}; the first of these started from "]
        lines[-1] += f"{_code(origin)}." if origin else "random weights."
    lines += ["", f"To ask it, {FORMS[completion].how_to_ask}"] if completion in FORMS else []
    lines += ["", "## Data", ""]
    lines += [
        f"- trained on dataset {_code(name)} version `{version}`, {n:,} rows" for name, version, n in datasets
    ]
    lines += ["", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in data.items()]
    lines += ["", "Written by:", ""]
    lines += [f"- {_code(name)}: {number:,} rows" for name, number in list(teachers.items())[:NAMED]]
    if len(teachers) > NAMED:
        lines.append(f"- and {len(teachers) - NAMED} more")
    lines += ["", "One example, as it was trained on:", "", *(f"    {line}" for line in example.splitlines())]
    lines += [
        "",
        "## Training",
        "",
        *(
            f"    {line}"
            for line in orjson.dumps(dict(options), option=orjson.OPT_INDENT_2).decode().splitlines()
        ),
    ]
    lines += ["", "| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in result.items())]
    lines += [
        "",
        "## Licence",
        "",
        "Not stated by synthgen. "
        + ("" if from_scratch else "The base model's licence holds for these weights too. ")
        + (
            "The terms of the teachers named above may say what a model trained on their answers may "
            "be used for."
        ),
    ]
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    return "`" + " ".join(text.replace("`", "'").split()) + "`"
