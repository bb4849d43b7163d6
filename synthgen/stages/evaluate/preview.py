"""What evaluate would ask about a few test questions: the teacher, and each judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from synthgen.core.artefacts import Inputs
from synthgen.core.config import fingerprint
from synthgen.core.hashing import value_hash
from synthgen.core.registry import Choice
from synthgen.core.rows import Row, question_text, with_system
from synthgen.evaluation.metrics.contract import JudgingMetric
from synthgen.evaluation.pairwise import conversations, decided
from synthgen.stages.asking.preview import Preview, answers, why_failed
from synthgen.stages.asking.work import input_rows
from synthgen.stages.contract import Context
from synthgen.stages.evaluate.options import Config, drawn_by, judge_of, judging_choices
from synthgen.stages.evaluate.pairwise import PART, PairwiseOptions, count_pairs
from synthgen.tasks.judge import Judge

TEACHER = "the teacher's answers"


def preview(inputs: Inputs, config: Config, context: Context, n: int, ask: bool = True) -> list[Preview]:
    """The first n questions, once for the teacher's answer and once for each judge.

    A judge is shown the teacher's answer, or the reference where the teacher is not compared: there is no
    student yet.

    Args:
        inputs: the test rows.
        config: who is asked.
        context: of the run; replies stay in its ledger.
        n: how many questions.
        ask: whether what the ledger lacks is asked for.

    Returns:
        What each would be asked, and what came of it.
    """
    from synthgen.evaluation.compare import Answer
    from synthgen.evaluation.teacher import conversations_with_teacher

    rows = [
        with_system(row, config.system)
        for row in input_rows([artefact.file for artefact in inputs["questions"]], n)
        if question_text(row)
    ]
    answered: dict[int, str] = {
        number: str(row[config.reference])
        for number, row in enumerate(rows)
        if row.get(config.reference) is not None
    }
    shown: list[Preview] = []
    if "teacher" in config.models:
        session = context.sessions.open(config.teacher)
        answered = {}
        for number, log, rendered in answers(
            session,
            list(conversations_with_teacher(rows, config.max_new_tokens, session.config, drawn_by(config))),
            f"preview {context.stage_id}",
            ask,
        ):
            one = Preview(rows[number], log, keys=rendered.keys, asks=TEACHER, teacher=config.teacher)
            if rendered.state == "answered" and rendered.result is not None:
                first = rendered.result[0]
                answered[number] = first.text
                one.rows.append(
                    {
                        **_question(rows[number], config),
                        "answer": Answer.of(first.text, first.finish_reason).parsed,
                    }
                )
            else:
                one.failed = why_failed(rendered)
            shown.append(one)
    replies = [(rows[number], text) for number, text in answered.items()]
    for choice in judging_choices(config):
        shown += _graded(choice, replies, config, context, ask)
    if config.pairwise is not None:
        shown += _compared(config.pairwise, replies, config, context, ask)
    return shown


def _compared(
    options: PairwiseOptions,
    replies: Sequence[tuple[Row, str]],
    config: Config,
    context: Context,
    ask: bool,
) -> list[Preview]:
    """The answer to each question against that to the next one, since no student has answered yet."""
    judge = Judge(options.asking(), 0)
    texts = [
        (row, text, replies[(number + 1) % len(replies)][1] if len(replies) > 1 else "I do not know.")
        for number, (row, text) in enumerate(replies)
    ]
    shown = []
    session = context.sessions.open(options.judge)
    for number, log, rendered in answers(
        session, list(conversations(judge, texts)), f"preview {context.stage_id} {PART}", ask
    ):
        row, mine, other = texts[number]
        one = Preview(row, log, keys=rendered.keys, asks=PART, teacher=options.judge)
        if rendered.state == "answered" and rendered.result is not None:
            read = decided(rendered.result)
            one.rows.append(
                {
                    **_question(row, config),
                    "first": mine,
                    "second": other,
                    "outcome": read.outcome or read.why,
                }
            )
        else:
            one.failed = why_failed(rendered)
        shown.append(one)
    return shown


def _graded(
    choice: Choice,
    replies: Sequence[tuple[Row, str]],
    config: Config,
    context: Context,
    ask: bool,
) -> list[Preview]:
    metric = choice.build(JudgingMetric)
    judge = judge_of(choice)
    session = context.sessions.open(judge)
    rows, texts = [row for row, _ in replies], [text for _, text in replies]
    shown = []
    for number, log, rendered in answers(
        session, list(metric.conversations(rows, texts)), f"preview {context.stage_id} {choice.name}", ask
    ):
        one = Preview(rows[number], log, keys=rendered.keys, asks=choice.name, teacher=judge)
        if rendered.state == "answered":
            one.rows.append(
                {
                    **_question(rows[number], config),
                    "answer": texts[number],
                    choice.name: metric.grade(texts[number], rendered.result),
                }
            )
        else:
            one.failed = why_failed(rendered)
        shown.append(one)
    return shown


def _question(row: Row, config: Config) -> Row:
    return {
        name: value
        for name, value in (
            ("id", row.get("id")),
            ("question", question_text(row)),
            ("reference", row.get(config.reference)),
        )
        if value is not None
    }


def times(config: Config, students: Sequence[Any]) -> dict[str, int]:
    """How often teacher and judges are asked about a test question: a judge about every model's answer.

    Args:
        config: evaluate's options.
        students: the options of the sft stages whose students are compared; equal ones share a base.

    Returns:
        Who is asked -> how often.
    """
    first = [one for one in students if one.student.start is None] or students[:1]
    bases = len({value_hash(fingerprint(one.student)) for one in first}) if "base" in config.models else 0
    every = any(name in ("student", "students") for name in config.models)
    named = len(students) if every else sum(name not in ("base", "teacher") for name in config.models)
    compared = bases + named + ("teacher" in config.models)
    judges = {choice.name: compared for choice in judging_choices(config)}
    if config.pairwise is not None:
        judges[PART] = count_pairs(students, config.models, config.pairwise.against)
    return {**({TEACHER: 1} if "teacher" in config.models else {}), **judges}
