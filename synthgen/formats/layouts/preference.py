"""Preferences: {prompt, chosen, rejected}, each a text or a list of messages.

As TRL has them, with the prompt apart or as the part that both conversations begin with; as LLaMA-Factory has
them, with an answer as one `{from, value}`; and as Anthropic's hh-rlhf has them, as one text with `Human:`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from synthgen.core.rows import CONTENT_FIELDS, Row, shape_of
from synthgen.formats.comparisons import pair_of, refuse_tie, take_pair
from synthgen.formats.contract import Options, Unfit, optional_text, required_text
from synthgen.formats.conversation import Turn, read_turns
from synthgen.formats.instruction import read_instruction, take_system
from synthgen.formats.layouts.sharegpt import COLUMNS as CONVERSATIONS
from synthgen.formats.meaning import is_nothing, refuse_unusable
from synthgen.formats.scored_answers import scored_answers, take_best
from synthgen.formats.spoken import question_in, silence_in, turns_in
from synthgen.formats.turns import ROLE_KEYS, unpacked

FIELDS = ("prompt", "chosen", "rejected")
LONG_NAMES = ("chosen_messages", "rejected_messages")
OPENAI = ("preferred_output", "non_preferred_output")
QUESTIONS = ("prompt", "instruction", "question", "query", "input")
BEFORE = ("context", "history", "dialogue_history")
"""Columns with what was said or asked before the answers, where there is no question."""


class Preference:
    """A question with the better and the worse of two answers."""

    VERSION: ClassVar[int] = 6
    Config: ClassVar[type[Options]] = Options

    def recognises(self, columns: Collection[str]) -> bool:
        """By `chosen` and `rejected`, `messages` with a `rejected_response`, or answers with a verdict."""
        pairs = (("chosen", "rejected"), ("messages", "rejected_response"), LONG_NAMES, OPENAI)
        if any(better in columns and worse in columns for better, worse in pairs):
            return True
        pair = pair_of(tuple(columns))
        asked = (*QUESTIONS, "messages", *CONVERSATIONS)
        if pair is not None and (
            any(name in columns for name in (*asked, *BEFORE)) or "conversation" in pair.columns[0].lower()
        ):
            return True
        return (
            isinstance(columns, Mapping)
            and not any(name in columns for name in ("output", "response", "completion"))
            and any(name in columns for name in asked)
            and scored_answers(columns) is not None
        )

    def read(self, record: Mapping[str, Any]) -> Row:
        """The three fields, checked; what else would be taken for the row's content keeps its values beside.

        Without a prompt, it is the turns that chosen and rejected begin with. A system text becomes the
        prompt's first turn.
        """
        refuse_unusable(record)
        row = dict(record)
        if "chosen" not in row or "rejected" not in row:
            _take_answers(row)
        refuse_tie(row)
        take_system(row)
        chosen, rejected = (_answer(row, field) for field in ("chosen", "rejected"))
        column = next((name for name in QUESTIONS if _is_there(row.get(name))), None)
        before = next((name for name in BEFORE if _is_there(row.get(name))), None)
        talk = next((name for name in ("messages", *CONVERSATIONS) if not is_nothing(row.get(name))), None)
        prompt: str | list[Turn]
        if column is not None:
            prompt = _question(row, column)
        elif talk is not None and (isinstance(chosen, str) or _only_answers(chosen)):
            prompt = read_turns(row.pop(talk), talk)
            if prompt[-1]["role"] == "assistant":
                raise Unfit("malformed_messages", f"{talk}: the prompt ends with an answer")
        elif before is not None:
            prompt = _question(row, before)
        else:
            prompt, chosen, rejected = _parted(chosen, rejected)
        system = optional_text(row, "system")
        if system:
            turns = prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}]
            if turns[0]["role"] != "system":
                prompt = [{"role": "system", "content": system}, *turns]
                chosen, rejected = (_as_turns(answer) for answer in (chosen, rejected))
        if isinstance(prompt, list) and not any(turn["role"] == "user" for turn in prompt):
            raise Unfit("missing_field", "prompt: no user turn")
        answers = (chosen, rejected)
        if isinstance(prompt, str) and any(_only_answers(answer) for answer in answers):
            prompt = [{"role": "user", "content": prompt}]
        if isinstance(prompt, list) or any(isinstance(answer, list) for answer in answers):
            chosen, rejected = (_as_turns(answer) for answer in answers)
        row.pop("system", None)
        others = [field for field in CONTENT_FIELDS if field in row and field not in (*FIELDS, "reference")]
        for field in others:
            row[f"original_{field}"] = row.pop(field)
        return {**row, "prompt": prompt, "chosen": chosen, "rejected": rejected}

    def write(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The three fields, as messages, so that a trainer asks by the student's template."""
        if shape_of(row) != "preference":
            raise Unfit("shape", "no prompt, chosen and rejected")
        prompt = row["prompt"]
        return {
            "prompt": [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt,
            "chosen": _as_turns(row["chosen"]),
            "rejected": _as_turns(row["rejected"]),
        }


def _take_answers(row: Row) -> None:
    """Puts the two answers under our names, where they have others."""
    pair = pair_of(tuple(row))
    if all(name in row for name in LONG_NAMES):
        row["chosen"], row["rejected"] = (row.pop(name) for name in LONG_NAMES)
    elif all(name in row for name in OPENAI):
        row["chosen"], row["rejected"] = (row.pop(name) for name in OPENAI)
        asked = row.pop("input", None)
        if isinstance(asked, Mapping):
            refuse_unusable(asked)
            row["messages"] = asked.get("messages")
        elif asked is not None:
            row["prompt"] = asked
    elif pair is not None and "rejected_response" not in row:
        take_pair(row, pair)
        _join_rounds(row)
    elif "rejected_response" not in row and scored_answers(row) is not None:
        take_best(row)
    else:
        _take_last_answer(row)


def _join_rounds(row: Row) -> None:
    """Kaggle's way: prompt and answers are JSON lists of the texts of each round."""
    asked = next((name for name in QUESTIONS if isinstance(row.get(name), str)), "")
    rounds = [unpacked(row.get(name)) for name in (asked, "chosen", "rejected")]
    if not all(isinstance(texts, list) and texts and isinstance(row.get(asked), str) for texts in rounds):
        return
    if not all(isinstance(text, str | None) for texts in rounds for text in texts):
        return
    questions, chosen, rejected = rounds
    if not len(questions) == len(chosen) == len(rejected) or None in questions:
        raise Unfit("malformed_messages", f"{asked}: {len(questions)} questions, but not as many answers")
    del row[asked]
    for name, answers in (("chosen", chosen), ("rejected", rejected)):
        row[name] = [
            {"role": role, "content": text or ""}
            for pair in zip(questions, answers, strict=True)
            for role, text in zip(("user", "assistant"), pair, strict=True)
        ]


def _take_last_answer(row: Row) -> None:
    """ms-swift's way: the conversation's last answer is the chosen one, `rejected_response` the other."""
    turns = read_turns(row.pop("messages", None), "messages")
    if turns[-1]["role"] != "assistant" or len(turns) < 2:
        raise Unfit("malformed_messages", "messages: the last turn is not the assistant's")
    row.update(messages=turns[:-1], chosen=turns[-1:], rejected=row.pop("rejected_response"))


def _is_there(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else not is_nothing(value)


def _turns_or_text(value: Any) -> Any:
    """A value, or the turns that it is the JSON text of; other JSON is a text."""
    inner = unpacked(value)
    if isinstance(value, str):
        turns = inner if isinstance(inner, list) else [inner]
        keyed = all(isinstance(turn, Mapping) and any(key in turn for key in ROLE_KEYS) for turn in turns)
        return inner if turns and keyed else value
    return inner


def _answer(record: Mapping[str, Any], field: str) -> str | list[Turn]:
    value = _turns_or_text(record.get(field))
    if isinstance(value, Mapping):
        value = [value]
    if isinstance(value, list) and value and all(isinstance(part, str | int | float) for part in value):
        if len(value) > 1:  # which of them is to be learned, or avoided, nobody says
            raise Unfit("not_text", f"{field} is a list of answers")
        return required_text({field: value[0]}, field)
    if isinstance(value, list):
        turns = read_turns(value, field)
        if turns[-1]["role"] != "assistant":
            raise Unfit("malformed_messages", f"{field}: the last turn is not the assistant's")
        if not turns[-1]["content"].strip():
            raise Unfit("missing_field", f"{field}: the answer is empty")
        return turns
    return required_text(record, field)


def _question(row: Row, column: str) -> str | list[Turn]:
    """The prompt, with the passage, options and input that belong to it; it leaves the row."""
    value = _turns_or_text(row[column])
    if isinstance(value, list | Mapping):
        del row[column]
        return read_turns(value if isinstance(value, list) else [value], column)
    spoken = question_in(value) if isinstance(value, str) else []
    if spoken:
        del row[column]
        return spoken
    asked = read_instruction(
        {
            name: part
            for name, part in row.items()
            if name not in (*FIELDS, *QUESTIONS[:-1], "system", "output", "reference", "messages", column)
        }
        | {"instruction": row[column]}
    )
    del row[column]
    if "messages" in asked:
        turns: list[Turn] = asked["messages"]
        row.pop("history", None)
        return turns
    row.pop("input", None)
    return f"{asked['instruction']}\n\n{asked['input']}" if asked.get("input") else str(asked["instruction"])


def _only_answers(answer: str | list[Turn]) -> bool:
    """Whether turns do not repeat the prompt that they answer."""
    return isinstance(answer, list) and all(turn["role"] == "assistant" for turn in answer)


def _parted(chosen: str | list[Turn], rejected: str | list[Turn]) -> tuple[Any, Any, Any]:
    """The turns that both begin with, and what each goes on with."""
    one, other = (
        _spoken(answer, field) if isinstance(answer, str) else answer
        for answer, field in ((chosen, "chosen"), (rejected, "rejected"))
    )
    if not one or not other:
        raise Unfit("missing_field", "prompt")
    same = 0
    while same < min(len(one), len(other)) - 1 and _said(one[same]) == _said(other[same]):
        same += 1
    while same and one[same - 1]["role"] == "assistant":
        same -= 1
    if same == 0:
        raise Unfit("missing_field", "prompt: chosen and rejected do not begin with the same turns")
    return one[:same], one[same:], other[same:]


def _spoken(text: str, field: str) -> list[Turn]:
    """The turns of a text that names its speakers, as hh-rlhf's do; none where it does not.

    Raises:
        Unfit: `missing_field` where a turn has no words, `malformed_messages` where the user speaks last.
    """
    turns = turns_in(text)
    if turns and turns[-1]["role"] == "assistant":
        return turns
    if why := silence_in(text):
        raise Unfit("missing_field", f"{field}: {why}")
    if turns:
        raise Unfit("malformed_messages", f"{field}: the dialogue ends with the user's turn")
    return []


def _said(turn: Turn) -> tuple[Any, Any]:
    return turn["role"], turn["content"]


def _as_turns(answer: str | list[Turn]) -> list[Turn]:
    return [{"role": "assistant", "content": answer}] if isinstance(answer, str) else answer
