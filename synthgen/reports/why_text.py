"""The story of `synthgen why` as text for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from synthgen.core.text import amount, shortened, terminal_columns
from synthgen.reports.row_text import cut_line, gist, measured, row_lines

TITLES = {
    "children": "made of it",
    "took_out": "dropped for being like it",
    "neighbours": "most like it among the rows that were kept to the end",
}


TURN = 140
"""Characters of a turn of the prompt that are shown where there is no time for all."""


def why_text(story: dict[str, Any], full: bool = False) -> str:
    """The story as text for people; with `full` the whole prompt, and where the parents came from."""
    return "\n".join(_lines(story, full))


def _lines(story: dict[str, Any], full: bool) -> Iterator[str]:
    yield f"row {story['id']}"
    yield from row_lines(
        {name: value for name, value in story["row"].items() if name not in ("id", "rejection")}
    )
    for parent in story["parents"]:
        yield f"\nmade from {parent['id']}" + (": (not in this run)" if len(parent) == 1 else "")
        if len(parent) > 1:
            yield from row_lines(
                {
                    name: value
                    for name, value in parent.items()
                    if name in ("instruction", "input", "messages", "reference", *(["meta"] if full else []))
                }
            )
    if story["request"] is not None:
        yield from _request_lines(story["request"], full)
    yield "\nwhat became of it"
    for step in story["path"]:
        yield f"  {step['stage']}: {step['verdict']}{_because(step)}"
    if story["matched"]:
        yield f"    it is like {story['matched']['id']}: {shortened(gist(story['matched'], ''), 300)}"
    yield from _related_lines(story, full)
    yield from _answer_lines(story["answers"])


def _request_lines(request: dict[str, Any], full: bool) -> Iterator[str]:
    yield f"\nasked as {request['key']}" + (
        " (no such reply in this ledger)"
        if request.get("missing")
        else f" of {request['model']}, {request['seconds']:g} s, {_tokens(request)}"
    )
    turns = list(request.get("messages") or ())
    left_out = 0 if full else max(0, len(turns) - 3)  # few-shot examples, between the first and the last
    for place, turn in enumerate(turns):
        if left_out and place == 1:
            yield f"  … {amount(left_out + 1, 'turn')} left out (--full shows them) …"
        if not left_out or place in (0, len(turns) - 1):
            limit = 1000 if full or place == len(turns) - 1 else TURN
            yield f"  {turn.get('role', ''):<12} {shortened(str(turn.get('content') or ''), limit)}"
    if request.get("prompt"):
        yield f"  {'prompt':<12} {shortened(str(request['prompt']), 1000 if full else 4 * TURN)}"
    if "reply" in request:
        yield f"  {'reply':<12} {shortened(request['reply'], 2000)}" + (
            f"  [{request['finish_reason']}]" if request["finish_reason"] != "stop" else ""
        )


def _related_lines(story: dict[str, Any], full: bool) -> Iterator[str]:
    for name, title in TITLES.items():
        if story[name]:
            yield f"\n{title}"
            for other in story[name]:
                details = [str(other[key]) for key in ("stage", "in", "rule") if other.get(key)] + (
                    [f"{other['score']:.3f}"] if other.get("score") is not None else []
                )
                line = f"  {other['id']}  {' · '.join(details)}" + (
                    f"  {shortened(other['question'], 120)}" if other.get("question") else ""
                )
                yield line if full else cut_line(line, terminal_columns())


def _answer_lines(answers: list[dict[str, Any]]) -> Iterator[str]:
    for question in answers:
        yield f"\nanswered in {question['stage']}, reference {question['reference']}"
        for model, answer in question["answers"].items():
            outcome = {True: "right", False: "wrong", None: "no reference"}[answer.get("right")]
            yield (
                f"  {model:<12} {outcome}, parsed {answer.get('parsed')}, "
                f"{'stopped' if answer.get('stopped') else answer.get('ending')}: "
                f"{shortened(answer.get('text', ''), 300)}"
            )


def _because(step: dict[str, Any]) -> str:
    rejection = step.get("rejection")
    if rejection is None:
        return f" (held to {', '.join(step['rules'])})" if step["rules"] else ""
    figures = measured(rejection, ("value", "threshold", "matched_id", "score"), 200)
    return f" by {rejection.get('rule')}" + (f" ({', '.join(figures)})" if figures else "")


def _tokens(request: dict[str, Any]) -> str:
    usage = request["usage"]
    text = f"{usage.get('prompt_tokens') or 0} + {usage.get('completion_tokens') or 0} tokens"
    samples = request.get("samples", 1)
    if not request.get("cost_usd"):
        return text if samples == 1 else f"{text} for {samples} samples"
    if samples == 1:
        return f"{text}, ${request['cost_usd']:.6f}"
    return (
        f"{text} and ${request['request_cost_usd']:.6f} for {samples} samples, "
        f"of which this one's share is ${request['cost_usd']:.6f}"
    )
