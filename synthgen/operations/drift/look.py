"""One look at a deployed student: it and its teacher are asked, and held against their training time."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from synthgen.core.artefacts import Artefact
from synthgen.core.errors import ConfigError, StageFailed
from synthgen.core.hashing import file_sha256
from synthgen.core.interrupts import Stopping
from synthgen.core.progress import Reporter
from synthgen.core.text import shortened
from synthgen.evaluation.slices import labels_since
from synthgen.operations.curate_files import check_files
from synthgen.operations.drift.baseline import AGREEMENT, ALL, Baseline, kept_up, read_baseline, score_of
from synthgen.operations.drift.looks import FOLDER, Looks, digest
from synthgen.operations.drift.questions import fresh_questions, logged_questions, take
from synthgen.operations.drift.standing import Standing, named, standing
from synthgen.pipeline.lazy_sessions import LazySessions
from synthgen.pipeline.options import RunOptions
from synthgen.stages.contract import Context
from synthgen.store.jsonl import read_rows
from synthgen.store.lock import RunLock
from synthgen.store.publish import publish, staging_folder, write_whole

WORK = ".work"
ABOUT = "about.txt"
"""In a look's folder: what it is about, so that only the same look goes on with it."""


@dataclass(frozen=True)
class Looking:
    """What a look is about.

    Args:
        rows: how many questions are asked; 0 takes no look.
        log: a log of chats; fresh questions where left out.
        stage: the evaluate stage; the last one where left out.
        by: fields that cut rows into slices; the stage's where left out.
        students: who is asked; all where left out.
        confidence: how sure an alarm is: 1 less the share of runs that ever raise a false one.
    """

    rows: int = 200
    log: Path | None = None
    stage: str = ""
    by: tuple[str, ...] = ()
    students: tuple[str, ...] = ()
    confidence: float | None = None


@dataclass
class Drift:
    """What a run's looks have come to."""

    baseline: Baseline
    looks: Looks
    standings: list[Standing]
    confidence: float
    notes: list[str] = field(default_factory=list)

    def fallen(self) -> list[tuple[str, str]]:
        """The slices in which some student fell, as (field, label), each once."""
        return list(dict.fromkeys(name for one in self.standings for name in one.fallen()))


def look_at(
    run_dir: Path,
    looking: Looking | None = None,
    options: RunOptions | None = None,
    reporter: Reporter | None = None,
) -> Drift:
    """Takes a look, unless it is about no rows, and says where things stand.

    A look that was stopped is gone on with by the next one, and counts once. Questions that were trained on
    are not asked, and the same question is counted once.

    Args:
        run_dir: the run's folder.
        looking: what the look is about.
        options: where ledger and other runs are.
        reporter: where progress goes.

    Returns:
        The standing of each student in each slice, over all looks.

    Raises:
        InputError, StageFailed, ConfigError: as `read_baseline` says; there are no fresh questions.
        RunLocked: another process looks at this run.
        TeacherFailed, BudgetReached, Interrupted: as the session says.
    """
    looking, options, reporter = looking or Looking(), options or RunOptions(), reporter or Reporter()
    baseline = read_baseline(run_dir, looking.stage, looking.by, looking.students)
    (run_dir / FOLDER).mkdir(exist_ok=True)
    notes: list[str] = []
    with RunLock(run_dir / FOLDER):
        looks = Looks(run_dir, baseline.key)
        if looking.rows:
            notes += _take_look(baseline, looks, looking, options, reporter)
    config: Any = baseline.spec.config
    confidence = config.verdict.confidence if looking.confidence is None else looking.confidence
    if looks.earlier:
        notes.append(
            f"{looks.earlier:,} earlier looks were at other students, test rows or slices, and do not count"
        )
    return Drift(baseline, looks, standing(baseline, looks, confidence), confidence, notes)


def _take_look(
    baseline: Baseline, looks: Looks, looking: Looking, options: RunOptions, reporter: Reporter
) -> list[str]:
    if looking.log is not None:
        check_files([looking.log])
    number = looks.taken + 1
    source = str(looking.log) if looking.log else "fresh questions"
    folder = looks.folder / f"{baseline.run_dir.name}.drift-{number}"
    content = file_sha256(looking.log) if looking.log else ""
    _forget_others(folder, f"{source} {content} {looking.rows} {baseline.key}")
    if looking.log is not None:
        given = logged_questions(looking.log, folder)
    else:
        given = fresh_questions(
            baseline.pipeline, baseline.spec, folder, number, looking.rows, options, reporter
        )
    questions, known, left = take(given, folder, looks.seen(), looking.rows)
    _ask(baseline, questions, folder, options, reporter)
    entries = list(read_rows(folder / "evaluate" / "answers.jsonl"))
    measure = _measure(baseline, entries, folder)
    rows = {row.get("id"): row for row in read_rows(questions.file)}
    asked = [rows[entry["id"]] for entry in entries]
    labels = labels_since(asked, baseline.by, baseline.rows) or {ALL: [ALL] * len(asked)}
    counted = [
        {
            "question": digest(row),
            "slices": {name: of_rows[place] for name, of_rows in labels.items()},
            "kept_up": {
                name: kept_up(entry["answers"], name, baseline.teacher, measure) for name in baseline.students
            },
            "scores": {name: score_of(answer, measure) for name, answer in entry["answers"].items()},
        }
        for place, (row, entry) in enumerate(zip(asked, entries, strict=True))
    ]
    known_now = {one["question"] for one in counted}
    left_out = [name for row in rows.values() if (name := digest(row)) not in known_now]
    look = {
        "look": number,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "source": source,
        "measure": measure,
        "rows": counted,
        "left_out": left_out,
    }
    earlier = looks.by_measure(measure)
    looks.add({**look, "evidence": _evidence(baseline, [*earlier, look], measure)})
    shutil.rmtree(folder / WORK, ignore_errors=True)
    notes = [f"look {number}: {len(counted):,} questions from {source}"]
    if silent := unanswered(entries, baseline.teacher, folder):
        notes.append(silent)
    if known:
        notes.append(f"{known:,} questions were counted before, and were not asked again")
    if left:
        notes.append(f"{left:,} more questions are there for the next look")
    if left_out:
        notes.append(f"{len(left_out):,} questions were trained on, and were not asked")
    return notes


def _evidence(baseline: Baseline, looks: list[dict[str, Any]], measure: str) -> dict[str, Any]:
    from synthgen.operations.drift.standing import evidence_by_slice

    return {name: evidence_by_slice(baseline, looks, name, measure) for name in baseline.students}


def _forget_others(folder: Path, about: str) -> None:
    """Removes what a look that was stopped has left, unless it was about the same questions."""
    mark = folder / ABOUT
    if folder.is_dir() and (not mark.is_file() or mark.read_text(encoding="utf-8") != about):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(mark, about.encode())


def _ask(
    baseline: Baseline, questions: Artefact, folder: Path, options: RunOptions, reporter: Reporter
) -> None:
    """Asks as the evaluate stage did, and scores as it did; its files are in `folder`."""
    config: Any = baseline.spec.config
    asked = config.model_copy(
        update={
            "models": (*baseline.students, *(("teacher",) if baseline.teacher else ())),
            "by": (),
            "on_leak": "exclude",
            # What evaluate measures beside scores says nothing of drift, and judges cost money.
            **{"pairwise": None, "panel": None, "noise_floor": 0, "likelihood": None},
        }
    )
    inputs = {**baseline.inputs, "questions": (questions,)}
    with Stopping() as stopping:
        sessions = LazySessions(baseline.pipeline, options, reporter, stopping.signal, folder.name)
        try:
            context = Context(
                folder,
                f"drift {baseline.spec.id}",
                folder / WORK,
                baseline.pipeline.seed,
                sessions,
                reporter,
                stopping.signal,
            )
            staging = staging_folder(folder, "evaluate")
            with stopping.graceful():
                if baseline.teacher and baseline.spec.stage.prefetch is not None:
                    baseline.spec.stage.prefetch(inputs, asked, context)
                    sessions.stop_servers()  # before a student needs the machine
                baseline.spec.stage.run(inputs, asked, context, staging)
        finally:
            sessions.close()
    publish(staging, folder / "evaluate")


def _measure(baseline: Baseline, entries: list[dict[str, Any]], folder: Path) -> str:
    """What the questions are scored by: the metric where most have a score, else agreement."""
    student = baseline.students[0]
    scored = sum(score_of(entry["answers"][student], baseline.metric) is not None for entry in entries)
    if 2 * scored > len(entries):
        return baseline.metric
    if not baseline.teacher:
        raise ConfigError(
            f"{len(entries) - scored:,} of {len(entries):,} questions have no right answer, and no teacher "
            "was asked when the student was measured",
            str(folder),
            "models: [students, teacher] of evaluate: then the two can be compared without right answers",
        )
    for entry in entries:
        if kept_up(entry["answers"], student, baseline.teacher, AGREEMENT) is not None:
            return AGREEMENT
    if silent := unanswered(entries, baseline.teacher, folder):
        raise StageFailed(
            f"no question has a right answer, and {silent}",
            str(folder / "evaluate" / "rejected.jsonl"),
            "nothing can be scored, and the look does not count: they need a teacher that can answer them",
        )
    raise StageFailed(
        "no question has a right answer, and no final answer of the teacher can be read",
        str(folder / "evaluate" / "answers.jsonl"),
        "nothing can be scored, and the look does not count; `system:` of evaluate can tell the teacher how "
        "to mark its answer",
    )


def unanswered(entries: Sequence[Mapping[str, Any]], teacher: str, folder: Path) -> str:
    """To how many questions the teacher gave no reply, why, and its server's words; "" where to none."""
    found = [entry["answers"].get(teacher, {}).get("failed") for entry in entries] if teacher else []
    reasons = Counter(reason for reason in found if reason)
    if not reasons:
        return ""
    why = ", ".join(f"{reason} {number:,}" for reason, number in sorted(reasons.items()))
    rejections = (row["rejection"] for row in read_rows(folder / "evaluate" / "rejected.jsonl"))
    words = next((str(one["value"]) for one in rejections if one["rule"] in reasons and "value" in one), "")
    said = f"; the first said: {shortened(words, 300)}" if words else ""
    return f"the teacher gave no reply to {reasons.total():,} of {len(entries):,} questions ({why}){said}"


def require(drift: Drift) -> None:
    """Raises StageFailed where some student fell in some slice."""
    found: Mapping[str, list[tuple[str, str]]] = {one.student: one.fallen() for one in drift.standings}
    fell = [f"{student} in {named(*name)}" for student, names in found.items() for name in names]
    if fell:
        raise StageFailed(f"fell: {'; '.join(dict.fromkeys(fell))}", str(drift.baseline.run_dir))
