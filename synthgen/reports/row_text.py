"""How rows, rejections and histograms are shown to people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from synthgen.core.rows import Row, question_text
from synthgen.core.text import shortened, width


def measured(rejection: Row, names: Sequence[str], limit: int) -> list[str]:
    """What a rule measured: numbers to four places, and a value that is the score only once."""
    twice = rejection.get("score") is not None and rejection.get("value") == rejection["score"]
    return [
        f"{name} {shortened(in_words(rejection[name]), limit)}"
        for name in names
        if name in rejection and not (twice and name == "value")
    ]


def rounded(value: Any) -> Any:
    """A float to four places, yes or no for what is true or not; anything else as it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return round(value, 4) if isinstance(value, float) else value


def in_words(value: Any) -> str:
    """A value as people read it: numbers to four places, objects and lists without the signs of a program."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {in_words(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(in_words, value))
    return str(rounded(value))


def gist(row: Row, rule: str) -> str:
    """The part of a row that a rule is most likely about: the answer for reply rules, else the question."""
    if rule in ("refusal", "truncated", "run_on", "answer_match", "echo", "length") and (
        row.get("output") or row.get("rationale")
    ):
        return str(row.get("output") or row.get("rationale"))
    return question_text(row) or str(row.get("output") or row.get("text") or row.get("raw") or row)


def row_lines(row: Row, limit: int = 400) -> Iterable[str]:
    """A row as lines: one for each field and each turn of a conversation, scores with the rest of `meta`."""
    for name, value in row.items():
        if name == "meta" and isinstance(value, dict):
            shown = {**value, **_nested(value)}
            value = ", ".join(
                f"{key} {rounded(part)}" for key, part in shown.items() if isinstance(part, str | int | float)
            )
        if (
            isinstance(value, list)
            and value
            and all(isinstance(turn, dict) and "content" in turn for turn in value)
        ):
            for index, turn in enumerate(value):
                text = f"{turn.get('role', '')}: {turn['content']}"
                yield f"  {name if index == 0 else '':<12} {shortened(text, limit // 2)}"
            continue
        yield f"  {name:<12} {shortened(str(value), limit)}"


def _nested(meta: Row) -> Row:
    """What `meta` holds of scores, and of texts that people fixed, by names of their own."""
    scores, fixed = (
        found if isinstance(found := meta.get(name), dict) else {} for name in ("scores", "fixed")
    )
    people = {f"{name} fixed by": one.get("by") for name, one in fixed.items() if isinstance(one, dict)}
    return {**{f"scores.{key}": part for key, part in scores.items()}, **people}


def cut_line(line: str, columns: int) -> str:
    """A line with the space that it begins with, cut where it is too wide."""
    text = line.lstrip(" ")
    space = line[: len(line) - len(text)]
    while width(f"{space}{text}") > columns:
        text = shortened(text, len(text) - 1)
    return f"{space}{text}"


def bars(histogram: Sequence[Sequence[int]]) -> str:
    """A histogram as a row of blocks; a dot where there is nothing."""
    most = max(count for _, _, count in histogram)
    return "".join(
        "·▁▂▃▄▅▆▇█"[0 if not count else max(1, round(8 * count / most))] for _, _, count in histogram
    )
