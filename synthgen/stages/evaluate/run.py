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
from synthgen.core.rows import Row, question_text, rejected, with_system
from synthgen.evaluation.asking import Account, Failure, total_account
from synthgen.evaluation.compare import ModelAnswers, score
from synthgen.evaluation.local import PEER, Local, locals_of, provenance_of
from synthgen.evaluation.metrics.contract import Metric
from synthgen.evaluation.noise import noise_figures
from synthgen.evaluation.pairwise_report import FILE as PAIRWISE_FILE
from synthgen.evaluation.prompt_fit import prompt_differences
from synthgen.evaluation.scoreboard import scoreboard
from synthgen.evaluation.teacher import conversations_with_teacher
from synthgen.stages.contract import Context, Need, Outcome, Stage, StageConfig, Whole
from synthgen.stages.evaluate.asked_models import (
    MODELS,
    ask_again,
    ask_general,
    ask_local,
    ask_served,
    ask_teacher,
    faults,
    grade,
    require_addresses,
    require_students,
    students_in,
)
from synthgen.stages.evaluate.likelihood import FILE as LIKELIHOOD_FILE
from synthgen.stages.evaluate.likelihood import likelihood_needs, likelihood_provenance, measure
from synthgen.stages.evaluate.options import (
    ROLES,
    Config,
    asked_by,
    drawn_by,
    foresees,
    unasking,
)
from synthgen.stages.evaluate.pairwise import asked_in_vain, compare, require_pairs
from synthgen.stages.evaluate.questions import read_questions, select_questions
from synthgen.stages.evaluate.report import entries, figures
from synthgen.stages.evaluate.room import say_short
from synthgen.store.jsonl import RowWriter

if TYPE_CHECKING:
    from synthgen.stages.asking.preview import Preview
    from synthgen.stages.evaluate.panel import PanelAnswers


def needs(config: Config) -> dict[str, Need]:
    """Test rows, and the models that are compared."""
    named = tuple(name for name in config.models if name not in ROLES)
    needed = {"questions": Need("split", part="test")}
    needed |= likelihood_needs(config.likelihood)
    if any(name != "teacher" for name in config.models):
        every = "students" in config.models or "student" in config.models or not named
        chosen = tuple(dict.fromkeys(name.removesuffix(PEER) for name in named))
        needed["students"] = Need(
            "model", many=True, optional=True, choose=() if every else chosen, option="models"
        )
        if every and named:  # looked up too, so that a name that is no stage is not passed over
            needed["named"] = Need("model", many=True, optional=True, choose=chosen, option="models")
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
    return provenance_of(artefacts) if need in MODELS else likelihood_provenance(need, artefacts)


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
    students = students_in(inputs)
    require_students(students, config)
    say_short(students, config.max_new_tokens, context.reporter.say)
    locals_ = locals_of(students, config.models)
    general = locals_of(students, (*config.models, "base")) if config.panel else []
    require_addresses(locals_, general, config)
    if config.pairwise is not None:
        require_pairs(locals_, config.models, config.pairwise)
    counts = Counts()
    context.work.mkdir(parents=True, exist_ok=True)
    with RowWriter(out / "rejected.jsonl") as rejects:
        questions = select_questions(inputs, config, context, counts, rejects)
        rows = questions.rows
        asked = [with_system(row, config.system) for row in rows]
        teacher = ask_teacher(asked, config, context) if "teacher" in config.models else None
        served = [ask_served(local, asked, config, context) for local in locals_ if config.through]
        models = [one.model for one in served] or [
            ask_local(local, asked, config, context) for local in locals_
        ]
        again = [ask_again(local, asked, config, context) for local in locals_ if config.noise_floor]
        if teacher is not None:
            models.append(teacher.model)
        metrics = {choice.name: choice.build(Metric) for choice in config.metrics}
        references = [row.get(config.reference) for row in rows]
        score(models, references, metrics, [str(row.get("id", "?")) for row in rows])
        gradings = grade(metrics, models, rows, config, context)
        failures = [teacher.failed] if teacher is not None else []
        failures += [grading.failed for grading in gradings]
        pairwise = compare(models, rows, config.pairwise, context) if config.pairwise is not None else None
        failures += [pairwise.failed] if pairwise is not None else []
        _count(rows, failures, context.stage_id, counts, rejects)
    panel = _panel(students, config, context, out / "panel.jsonl")
    beside: dict[str, Any] = {
        "remarks": [one.remark for one in served if one.remark],
        "noise_floor": noise_figures(models, again, references, metrics),
        "prompt_differences": prompt_differences(students, asked),
        "panel": panel and panel.figures,
    }
    if config.likelihood is not None:
        beside["likelihood"] = measure(locals_, students, inputs, rows, config.likelihood, context, out)
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
        files["panel.jsonl"] = panel.rows
    if config.likelihood is not None:
        files[LIKELIHOOD_FILE] = beside["likelihood"]["in"]
    outcome = Outcome(counts, files, table=scoreboard(report))
    parties = (teacher, *served, *again, *gradings, pairwise, panel)
    accounts = [one.account for one in parties if one is not None and one.account is not None]
    if accounts:
        account = total_account(accounts)
        outcome.requests, outcome.usage = account.requests, account.usage or None
        outcome.asked = len(rows)
    return outcome


def _panel(students: Sequence[Artefact], config: Config, context: Context, file: Path) -> PanelAnswers | None:
    """The regression panel, asked; None where it is not."""
    if config.panel is None or not students:
        return None
    from synthgen.stages.evaluate.panel import ask_panel

    def ask(local: Local, rows: Sequence[Row], tokens: int) -> tuple[ModelAnswers, Account | None]:
        return ask_general(local, rows, tokens, config, context)

    return ask_panel(students, config.models, config.panel, context, ask, file)


def _count(
    rows: Sequence[Row],
    failures: Iterable[Mapping[int, Failure]],
    stage: str,
    counts: Counts,
    rejects: RowWriter,
) -> None:
    """Counts each row as kept or failed, by the first failure that has it."""
    found: dict[int, Failure] = {}
    for failed in failures:
        found = {**failed, **found}
    for index, row in enumerate(rows):
        if index in found:
            reason, words = found[index]
            counts.fail(reason)
            rejects.write(rejected(row, stage=stage, rule=reason, kind="failed", value=words or None))
        else:
            counts.kept += 1


STAGE = Stage(
    config=Config,
    version=15,
    writes="metrics",
    needs=needs,
    run=run,
    asks=teachers,
    prefetch=prefetch,
    preview=plan_preview,
    asks_per_row=asks_per_row,
    compared=compared,
    foresees=foresees,
    asked_in_vain=lambda config, teachers: asked_in_vain(config.pairwise, teachers),
    provenance=provenance,
    rehearsed=unasking,
    faults=faults,
    graceful=True,
    decides=True,
    sharding=Whole("its scores are over all test rows"),
    example="- evaluate: {models: [base, students, teacher], metrics: [exact_match], max_new_tokens: 64}",
    see="How models are asked and scored: [evaluation.md](evaluation.md).",
)
