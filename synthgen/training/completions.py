"""What a student learns to say: a row as prompt and completion; and how its replies are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from synthgen.training.prompting import last_assistant_turn, student_prompt
from synthgen.training.turns import Learn, is_conversation, learned_turns, reasoning_of

Completion = Literal["rationale_then_answer", "answer_only", "output", "multi_task", "think_tags"]
TWO_TEXTS = frozenset(("multi_task",))
"""Completions of which a row has two."""
Example = dict[str, list[dict[str, str]]]
"""TRL's conversational prompt and completion: {"prompt": [messages], "completion": [one message]}."""

PREDICT, EXPLAIN = "predict: ", "explain: "
"""What stands before the question in the two tasks of `multi_task` (Hsieh et al. 2023, arXiv 2305.02301)."""

THINK, END_OF_THINKING = "<think>", "</think>"

NEEDED: dict[Completion, tuple[str, ...]] = {
    "rationale_then_answer": ("rationale", "final_answer"),
    "answer_only": ("final_answer",),
    "output": ("output",),
    "multi_task": ("rationale", "final_answer"),
    "think_tags": ("rationale", "final_answer"),
}
"""The fields of a row that each completion is made of.

For `output`, the last assistant turn of a conversation may stand in its place. For `think_tags`, a row
without a rationale may bring `reasoning`, and then `final_answer` or `output`; a conversation may bring it in
its turns, beside their content or in tags within.
"""

PLAIN: tuple[Completion, ...] = ("rationale_then_answer", "answer_only", "output")
"""Completions whose texts together hold all that the others are made of, except a row's `reasoning`."""


class Form(NamedTuple):
    """How a student is asked or read otherwise than other models, in words."""

    remark: str
    """Said under an evaluation's table."""
    how_to_ask: str
    """Said on the model card, after "To ask it, "."""


FORMS: dict[str, Form] = {
    "multi_task": Form(
        f"`{PREDICT}` stood before the question, as in its training",
        f"put `{PREDICT}` before the question for an answer, or `{EXPLAIN}` for its rationale.",
    ),
    "think_tags": Form(
        f"its answer is what follows {END_OF_THINKING}; a reply that was cut before it counts as wrong",
        f"ask as usual, leave room for what it thinks, and take what follows `{END_OF_THINKING}`; a "
        "reply that was cut before that holds no answer.",
    ),
}
"""Completions whose students are asked or read otherwise than other models."""


def missing_fields(row: Mapping[str, Any], completion: Completion) -> tuple[str, ...]:
    """The fields that a row lacks for a completion."""
    if completion == "output" and not row.get("output") and _last_turn(row):
        return ()
    if completion == "think_tags" and (said := learned_turns(row, "last")):
        if _thinking(row["messages"][said[0]]):
            return ()
    if completion == "think_tags" and not _given(row, "rationale") and _given(row, "reasoning"):
        return () if _given(row, "final_answer") or _output(row).strip() else ("final_answer", "output")
    return tuple(field for field in NEEDED[completion] if not _given(row, field))


def needed_text(completion: Completion) -> str:
    """The fields that a completion is made of, for a person."""
    if completion == "think_tags":
        return "rationale and final_answer, or reasoning and one of final_answer and output"
    return " and ".join(NEEDED[completion])


def made_of(completion: Completion) -> tuple[str, str]:
    """What rows are used for, and what they need for it, for a person whose rows lack fields."""
    return (
        f"completion: {completion} is made of",
        f"{completion} needs {needed_text(completion)}; choose another completion, or generate with task: "
        "rationale",
    )


def completion_text(row: Mapping[str, Any], completion: Completion) -> str:
    """The text that the student is trained to give; the row must have the fields it needs.

    An answer is always said as `The answer is X.`, on a line of its own after a rationale, so that one
    parser reads every student. A rationale that ends in that sentence already is left as it is. For
    `multi_task` it is what `predict: ` is answered with. `think_tags` puts the rationale between the tags,
    and the model's own `reasoning` only where a row has no rationale: filters check rationales.
    """
    if completion == "output":
        return _output(row)
    if completion == "think_tags":
        said = learned_turns(row, "last")
        if said and not _given(row, "rationale") and (text := _thinking(row["messages"][said[0]])):
            return text
        thought = row["rationale"] if _given(row, "rationale") else row["reasoning"]
        answer = _answer(row) if _given(row, "final_answer") else _output(row).strip()
        return f"{THINK}\n{str(thought).strip()}\n{END_OF_THINKING}\n{answer}"
    answer = _answer(row)
    if completion in ("answer_only", "multi_task"):
        return answer
    rationale = str(row["rationale"]).strip()
    return rationale if rationale.endswith(answer) else f"{rationale}\n{answer}"


def missing_in_turns(row: Mapping[str, Any], completion: Completion, learn: Learn) -> tuple[str, ...]:
    """What a conversation lacks for its turns to be learned, `learn: all` or `marked`."""
    said = learned_turns(row, learn)
    if not said:
        return ("turn that is marked to be learned" if learn == "marked" else "assistant turn to learn",)
    texts = (_turn_text(row["messages"][index], completion) for index in said)
    return () if all(texts) else ("reasoning in each turn",) if completion == "think_tags" else ("content",)


def turn_examples(row: Mapping[str, Any], completion: Completion, learn: Learn) -> list[Example]:
    """A conversation as one example a learned turn, each with all that stands before it as its prompt."""
    return [
        {
            "prompt": student_prompt(row, before=index),
            "completion": [{"role": "assistant", "content": _turn_text(row["messages"][index], completion)}],
        }
        for index in learned_turns(row, learn)
    ]


def _turn_text(turn: Mapping[str, Any], completion: Completion) -> str:
    """What is learned of a turn; empty where it has nothing of the kind."""
    if completion == "think_tags":
        return _thinking(turn)
    content = str(turn.get("content") or "")
    return content if content.strip() else ""


def _thinking(turn: Mapping[str, Any]) -> str:
    """A turn with its thinking in tags before its content; empty where it brings none."""
    content = str(turn.get("content") or "").strip()
    if thought := reasoning_of(turn):
        return f"{THINK}\n{thought}\n{END_OF_THINKING}\n{content}" if content else ""
    before, closed, after = content.partition(END_OF_THINKING)
    return content if closed and before.startswith(THINK) and after.strip() else ""


def example(row: Mapping[str, Any], completion: Completion) -> Example:
    """A row's question, and the completion that answers it."""
    return example_of(row, question_prefix(completion), completion_text(row, completion))


def example_of(row: Mapping[str, Any], prefix: str, text: str) -> Example:
    """A row's question with a prefix, and any text as its completion."""
    return {"prompt": student_prompt(row, prefix), "completion": [{"role": "assistant", "content": text}]}


def question_prefix(completion: str) -> str:
    """What stands before the question wherever a student with such completions is asked for an answer."""
    return PREDICT if completion == "multi_task" else ""


def answer_part(reply: str, completion: str) -> str:
    """The part of a student's reply in which its answer is looked for.

    With `think_tags` that is what follows `</think>`, and nothing where the reply was cut before it.
    """
    if completion != "think_tags":
        return reply
    _, closed, after = reply.rpartition(END_OF_THINKING)
    return after if closed else ""


def _given(row: Mapping[str, Any], field: str) -> bool:
    return row.get(field) is not None and bool(str(row[field]).strip())


def _answer(row: Mapping[str, Any]) -> str:
    return f"The answer is {str(row['final_answer']).strip()}."


def _output(row: Mapping[str, Any]) -> str:
    return str(row.get("output") or _last_turn(row))


def _last_turn(row: Mapping[str, Any]) -> str:
    if not is_conversation(row):
        return ""
    turns = list(row["messages"])
    index = last_assistant_turn(turns)
    return str(turns[index].get("content") or "") if index < len(turns) else ""
