"""What a student learns to say: a row as prompt and completion, both chat messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from synthgen.training.prompting import last_assistant_turn, student_prompt

Completion = Literal["rationale_then_answer", "answer_only", "output"]

NEEDED: dict[Completion, tuple[str, ...]] = {
    "rationale_then_answer": ("rationale", "final_answer"),
    "answer_only": ("final_answer",),
    "output": ("output",),
}
"""Fields of a row that each kind of completion is made of; a conversation's last assistant turn stands for `output`."""


def missing_fields(row: Mapping[str, Any], completion: Completion) -> tuple[str, ...]:
    """The fields that a row lacks for a kind of completion."""
    if completion == "output" and not row.get("output") and _last_turn(row):
        return ()
    return tuple(field for field in NEEDED[completion] if row.get(field) is None or not str(row[field]).strip())


def completion_text(row: Mapping[str, Any], completion: Completion) -> str:
    """The text that the student is trained to give; the row must have the fields it needs.

    An answer is always said as `The answer is X.`, on a line of its own after a rationale, so that one parser reads
    every student. A rationale that ends in that sentence already is left as it is.
    """
    if completion == "output":
        return str(row.get("output") or _last_turn(row))
    answer = f"The answer is {str(row['final_answer']).strip()}."
    if completion == "answer_only":
        return answer
    rationale = str(row["rationale"]).strip()
    return rationale if rationale.endswith(answer) else f"{rationale}\n{answer}"


def example(row: Mapping[str, Any], completion: Completion) -> dict[str, list[dict[str, str]]]:
    """A row as TRL's conversational prompt/completion: {"prompt": [messages], "completion": [one message]}."""
    return {"prompt": student_prompt(row), "completion": [{"role": "assistant", "content": completion_text(row, completion)}]}


def _last_turn(row: Mapping[str, Any]) -> str:
    if row.get("instruction") or not row.get("messages"):
        return ""
    turns = list(row["messages"])
    at = last_assistant_turn(turns)
    return str(turns[at].get("content") or "") if at < len(turns) else ""
