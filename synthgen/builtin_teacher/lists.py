"""Lists of new questions or tasks, in the form and of the subjects that the prompt shows."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass

import orjson

from synthgen.builtin_teacher import arithmetic, general, mistakes, working
from synthgen.builtin_teacher.logic.people import NAMES
from synthgen.builtin_teacher.mistakes import Draft
from synthgen.builtin_teacher.request import Refused, Request

MOST = 100  # items a reply

Subject = tuple[str, str | None]
"""What an item is about, and of a puzzle its kind."""
Item = dict[str, str]
"""`question` and `answer`, or `instruction`, `input` and `output`."""

_COUNT = re.compile(r"\b(\d+) (?:[a-z]+ ){0,2}(?:tasks?|questions?|problems?|instructions?)\b", re.IGNORECASE)
_RANGE = re.compile(r"\b(?:tasks?|questions?|problems?|instructions?) (\d+) to (\d+)\b", re.IGNORECASE)
_SHOWN = re.compile(
    r"^[ \t]*(\d+)\. (Question|Instruction):[ \t]*(.*?)\s*(?=^[ \t]*\d+\. (?:Answer|Input|Output):|^[ "
    r"\t]*###|\Z)",
    re.MULTILINE | re.DOTALL,
)
_OPENED = re.compile(r"\b(\d+)\. (?:Question|Instruction):\s*$")
_OBJECT = re.compile(r'\{\s*"(questions|tasks)"\s*:\s*\[\s*\{')


@dataclass(frozen=True)
class ListRequest:
    """A list that a prompt asks for: its form, what its items are, and their numbers.

    `opened` is true where the prompt itself ends with the first item's label, as Alpaca's does.
    """

    form: str
    kind: str
    subjects: tuple[Subject, ...]
    first: int
    last: int
    opened: bool = False


def find_list(text: str) -> ListRequest | None:
    """The list that a prompt asks for; None where it asks for none.

    Raises:
        Refused: it asks for a list of something that this teacher cannot write.
    """
    shown = _OBJECT.search(text)
    if shown is not None:
        demonstrations, form, first = _decoded(text, shown), "json", 1
        kind = "question" if shown[1] == "questions" else "instruction"
    else:
        if "1. Question:" not in text and "1. Instruction:" not in text:
            return None
        demonstrated = _SHOWN.findall(text)
        demonstrations, form = [content for _, _, content in demonstrated if content], "text"
        kind = demonstrated[0][1].lower()
        first = (
            1 + max(int(number) for number, _, content in demonstrated if content) if demonstrations else 1
        )
    count = _COUNT.search(text)
    if count is None:
        return None
    opened, numbers = _OPENED.search(text), _RANGE.search(text)
    last = first + int(count[1]) - 1
    if opened is not None:
        first, last = int(opened[1]), max(int(opened[1]), int(count[1]))
    elif numbers is not None and form == "text":
        first, last = int(numbers[1]), int(numbers[2])
    if not 1 <= last - first + 1 <= MOST:
        raise Refused(
            f"the builtin teacher writes 1 to {MOST} items a list; asked for numbers {first} to {last}",
            code="invalid_list",
        )
    return ListRequest(form, kind, _subjects(demonstrations, kind), first, last, opened is not None)


def _decoded(text: str, shown: re.Match[str]) -> list[str]:
    try:
        value, _ = json.JSONDecoder().raw_decode(text, shown.start())
    except ValueError as fault:
        raise Refused(f"the demonstrations are no JSON: {fault}", code="invalid_list") from fault
    return [
        str(item.get("question") or item.get("instruction") or "")
        for item in value[shown[1]]
        if isinstance(item, dict)
    ]


def _subjects(demonstrations: list[str], kind: str) -> tuple[Subject, ...]:
    questions = [working.work_out(question) for question in demonstrations]
    known = tuple((each.subject, each.kind) for each in questions if each is not None)
    if kind == "instruction":
        return known if known and len(known) == len(demonstrations) else (("general", None),)
    if not known:
        shown = demonstrations[0][:80] if demonstrations else ""
        raise Refused(
            "the builtin teacher writes new questions of arithmetic and logic only, in the way of "
            "the seeds that come with synthgen, and recognises "
            f"none of the {len(demonstrations)} shown (the first is {shown!r}). Other questions need "
            "another teacher"
        )
    return known


def write_list(request: Request, sample: int, wanted: ListRequest) -> Draft:
    """A list as wanted, with the sample's mistake."""
    rng = request.rng(sample, "list")
    mistake = mistakes.mistake_of(request, sample, mistakes.IN_LISTS)
    items = [_item(wanted, rng) for _ in range(wanted.first, wanted.last + 1)]
    if mistake == "near_duplicate":
        repeated = max(1, len(items) // 3)
        items[-repeated:] = [_almost(item, rng) for item in items[:repeated]]
    if mistake == "malformed_list":
        text, reason = _malformed(wanted, items, rng)
    else:
        text, reason = _written(wanted, items), "stop"
    return Draft(text, reason, mistake)


def _item(wanted: ListRequest, rng: random.Random) -> Item:
    subject, puzzle = rng.choice(wanted.subjects)
    if subject == "general":
        task = general.make_task(rng)
        return {"instruction": task.instruction, "input": task.input, "output": task.output}
    question, reference = working.make_problem(subject, rng, puzzle)
    if wanted.kind == "question":
        return {"question": question, "answer": reference}
    known = working.work_out(question)
    assert known is not None
    return {"instruction": question, "input": "", "output": known.in_words()}


def _almost(item: Item, rng: random.Random) -> Item:
    """Nearly the same item: with another person in it, or with a "Please"."""
    if "question" not in item:
        instruction = item["instruction"]
        return {**item, "instruction": f"Please {instruction[0].lower()}{instruction[1:]}"}
    question = item["question"]
    people = [word for word in re.findall(r"\b[A-Z][a-z]+\b", question) if word in _PEOPLE]
    if people:
        rarest = min(people, key=people.count)
        alike = next((names for names in (arithmetic.GIRLS, arithmetic.BOYS) if rarest in names), NAMES)
        other = rng.choice([name for name in alike if name not in people])
        changed = working.work_out(re.sub(rf"\b{rarest}\b", other, question))
        if changed is not None:
            return {"question": changed.question, "answer": changed.working.answer}
    return item


_PEOPLE = frozenset(NAMES) | frozenset(arithmetic.GIRLS) | frozenset(arithmetic.BOYS)


def _labelled(wanted: ListRequest, number: int, item: Item) -> str:
    if wanted.kind == "question":
        return f"{number}. Question: {item['question']}\n{number}. Answer: {item['answer']}\n"
    return (
        f"{number}. Instruction: {item['instruction']}\n{number}. "
        f"Input:\n{item['input'] or '<noinput>'}\n{number}. Output:\n{item['output']}\n"
    )


def _written(wanted: ListRequest, items: list[Item]) -> str:
    if wanted.form == "json":
        return orjson.dumps({f"{wanted.kind}s" if wanted.kind == "question" else "tasks": items}).decode()
    parts = [_labelled(wanted, number, item) for number, item in enumerate(items, start=wanted.first)]
    return _joined(wanted, parts)


def _joined(wanted: ListRequest, parts: list[str]) -> str:
    text = "".join(f"###\n{part}" for part in parts).rstrip("\n")
    return text.split(":", 1)[1].lstrip() if wanted.opened else text


def _malformed(wanted: ListRequest, items: list[Item], rng: random.Random) -> tuple[str, str]:
    """The list with one thing wrong in its form: text and finish_reason."""
    way = rng.choice(("fence", "missing_field", "cut", "numbering", "separator"))
    if way == "fence":
        return f"```{'json' if wanted.form == 'json' else ''}\n{_written(wanted, items)}\n```", "stop"
    if way == "cut":
        text = _written(wanted, items)
        last = len(_written(wanted, items[:-1]))
        return text[: rng.randint(last + 20, len(text) - 2)], "length"
    broken = rng.randrange(len(items))
    if way == "missing_field":
        field = "answer" if wanted.kind == "question" else "output"
        if wanted.form == "json":
            items = [
                {name: text for name, text in item.items() if number != broken or name != field}
                for number, item in enumerate(items)
            ]
            return _written(wanted, items), "stop"
        parts = [_labelled(wanted, number, item) for number, item in enumerate(items, start=wanted.first)]
        label = re.compile(rf"^\d+\. {field.title()}:", re.MULTILINE)
        parts[broken] = label.split(parts[broken], maxsplit=1)[0]
        return _joined(wanted, parts), "stop"
    if wanted.form == "json":
        text = _written(wanted, items)
        return (
            text[:-2] + ",]}" if way == "numbering" else f"Here is the list:\n{text}\nI hope this helps!"
        ), "stop"
    numbers = [
        number + (way == "numbering" and number - wanted.first >= broken)
        for number in range(wanted.first, wanted.last + 1)
    ]
    parts = [_labelled(wanted, number, item) for number, item in zip(numbers, items, strict=True)]
    text = _joined(wanted, parts)
    return (text if way == "numbering" else text.replace("###\n", "\n")), "stop"
