"""evaluate: measure base, students and teacher on test questions.

All answer the same questions, the same way, and are compared side by side.

Writes `metrics.json` (all figures), `answers.jsonl` (every model's answer to every question) and
`rejected.jsonl` (rows that were left out, and those for which the teacher gave no answer). Test questions,
and all replies to them, are held in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from synthgen.core.artefacts import Artefact, Counts, Inputs
from synthgen.core.errors import ConfigError, Interrupted
from synthgen.core.hashing import value_hash
from synthgen.core.progress import Progress
from synthgen.core.rows import Row, question_text, rejected, with_system
from synthgen.evaluation.asking import fetch, total_account
from synthgen.evaluation.compare import ModelAnswers, score
from synthgen.evaluation.generation import Decoding
from synthgen.evaluation.grading import Grading, grade_replies
from synthgen.evaluation.local import Local, answers_of, locals_of, provenance_of
from synthgen.evaluation.metrics.contract import Metric, judging
from synthgen.evaluation.pairwise_report import FILE as PAIRWISE_FILE
from synthgen.evaluation.prompt_fit import prompt_differences
from synthgen.evaluation.scoreboard import scoreboard
from synthgen.evaluation.teacher import TeacherAnswers, conversations_with_teacher, teacher_answers
from synthgen.stages.contract import Context, Need, Outcome, Stage, StageConfig, Whole
from synthgen.stages.evaluate.options import (
    ROLES,
    Config,
    asked_by,
    drawn_by,
    foresees,
    judge_of,
    judging_choices,
    unasking,
)
from synthgen.stages.evaluate.pairwise import compare
from synthgen.stages.evaluate.questions import read_questions, select_questions
from synthgen.stages.evaluate.report import entries, figures
from synthgen.stages.evaluate.room import say_short
from synthgen.store.jsonl import RowWriter

if TYPE_CHECKING:
    from synthgen.stages.asking.preview import Preview


def needs(config: Config) -> dict[str, Need]:
    """Test rows, and the models that are compared."""
    named = tuple(name for name in config.models if name not in ROLES)
    needed = {"questions": Need("split", part="test")}
    if any(name != "teacher" for name in config.models):
        every = "students" in config.models or "student" in config.models or not named
        needed["students"] = Need("model", many=True, optional=True, choose=() if every else named)
        against = config.pairwise.against if every and config.pairwise is not None else ()
        if others := tuple(name for name in against if name not in ROLES):
            needed["against"] = Need("model", many=True, choose=others, option="pairwise.against")
    return needed


def teachers(config: Config) -> tuple[str, ...]:
    """Who is asked: the teacher, and judges."""
    return asked_by(config)


def compared(config: Config) -> tuple[str, str] | None:
    """The references of its test rows, if a metric compares final answers with them."""
    compares = any(getattr(metric.load(), "COMPARES_ANSWERS", False) for metric in config.metrics)
    return ("questions", config.reference) if compares else None


def provenance(need: str, artefacts: Sequence[Artefact]) -> Any:
    """What of the models' past can change the result: names, bases, training rows, the dedup threshold."""
    return provenance_of(artefacts) if need == "students" else None


def prefetch(inputs: Inputs, config: Config, context: Context) -> None:
    """Asks the teacher's questions before a student needs the machine."""
    if "teacher" in config.models:
        rows = [
            with_system(row, config.system)
            for row in read_questions(inputs, config, context)
            if question_text(row)
        ]
        session = context.sessions.open(config.teacher)
        conversations = conversations_with_teacher(
            rows, config.max_new_tokens, session.config, drawn_by(config)
        )
        session.fetch(conversations, total=len(rows), stage=context.stage_id)


def plan_preview(inputs: Inputs, config: Config, context: Context, n: int, ask: bool = True) -> list[Preview]:
    """What the teacher and judges would be asked about the first n questions; nothing is published.

    Args:
        inputs: the test rows.
        config: who is asked.
        context: of the run; replies stay in its ledger.
        n: how many questions.
        ask: whether what the ledger lacks is asked for.

    Returns:
        What each would be asked, and what came of it.
    """
    from synthgen.stages.evaluate.preview import preview

    return preview(inputs, config, context, n, ask)


def asks_per_row(config: Config, models: Sequence[StageConfig]) -> Mapping[str, int]:
    """How often the teacher, and each judging metric, is asked about one test row."""
    from synthgen.stages.evaluate.preview import times

    return times(config, models)


def run(inputs: Inputs, config: Config, context: Context, out: Path) -> Outcome:
    """Asks everyone, scores, compares.

    Args:
        inputs: test rows, and students.
        config: who is asked, and how.
        context: of the run.
        out: the folder to write into.

    Returns:
        The account and the table.

    Raises:
        ConfigError: students or bases are asked for, and there is no student.
        EmptyResult: no test row is left.
        StageFailed: test questions were trained on (`on_leak: fail`), or a model cannot be loaded.
        TeacherFailed, BudgetReached, Interrupted: as the session says.
    """
    students = inputs.get("students", ())
    _require_students(students, config)
    say_short(students, config.max_new_tokens, context.reporter.say)
    counts = Counts()
    context.work.mkdir(parents=True, exist_ok=True)
    with RowWriter(out / "rejected.jsonl") as rejects:
        questions = select_questions(inputs, config, context, counts, rejects)
        rows = questions.rows
        asked = [with_system(row, config.system) for row in rows]
        teacher = _ask_teacher(asked, config, context) if "teacher" in config.models else None
        models = [_ask_local(local, asked, config, context) for local in locals_of(students, config.models)]
        if teacher is not None:
            models.append(teacher.model)
        metrics = {choice.name: choice.build(Metric) for choice in config.metrics}
        references = [row.get(config.reference) for row in rows]
        score(models, references, metrics, [str(row.get("id", "?")) for row in rows])
        gradings = _grade(metrics, models, rows, config, context)
        failures = [teacher.failed] if teacher is not None else []
        failures += [grading.failed for grading in gradings]
        pairwise = compare(models, rows, config.pairwise, context) if config.pairwise is not None else None
        failures += [pairwise.failed] if pairwise is not None else []
        _count(rows, failures, context.stage_id, counts, rejects)
    panel = _panel(students, config, context, out / "panel.jsonl")
    beside = {"prompt_differences": prompt_differences(students, asked), "panel": panel and panel[0]}
    report = figures(questions, models, metrics, config, counts, beside)
    if pairwise is not None:
        report["pairwise"] = pairwise.figures
    (out / "metrics.json").write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")
    with RowWriter(out / "answers.jsonl") as answers:
        for entry in entries(rows, models, config):
            answers.write(entry)
    files = {"metrics.json": None, "answers.jsonl": answers.rows, "rejected.jsonl": rejects.rows}
    if pairwise is not None:
        files[PAIRWISE_FILE] = pairwise.write(out)
    if panel is not None:
        files["panel.jsonl"] = panel[1]
    outcome = Outcome(counts, files, table=scoreboard(report))
    accounts = [one.account for one in (teacher, *gradings, pairwise) if one is not None]
    if accounts:
        account = total_account(accounts)
        outcome.requests, outcome.usage = account.requests, account.usage or None
        outcome.asked = len(rows)
    return outcome


def _require_students(students: Sequence[Artefact], config: Config) -> None:
    if students:
        return
    if any(name in ("student", "students") for name in config.models):
        raise ConfigError(
            "there is no student to evaluate",
            next="put an sft stage before evaluate, or leave students out of `models`",
        )
    if "base" in config.models:
        raise ConfigError(
            "a base is what a student was trained from, and there is no student",
            next="put an sft stage before evaluate, or leave base out of `models`",
        )


def _ask_teacher(rows: Sequence[Row], config: Config, context: Context) -> TeacherAnswers:
    session, drawn = context.sessions.open(config.teacher), drawn_by(config)
    fetch(
        session,
        conversations_with_teacher(rows, config.max_new_tokens, session.config, drawn),
        total=len(rows),
        stage=context.stage_id,
        accept_partial=context.accept_partial,
    )
    conversations = conversations_with_teacher(rows, config.max_new_tokens, session.config, drawn)
    return teacher_answers(session, conversations, drawn.samples)


def _ask_local(local: Local, rows: Sequence[Row], config: Config, context: Context) -> ModelAnswers:
    drawn, found = drawn_by(config), []
    for draw in range(drawn.samples):
        decoding = Decoding(
            config.max_new_tokens, config.batch_size, config.threads, drawn.temperature, drawn.top_p, draw
        )
        shown = f" draw {draw + 1} of {drawn.samples}" if drawn.samples > 1 else ""
        found.append(_answers(local, rows, decoding, context, f"{draw}", shown))
    if drawn.samples > 1:
        found[0].draws = [one.answers for one in found]
    return found[0]


def _answers(
    local: Local, rows: Sequence[Row], decoding: Decoding, context: Context, log: str, shown: str
) -> ModelAnswers:
    """A model's answers to rows, kept in a log of that name while they are made."""
    file = context.work / f"{value_hash([local.name, local.digest])}.{log}.jsonl"
    with context.reporter.stage(f"{context.stage_id} {local.name}{shown}", total=len(rows)) as progress:

        def each(done: int, tokens: int, progress: Progress = progress) -> None:
            progress.update(done=done, tokens=tokens)
            if signal_number := context.stopping():
                raise Interrupted(signal_number)

        return answers_of(local, rows, decoding, file, each)


def _panel(
    students: Sequence[Artefact], config: Config, context: Context, file: Path
) -> tuple[dict[str, Any], int] | None:
    """The regression panel's figures and the rows of its file; None where it is not asked."""
    if config.panel is None or not students:
        return None
    from synthgen.stages.evaluate.panel import ask_panel

    def ask(local: Local, rows: Sequence[Row], tokens: int) -> ModelAnswers:
        decoding = Decoding(tokens, config.batch_size, config.threads)
        return _answers(local, rows, decoding, context, "panel", " panel")

    return ask_panel(students, config.models, config.panel, context, ask, file)


def _grade(
    metrics: Mapping[str, Metric],
    models: Sequence[ModelAnswers],
    rows: Sequence[Row],
    config: Config,
    context: Context,
) -> list[Grading]:
    """The grades of all metrics that ask a judge, in their order."""
    judges = {choice.name: judge_of(choice) for choice in judging_choices(config)}
    return [
        grade_replies(
            context.sessions.open(judges[name]),
            name,
            metric,
            models,
            rows,
            stage=context.stage_id,
            accept_partial=context.accept_partial,
        )
        for name, metric in judging(metrics).items()
    ]


def _count(
    rows: Sequence[Row],
    failures: Iterable[Mapping[int, str]],
    stage: str,
    counts: Counts,
    rejects: RowWriter,
) -> None:
    """Counts each row as kept or failed, by the first failure that has it."""
    reasons: dict[int, str] = {}
    for failed in failures:
        reasons = {**failed, **reasons}
    for index, row in enumerate(rows):
        if index in reasons:
            counts.fail(reasons[index])
            rejects.write(rejected(row, stage=stage, rule=reasons[index], kind="failed"))
        else:
            counts.kept += 1


STAGE = Stage(
    config=Config,
    version=13,
    writes="metrics",
    needs=needs,
    run=run,
    asks=teachers,
    prefetch=prefetch,
    preview=plan_preview,
    asks_per_row=asks_per_row,
    compared=compared,
    foresees=foresees,
    provenance=provenance,
    rehearsed=unasking,
    graceful=True,
    sharding=Whole("its scores are over all test rows"),
    example="- evaluate: {models: [base, students, teacher], metrics: [exact_match], max_new_tokens: 64}",
    see="How models are asked and scored: [evaluation.md](evaluation.md).",
)
