"""A preview as a person reads it: the prompt once, then a line a sample; or all that was sent and made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from synthgen.answers.equality import same_answer
from synthgen.answers.extract import gold_answer
from synthgen.core.rows import Row, question_text
from synthgen.core.text import COLUMNS, dollars, printable, shortened, width, wrapped

PROMPT, REPLY, SAMPLES = 16, 4, 15
"""How many lines of a prompt and of a reply are shown, and how many samples."""
_FINDING = 30
"""Columns of what became of a sample."""


def preview_text(shown: Mapping[str, Any]) -> str:
    """Every prompt as sent, every reply, and what was made of it."""
    lines: list[str] = _notes(shown)
    for number, preview in enumerate(shown["previews"], 1):
        lines.append(
            f"=== {shown['stage']} {number} of {len(shown['previews'])}"
            + (f": {preview['asks']}" if "asks" in preview else "")
        )
        for index, messages in enumerate(preview["messages"]):
            lines += _messages(messages)
            for reply in preview["replies"][index] if index < len(preview["replies"]) else ():
                lines += _reply(reply)
        for entry in preview["rows"]:
            lines.append("--- row\n" + _row_text(entry["row"]))
            if entry["verdicts"]:
                said = [
                    f"{rule} {'ok' if verdict['keep'] else 'rejects'}"
                    for rule, verdict in entry["verdicts"].items()
                ]
                lines.append("decisions: " + ", ".join(said))
        for item in preview["rejected"]:
            why = item["rejection"]
            lines.append(f"--- rejected by {why['rule']} (value {why.get('value')!r})\n" + _row_text(item))
        if "note" in preview:
            lines.append(f"--- tokens\n{preview['note']}")
        if "failed" in preview:
            lines.append(f"--- failed: {preview['failed']}")
        lines.append("")
    return printable("\n".join([*lines, _cost(shown)]))


def preview_summary(shown: Mapping[str, Any], columns: int = COLUMNS) -> str:
    """The first prompt and its reply, a line for what became of each sample, and how many came to what."""
    lines: list[str] = _notes(shown)
    for asks, group in groupby(shown["previews"], key=lambda preview: preview.get("asks", "")):
        previews = list(group)
        lines.append(f"=== {shown['stage']}{f': {asks}' if asks else ''}, the first of {len(previews)}")
        first = previews[0]
        for messages in first["messages"][:1]:
            lines += _cut("\n".join(_messages(messages)), PROMPT, columns)
        for reply in first["replies"][0][:1] if first["replies"] else ():
            lines += _cut("\n".join(_reply(reply)), REPLY, columns)
        if "note" in first:
            lines += _cut(f"--- tokens\n{first['note']}", PROMPT, columns)
        lines += ["", *_sample_lines(previews, columns), ""]
    return printable("\n".join([*lines, _cost(shown), "--full shows every prompt, reply and row"]))


def _sample_lines(previews: Sequence[Mapping[str, Any]], columns: int) -> Iterator[str]:
    """A line for each sample, and a last one with how many came to what."""
    found = [sample for preview in previews for sample in _samples(preview)]
    told = [shortened(finding, _FINDING) for _, finding, _ in found[:SAMPLES]]
    room = max(map(width, told), default=0)
    for number, (said, (_, _, about)) in enumerate(zip(told, found, strict=False), 1):
        start = f"{number:>3}  {said}{' ' * (room - width(said))}  "
        yield (start + shortened(about, max(10, columns - width(start)))).rstrip()
    if len(found) > SAMPLES:
        yield f"     and {len(found) - SAMPLES:,} more"
    counted = Counter(kind for kind, _, _ in found)
    yield f"of {len(found):,}: " + ", ".join(f"{number:,} {kind}" for kind, number in counted.most_common())


def _samples(preview: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Of each sample what kind of end it came to, that in full, and its question."""
    for entry in preview["rows"]:
        kind, finding = _finding(entry["row"], entry["verdicts"])
        yield kind, finding, _about(entry["row"])
    for item in preview["rejected"]:
        why = item["rejection"]
        value = why.get("value")
        yield why["rule"], f"rejected: {why['rule']}{'' if value is None else f' ({value})'}", _about(item)
    if "failed" in preview:
        yield "failed", f"failed: {preview['failed']}", ""


def _finding(row: Row, verdicts: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    for rule, verdict in verdicts.items():
        if verdict["keep"]:
            continue
        value, wanted = verdict["value"], verdict.get("threshold")
        if rule.startswith("answer_match"):
            if value == "no answer":
                return "without an answer", "no answer found"
            return "wrong", f"{value}, wanted {wanted}"
        return rule, f"rejected: {rule}{'' if value is None else f' ({value})'}"
    if "answer" in row:  # of an evaluation, which has no rules
        return _held(row["answer"], row.get("reference"))
    meta = row.get("meta")
    scores = meta.get("scores") if isinstance(meta, dict) else None
    said = row.get("final_answer") or ", ".join(f"{name} {value}" for name, value in (scores or {}).items())
    return "ok", f"ok {said}" if said else "ok"


def _held(answer: Any, reference: Any) -> tuple[str, str]:
    """What a teacher's answer is, beside the reference."""
    if answer is None:
        return "without an answer", "no answer found"
    if reference is None or isinstance(reference, list):
        return "answered", f"answered {answer}"
    wanted = gold_answer(reference)
    return (
        ("ok", f"ok {answer}")
        if same_answer(str(answer), wanted)
        else ("wrong", f"{answer}, wanted {wanted}")
    )


def _about(row: Row) -> str:
    return question_text(row) or str(row.get("question") or row.get("output") or row.get("raw") or "")


def _notes(shown: Mapping[str, Any]) -> list[str]:
    return [f"note: {assumed}" for assumed in shown.get("assumed", ())]


def _messages(messages: Any) -> list[str]:
    turns = messages if isinstance(messages, list) else [{"role": "prompt", "content": messages}]
    return [f"--- {turn['role']}\n{turn['content']}" for turn in turns]


def _reply(reply: Mapping[str, Any]) -> list[str]:
    thought = [f"--- reasoning\n{reply['reasoning']}"] if reply["reasoning"] else []
    return [*thought, f"--- reply ({reply['finish_reason']})\n{reply['text']}"]


def _cut(text: str, most: int, columns: int) -> list[str]:
    """A text's first and last lines, as they stand on the terminal."""
    lines = wrapped(text, columns).split("\n")
    if len(lines) <= most + 1:
        return lines
    last = most * 2 // 5
    return [*lines[: most - last], f"… {len(lines) - most:,} lines left out …", *lines[len(lines) - last :]]


def _cost(shown: Mapping[str, Any]) -> str:
    cost = shown.get("cost_usd")
    return (
        f"{shown.get('prompt_tokens', 0):,} prompt and {shown.get('completion_tokens', 0):,} "
        "completion tokens" + (f", {dollars(cost)}" if cost else "") + "; the replies are in the ledger"
    )


def _row_text(row: Row) -> str:
    """A row's fields, one a line, and the scores that it was given."""
    meta = row.get("meta")
    scores = meta.get("scores") if isinstance(meta, dict) else None
    fields = [f"{name}: {value}" for name, value in row.items() if name not in ("meta", "rejection")]
    return "\n".join([*fields, *(f"scores.{name}: {value}" for name, value in (scores or {}).items())])
