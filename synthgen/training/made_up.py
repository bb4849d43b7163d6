"""Rows that nobody wrote, for a rehearsal: of the kind that an objective learns, as long as it allows.

Which of a few kinds of row that is, the objective itself says: by the fields that it misses, and by the
examples that it makes of a row. A row's length is that of its tokens in the student's own template.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from synthgen.core.errors import StageFailed
from synthgen.core.rows import Row
from synthgen.training.student_options import StudentOptions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from synthgen.training.objectives.contract import Objective

Kind = Callable[[int, str], Row]
"""Makes the row of a number, with digits that give it its length."""

REHEARSED = "made-up"
"""What the ids of made-up rows begin with."""
LONGEST = 1 << 22  # digits; a tokenizer that joins more of them has no student


def made_up_rows(number: int, *, objective: Objective, student: StudentOptions, max_length: int) -> list[Row]:
    """Rows that a student can learn from, each as long as it may be.

    They are no longer than `max_length` tokens and than the student reads. If they have a fault that no
    length mends, they are short, and preflight tells the fault. For a tokenizer from scratch the first row
    brings more words, so that it has as many tokens as it will have.

    Args:
        number: how many rows.
        objective: what is made of them.
        student: whose tokens are counted; of a student that starts from another one, with that one's folder.
        max_length: tokens of prompt and completion together.

    Raises:
        ConfigError: the student's config or tokenizer cannot be loaded or used.
        StageFailed: the objective learns from none of the known kinds of row.
    """
    kind = _kind_for(objective)
    init = student.init
    words = _words(init.vocab_size) if init is not None and init.tokenizer_of is None else ""
    short = [kind(index, "1") for index in range(number)]
    if words:
        short[0]["reasoning"] = words
    tokenizer, end_ids, reads = _reading(student, short)
    room = min(max_length, reads or max_length)
    filled, digits = [], 0
    for index in range(number):
        row, digits = _filled(
            kind, index, digits, lambda row: _tokens(objective, row, tokenizer, end_ids), room
        )
        filled.append({**row, "reasoning": words} if words and index == 0 else row)
    return filled


def made_up_questions(number: int, first: int = 0) -> list[Row]:
    """Short questions with a reference, which stand in no made-up row before `first`."""
    names = ("id", "instruction", "reference")
    return [{name: row[name] for name in names} for row in map(_plain, range(first, first + number))]


def _kind_for(objective: Objective) -> Kind:
    """A conversation where several of its turns are learned; else a question with all that may answer it."""
    for kind in (_thinking, _talking):
        row = kind(0, "")
        if not objective.missing_fields(row) and objective.turns_fault(row) is None:
            if len([one for one in objective.examples(row) if one]) > len(objective.TASKS):
                return kind
    if missing := objective.missing_fields(_plain(0)):
        used_for, needed = objective.made_of()
        raise StageFailed(f"no made-up row has the {' and '.join(missing)} that {used_for}", next=needed)
    return _plain


def _plain(number: int, digits: str = "") -> Row:
    """One question, with an output, worked steps, a final answer, and a better and a worse answer."""
    one, other = number + 11, number + 12
    told = f" ({digits})" if digits else ""
    question, answer = f"What is {one} and {other}?{told}", f"It is {one + other}.{told}"
    return {
        "id": f"{REHEARSED}-{number}",
        "instruction": question,
        "output": answer,
        "rationale": f"I count on from {one} by {other}.{told}",
        "final_answer": str(one + other),
        "reference": str(one + other),
        "prompt": question,
        "chosen": answer,
        "rejected": f"It is {one}.{told}",
    }


def _talking(number: int, digits: str = "", **thought: str) -> Row:
    """Two questions with their answers, both marked to be learned."""
    turns: list[dict[str, Any]] = []
    for row in (_plain(number, digits), _plain(number + 1, digits)):
        turns.append({"role": "user", "content": row["instruction"]})
        turns.append({"role": "assistant", "content": row["output"], "weight": 1, **thought})
    return {"id": f"{REHEARSED}-{number}", "messages": turns}


def _thinking(number: int, digits: str = "") -> Row:
    """The same, with a thought before each answer."""
    return _talking(number, digits, reasoning="I count on from the first number.")


def _words(number: int) -> str:
    """So many different words of letters only, the same each time."""
    letters, rng = "etaoinshrdlucmfwypvbgk", random.Random(0)
    return " ".join("".join(rng.choices(letters, k=6)) for _ in range(number))


def _reading(
    student: StudentOptions, rows: list[Row]
) -> tuple[PreTrainedTokenizerBase, frozenset[int], int | None]:
    """The student's tokenizer, where it stops, and how many tokens it reads (None: no end is known)."""
    from synthgen.training.architecture import read_config
    from synthgen.training.chat_tokenizer import end_ids_of, open_tokenizer
    from synthgen.training.loading_check import source_of
    from synthgen.training.run import learned_texts
    from synthgen.training.student import loading, scratch_tokenizer

    if student.init is not None:
        # Digits are tokens of their own in it, so it is the same when the rows are filled with them.
        made, _ = scratch_tokenizer(student, student.init, learned_texts(rows))
        return made, frozenset((int(made.eos_token_id),)), student.init.positions
    with loading(str(student.model)):
        tokenizer, _ = open_tokenizer(student)
        config = read_config(source_of(student)).get_text_config()
        return tokenizer, end_ids_of(student, tokenizer), getattr(config, "max_position_embeddings", None)


def _tokens(
    objective: Objective, row: Row, tokenizer: PreTrainedTokenizerBase, end_ids: frozenset[int]
) -> int | None:
    """Tokens of a row's longest example; None where something else is wrong with it."""
    from synthgen.training.preflight import encoded_row

    examples = objective.checked(encoded_row(objective, row, tokenizer, end_ids, LONGEST))
    return None if any(one.fault for one in examples) else max(one.length for one in examples)


def _filled(
    kind: Kind, number: int, guess: int, tokens: Callable[[Row], int | None], room: int
) -> tuple[Row, int]:
    """The row of a number with the most digits that there is room for, and how many these are.

    Args:
        kind: makes the row.
        number: of the row.
        guess: digits that are likely to be right, from the row before.
        tokens: counts a row's tokens.
        room: tokens that it may have.
    """
    digits = "".join(random.Random(number).choices("123456789", k=64))

    def fits(length: int) -> bool:
        nonlocal digits
        while len(digits) < length:
            digits += digits
        counted = tokens(kind(number, digits[:length]))
        return counted is not None and counted <= room

    least, most, stride = 0, max(guess, 1), 1
    while most < LONGEST and fits(most):
        least, most, stride = most, most + stride, stride * 2
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if fits(middle) else (least, middle)
    return kind(number, digits[:least]), least
