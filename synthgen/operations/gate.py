"""Whether a teacher is worth its money: asked a few test questions before the bulk of it is spent.

The teacher answers them as it will in `evaluate`, through the ledger, so that a run over the same test rows
pays for none of them again. Beside it the student's base answers, as it is and after some of the teacher's
right answers (few-shot): a base that does the task when it is shown how needs no distillation.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from synthgen.core.errors import ConfigError, StageFailed
from synthgen.core.progress import Reporter
from synthgen.core.rows import Row, question_text, with_system
from synthgen.core.text import percent, points, table
from synthgen.evaluation.compare import ModelAnswers, aligned, score
from synthgen.evaluation.intervals import Interval, paired_difference, score_interval
from synthgen.evaluation.verdict import OFTEN, Terms
from synthgen.operations.estimate.probe import Probe
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.spec import Pipeline, StageSpec

Word = Literal["PROCEED", "ITERATE", "RETHINK"]
SHOTS = 3
"""Right answers of the teacher that a base is shown."""
SPARE = 3
"""Questions that are asked for each such answer, since some answers are wrong."""


@dataclass
class Gate:
    """What came of it."""

    word: Word
    reasons: list[str]
    rows: int
    metric: str
    levels: dict[str, Interval]
    """Model -> its score."""
    leads: dict[str, Interval] = field(default_factory=dict)
    """Base, or base with examples -> by how much the teacher is above it."""
    notes: list[str] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)

    def require(self) -> None:
        """Raises StageFailed where it does not say PROCEED."""
        if self.word != "PROCEED":
            raise StageFailed(
                f"the gate says {self.word}: {'; '.join(self.reasons)}",
                next="`synthgen gate` shows the scores",
            )

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "gate": self.word,
            "reasons": self.reasons,
            "rows": self.rows,
            "metric": self.metric,
            "models": {name: one.figures() for name, one in self.levels.items()},
            "teacher_above": {name: one.figures() for name, one in self.leads.items()},
            "notes": self.notes,
            "usage": self.usage,
        }

    def lines(self) -> list[str]:
        """For a person."""
        rows = [
            [
                name,
                percent(level.value),
                f"{100 * level.low:.1f}–{100 * level.high:.1f}",
                _lead(self.leads.get(name)),
            ]
            for name, level in self.levels.items()
        ]
        shown = table(["model", self.metric.replace("_", " "), "interval", "teacher above it"], rows)
        notes = [f"note: {note}" for note in self.notes]
        return [shown, "", *notes, f"{self.word}: {'; '.join(self.reasons)}"]


def gate_pipeline(
    pipeline: Pipeline,
    rows: int,
    options: RunOptions | None = None,
    reporter: Reporter | None = None,
) -> Gate:
    """Asks teacher and base some test questions.

    Args:
        pipeline: with an evaluate stage that asks the teacher.
        rows: how many questions are scored.
        options: where runs and ledger are.
        reporter: where progress goes.

    Returns:
        Whether to go on, with the reasons.

    Raises:
        ConfigError: there is no such stage, or nothing that can be scored.
        TeacherFailed, BudgetReached: as the session says.
    """
    spec = _evaluation(pipeline)
    reporter = reporter or Reporter()
    with tempfile.TemporaryDirectory(prefix="synthgen-gate-") as scratch:
        wanted = rows + SHOTS * SPARE
        with Probe(pipeline, options or RunOptions(), Path(scratch), reporter, wanted) as probe:
            given = probe.given(spec)
            found = _questions(spec, given.inputs, wanted)
            # Those that show a base how to answer are others than those that are scored.
            shown, scored = found[rows:], found[:rows]
            teacher, usage = _ask_teacher(spec, probe, [*scored, *shown])
        terms, metrics = _terms(spec)
        references = [row.get(spec.config.reference) for row in found]  # type: ignore[attr-defined]
        score([teacher], references, metrics)
        examples = _examples(shown, teacher, len(scored), terms.metric)
        teacher = _first(teacher, len(scored), terms.metric)
        bases, notes = _ask_bases(pipeline, spec, scored, examples, Path(scratch), reporter)
        score(bases, references[: len(scored)], metrics)
    if not aligned(terms.metric, teacher)[0]:
        raise ConfigError(
            f"no test row has a {spec.config.reference}, so no answer can be scored",  # type: ignore[attr-defined]
            spec.id,
            "give the test rows that field; see docs/evaluation.md",
        )
    gate = judge(teacher, bases, terms)
    gate.notes = [*given.assumed, *notes]
    gate.usage = usage
    return gate


def judge(teacher: ModelAnswers, bases: Sequence[ModelAnswers], terms: Terms) -> Gate:
    """PROCEED, ITERATE or RETHINK, from scored answers to the same questions.

    Args:
        teacher: with its scores.
        bases: the base without and with examples, as far as they were asked.
        terms: the metric, the confidence, and the score that a teacher has to have.
    """
    (scores,) = aligned(terms.metric, teacher)
    level = score_interval(scores, terms.share, terms.confidence)
    levels, leads = {teacher.name: level}, {}
    for base in bases:
        above, below = aligned(terms.metric, teacher, base)
        levels[base.name] = score_interval(below, terms.share, terms.confidence)
        leads[base.name] = paired_difference(above, below, confidence=terms.confidence)
    least = terms.teacher_least or 0.0
    reached = [name for name, lead in leads.items() if lead.low <= 0 and lead.value < terms.margin]
    unread = sum(answer.parsed is None for answer in teacher.answers)
    unsure = [name for name, lead in leads.items() if lead.low <= 0 and name not in reached]
    shown = f"the teacher has {percent(level.value)} ({percent(level.low)} to {percent(level.high)})"
    if terms.share and unread > OFTEN * len(teacher.answers):
        word: Word = "ITERATE"
        reasons = [
            f"no answer could be read in {unread:,} of the teacher's {len(teacher.answers):,} replies: say "
            "with system: how an answer is to be marked"
        ]
    elif level.high < least:
        word, reasons = "RETHINK", [f"{shown}, below the wanted {percent(least)}: another teacher or prompt"]
    elif reached:
        word = "RETHINK"
        reasons = [
            f"the teacher is no more than {points(leads[name].value)} points above the {name}: there is "
            "little to learn from it; use the base as it is, or another teacher"
            for name in reached
        ]
    elif level.low < least or unsure:
        word, reasons = "ITERATE", []
        if level.low < least:
            reasons.append(
                f"{shown}, on both sides of the wanted {percent(least)}: a better prompt, or more rows"
            )
        reasons += [
            f"{points(leads[name].value)} points above the {name} ({points(leads[name].low)} to "
            f"{points(leads[name].high)}) may be chance: more rows"
            for name in unsure
        ]
    else:
        word, reasons = "PROCEED", [shown]
    return Gate(word, reasons, len(scores), terms.metric, levels, leads)


def _evaluation(pipeline: Pipeline) -> StageSpec:
    found = [
        spec
        for spec in pipeline.stages
        if spec.kind == "evaluate" and "teacher" in spec.config.models  # type: ignore[attr-defined]
    ]
    if not found:
        raise ConfigError(
            "there is no evaluate stage that asks the teacher",
            str(pipeline.path),
            "a gate asks what evaluate will ask: - evaluate: {models: [base, students, teacher]}",
        )
    return found[-1]


def _questions(spec: StageSpec, inputs: Mapping[str, Any], wanted: int) -> list[Row]:
    from synthgen.stages.asking.work import input_rows

    config: Any = spec.config
    files = [artefact.file for artefact in inputs["questions"]]
    rows = [row for row in input_rows(files, None) if question_text(row)][:wanted]
    if len(rows) <= SHOTS:
        raise ConfigError(f"{len(rows)} test rows are too few to judge a teacher by", spec.id)
    return [with_system(row, config.system) for row in rows]


def _terms(spec: StageSpec) -> tuple[Terms, dict[str, Any]]:
    """What the teacher is held to: the verdict's terms, by a metric that scores by itself."""
    from synthgen.evaluation.metrics.contract import Metric, scoring
    from synthgen.stages.evaluate.report import terms

    config: Any = spec.config
    metrics = scoring({choice.name: choice.build(Metric) for choice in config.metrics})
    if not metrics:
        raise ConfigError(
            "a gate scores without a judge, and evaluate has no other metric",
            spec.id,
            "metrics: [exact_match, …]",
        )
    name = config.verdict.metric
    if name not in metrics:
        config = config.model_copy(update={"verdict": config.verdict.model_copy(update={"metric": None})})
    return terms(config, metrics), dict(metrics)


def _ask_teacher(spec: StageSpec, probe: Probe, rows: Sequence[Row]) -> tuple[ModelAnswers, dict[str, Any]]:
    from synthgen.evaluation.teacher import conversations_with_teacher, teacher_answers
    from synthgen.stages.evaluate.options import drawn_by

    config: Any = spec.config
    session = probe.sessions.open(config.teacher)
    drawn = drawn_by(config)
    asked = [conversations_with_teacher(rows, config.max_new_tokens, session.config, drawn) for _ in range(2)]
    session.fetch(asked[0], total=len(rows), stage="gate teacher")
    answers = teacher_answers(session, asked[1], drawn.samples)
    return answers.model, answers.account.usage


def _examples(rows: Sequence[Row], teacher: ModelAnswers, start: int, metric: str) -> list[dict[str, str]]:
    """Chat turns with questions and the teacher's right answers to them."""
    from synthgen.training.prompting import student_prompt

    turns: list[dict[str, str]] = []
    for number, row in enumerate(rows, start):
        if teacher.scores[metric][number] == 1.0 and len(turns) < 2 * SHOTS:
            question = [turn for turn in student_prompt(row) if turn["role"] != "system"]
            turns += [*question, {"role": "assistant", "content": teacher.answers[number].final_text}]
    return turns


def _first(model: ModelAnswers, rows: int, metric: str) -> ModelAnswers:
    scores = {metric: model.scores[metric][:rows]}
    return ModelAnswers(model.name, model.role, model.answers[:rows], source=model.source, scores=scores)


def _ask_bases(
    pipeline: Pipeline,
    spec: StageSpec,
    rows: Sequence[Row],
    examples: Sequence[dict[str, str]],
    scratch: Path,
    reporter: Reporter,
) -> tuple[list[ModelAnswers], list[str]]:
    """The base's answers without and with examples; and why it was not asked, if it was not."""
    base = _base(pipeline, spec)
    if base is None:
        return [], ["no student starts from a model that exists, so no base was asked"]
    from synthgen.evaluation.generation import Decoding
    from synthgen.evaluation.local import Local, answers_of

    config: Any = spec.config
    local = Local(
        "base", "base", base.model, base.model, "", base.model, base.revision, trusted=base.trust_remote_code
    )
    decoding = Decoding(config.max_new_tokens, config.batch_size, config.threads)
    asked = {"base": list(rows)}
    if examples:
        asked[f"base with {len(examples) // 2} examples"] = [_with_examples(row, examples) for row in rows]
    found: list[ModelAnswers] = []
    for name, questions in asked.items():
        with reporter.stage(f"gate {name}", total=len(questions)) as progress:

            def each(done: int, tokens: int) -> None:
                progress.update(done=done, tokens=tokens)

            try:
                answers = answers_of(local, questions, decoding, scratch / f"{len(found)}.jsonl", each)
            except StageFailed as fault:
                return found, [f"the base was not asked: {fault.faults[0].what}"]
        answers.name = name
        found.append(answers)
    return found, []


def _with_examples(row: Row, examples: Sequence[dict[str, str]]) -> Row:
    from synthgen.training.prompting import student_prompt

    turns = student_prompt(row)
    system = [turn for turn in turns[:1] if turn["role"] == "system"]
    # The last turn of a conversation is the one that is answered.
    last = {"role": "assistant", "content": ""}
    return {"id": row.get("id"), "messages": [*system, *examples, *turns[len(system) :], last]}


def _base(pipeline: Pipeline, spec: StageSpec) -> Any:
    """The options of the first student whose base exists, followed to where its training began."""
    for reference in spec.reads.get("students", ()):
        seen: set[str] = set()
        while not reference.startswith("run:") and reference not in seen:
            seen.add(reference)
            student: Any = getattr(pipeline.stage(reference).config, "student", None)
            if student is None or student.init is not None:
                break
            if student.model is not None:
                return student
            reference = str(student.start)
    return None


def _lead(lead: Interval | None) -> str:
    return "–" if lead is None else f"{points(lead.value)} ({points(lead.low)} to {points(lead.high)})"
