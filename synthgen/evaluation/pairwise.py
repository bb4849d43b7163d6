"""Models' answers side by side before a judge, in both orders (Zheng et al. 2023, arXiv 2306.05685).

Judges favour the answer that stands first, so one order decides nothing: only who wins both times has won,
and all else is a tie. Answers that are equal, and blank ones, are decided without the judge.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

from synthgen.core.chat import Reply, Request
from synthgen.core.rows import Row
from synthgen.dispatch.contract import Conversation, Session
from synthgen.evaluation.asking import Account, Failure, Tally, fetch
from synthgen.evaluation.compare import Answer, ModelAnswers
from synthgen.evaluation.metrics.judge import with_answer
from synthgen.tasks.grades import both_orders
from synthgen.tasks.judge import Judge, Orders

UNANSWERED, UNREAD = "unanswered", "unread"
"""Why there is no verdict where the teacher gave no reply, or where the judge's cannot be read."""
Outcome = Literal["won", "tied", "lost"]
_OUTCOMES: dict[str, Outcome] = {"A": "won", "tie": "tied", "B": "lost"}


class Pair(NamedTuple):
    """A student and the model that it is compared with."""

    model: ModelAnswers
    than: ModelAnswers


@dataclass(frozen=True)
class Compared:
    """What came of one row of a pair; without a verdict `outcome` is None, and `why` says why."""

    outcome: Outcome | None
    orders: Orders | None = None
    """What the judge said; None where it was not asked."""
    why: str = ""
    words: str = ""
    """Where the judge gave no reply, its server's own."""


@dataclass(frozen=True)
class Comparison:
    """All pairs with what came of each row, why rows (by index) have no verdict, and what was asked."""

    pairs: list[tuple[Pair, list[Compared]]]
    failed: dict[int, Failure]
    account: Account


def pairs_of(models: Sequence[ModelAnswers], against: Sequence[str]) -> list[Pair]:
    """Each student with each of those that it is compared with, once; seeds of one stage are not compared.

    Args:
        models: all that answered.
        against: base (the student's own), teacher, or a model's name.
    """
    by_name = {model.name: model for model in models}
    teacher = next((model for model in models if model.role == "teacher"), None)
    pairs: list[Pair] = []
    for student in (model for model in models if model.role == "student"):
        for name in against:
            other = (
                by_name.get(student.base or "")
                if name == "base"
                else teacher
                if name == "teacher"
                else by_name.get(name)
            )
            known = [{pair.model.name, pair.than.name} for pair in pairs]
            if other is None or other is student or {student.name, other.name} in known:
                continue
            if not (student.seed_of and student.seed_of == other.seed_of):
                pairs.append(Pair(student, other))
    return pairs


def compare_pairs(
    session: Session,
    judge: Judge,
    pairs: Sequence[Pair],
    rows: Sequence[Row],
    *,
    stage: str,
    accept_partial: bool,
) -> Comparison:
    """Asks the judge about every pair's answers to every row.

    Args:
        session: with the judge.
        judge: what it is asked, and how its replies are read.
        pairs: whose answers are compared.
        rows: the test rows.
        stage: the name that progress is shown under.
        accept_partial: whether a budget that was reached leaves the rest uncompared.

    Returns:
        What came of each row of each pair.

    Raises:
        TeacherFailed, BudgetReached, Interrupted: as the session says.
    """
    size = len(rows)
    found = [settle(pair, index) for pair in pairs for index in range(size)]
    shown = {
        number: _shown(pairs[number // size], number % size)
        for number, one in enumerate(found)
        if one is None
    }
    # Equal answers of two models are compared once; the judge would be paid twice for one question.
    asked = list(dict.fromkeys(shown.values()))
    texts = [(rows[index], mine, other) for index, mine, other in asked]
    fetch(session, conversations(judge, texts), total=len(asked), stage=stage, accept_partial=accept_partial)
    tally, failed = Tally(), dict[int, Failure]()
    said: dict[tuple[int, str, str], Compared] = {}
    for one, rendered in zip(asked, session.render(conversations(judge, texts)), strict=True):
        if failure := tally.add(rendered):
            failed.setdefault(one[0], failure)
        reason, words = failure or Failure("failed")
        said[one] = decided(rendered.result) if rendered.result else Compared(None, None, reason, words)
    whole = [one or said[shown[number]] for number, one in enumerate(found)]
    split = [(pair, whole[at * size : (at + 1) * size]) for at, pair in enumerate(pairs)]
    return Comparison(split, failed, tally.account(session))


def _shown(pair: Pair, index: int) -> tuple[int, str, str]:
    """What the judge is to see: the row's index and both answers."""
    return index, pair.model.answers[index].final_text, pair.than.answers[index].final_text


def conversations(judge: Judge, texts: Sequence[tuple[Row, str, str]]) -> Iterator[Conversation[Orders]]:
    """One conversation for each row with two answers: both orders."""
    return (partial(_orders, judge, row, mine, other) for row, mine, other in texts)


def _orders(judge: Judge, row: Row, mine: str, other: str) -> Generator[Request, Reply, Orders]:
    return (yield from judge.orders(with_answer(row, mine), other))


def settle(pair: Pair, index: int) -> Compared | None:
    """What needs no judge: equal answers, a blank one, and questions to which the teacher gave no reply."""
    mine, other = pair.model.answers[index], pair.than.answers[index]
    if pair.than.role == "teacher" and other.failed:
        return Compared(None, why=UNANSWERED)
    said = [_words(one) for one in (mine, other)]
    if said[0] == said[1]:
        return Compared("tied")
    return Compared("lost") if not said[0] else Compared("won") if not said[1] else None


def _words(answer: Answer) -> str:
    return " ".join(answer.final_text.split())


def decided(orders: Orders) -> Compared:
    """Who won both orders, else a tie; none where one of the two verdicts cannot be read."""
    side = both_orders(orders.straight, orders.swapped)
    return Compared(None, orders, UNREAD) if side is None else Compared(_OUTCOMES[side], orders)
