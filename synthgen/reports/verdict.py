"""Verdicts of a run from its files alone: no model is asked, and other terms cost nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from synthgen.core import registry
from synthgen.core.errors import ConfigError, InputError, StageFailed
from synthgen.evaluation.compare import Answer, ModelAnswers
from synthgen.evaluation.findings import with_findings
from synthgen.evaluation.slices import fallen, slice_report
from synthgen.evaluation.verdict import Terms, verdict_lines, verdict_report
from synthgen.reports.run_folder import PublishedStage, stages_of, written_rows
from synthgen.reports.variant_verdicts import KIND, stale, variants_lines, variants_of, words_of
from synthgen.stages.evaluate.options import VerdictOptions
from synthgen.store.manifest import altered, artefact_hash, read_manifest

WORDS = ("deploy", "retune", "escalate", "inconclusive")


class Unmet(StageFailed):
    """A verdict is not the one that was required."""


def run_verdict(
    run_dir: Path,
    *,
    stage: str = "",
    metric: str | None = None,
    margin: float | None = None,
    confidence: float | None = None,
    teacher_least: float | None = None,
) -> dict[str, Any]:
    """The verdicts on a run's students.

    Args:
        run_dir: the run's folder.
        stage: the id of an evaluate stage, or of one that exported variants; the last evaluation and all
            variants where left out.
        metric: what students are held to, in place of what the pipeline file says.
        margin: by how much a student may be below its teacher, likewise.
        confidence: how sure a verdict has to be, likewise.
        teacher_least: the score below which a teacher is too weak, likewise.

    Returns:
        {"stage", "verdict"}, and "slices" and "panel" where evaluate had any, as `metrics.json` has them;
        "variants" (stage -> its `metrics.json`) where the run has exported any, by their own terms. Of a
        stage that exported, {"stage", "variants"}, by the terms that are given.

    Raises:
        InputError: the run has no such evaluation, or one without a teacher or without scores.
        StageFailed: the answers are not those of the models and test rows that are there now.
    """
    exports = [one for one in stages_of(run_dir) if one.manifest.kind == KIND]
    if named := [one for one in exports if one.id == stage]:
        _require_current(run_dir, named[0])
        return {"stage": stage, "variants": {stage: variants_of(named[0], margin, confidence)}}
    found = _evaluation(run_dir, stage)
    _require_current(run_dir, found)
    report = orjson.loads((found.folder / "metrics.json").read_bytes())
    asked = {
        "metric": metric,
        "margin": margin,
        "confidence": confidence,
        "teacher_least": teacher_least,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    options = VerdictOptions.model_validate({**(found.manifest.config.get("verdict") or {}), **given})
    name = options.metric or report["metrics"][0]
    if name not in report["metrics"]:
        raise ConfigError(
            f"{found.id} has no metric {name!r}", str(found.folder), f"it has {', '.join(report['metrics'])}"
        )
    share = bool(registry.find("metric", name).SHARE) and "samples" not in report.get("decoding", {})
    terms = Terms.of(options, name, share)
    models, labels = _models(report, found.folder / "answers.jsonl", name)
    slices = slice_report(models, labels, terms)
    fell = {model.name: fallen(slices, model.name) for model in models if model.role == "student"}
    verdict = with_findings(verdict_report(models, terms, fell), report)
    if not verdict:
        raise InputError(
            f"{found.id} cannot tell whether a student may replace its teacher: " + _lacking(report, name),
            str(found.folder),
            "models: [base, students, teacher] and test rows with a reference"
            + (f"; `--stage {exports[-1].id}` is about the variants" if exports else ""),
        )
    panel = report.get("panel")
    beside = {**({"slices": slices} if slices else {}), **({"panel": panel} if panel else {})}
    if exports and not stage:
        beside["variants"] = {one.id: _exported(run_dir, one) for one in exports}
    return {"stage": found.id, "verdict": verdict, **beside}


def _evaluation(run_dir: Path, wanted: str) -> PublishedStage:
    evaluations = [one for one in stages_of(run_dir) if one.manifest.kind == "evaluate"]
    if wanted:
        evaluations = [one for one in evaluations if one.id == wanted]
    if not evaluations:
        raise InputError(
            f"this run has no finished evaluation{f' {wanted!r}' if wanted else ''}",
            str(run_dir),
            "a verdict is about the answers of an evaluate stage",
        )
    return evaluations[-1]


def _exported(run_dir: Path, found: PublishedStage) -> dict[str, Any]:
    try:
        _require_current(run_dir, found)
    except StageFailed as fault:
        return stale(fault)
    return variants_of(found)


def _require_current(run_dir: Path, found: PublishedStage) -> None:
    """Raises StageFailed where answers were edited, or a model or the test rows changed since."""
    if changed := altered(found.folder, found.manifest):
        raise StageFailed(
            f"{', '.join(changed[:3])} is no longer what {found.id} wrote",
            str(found.folder),
            f"run it again: `synthgen run PIPELINE --force {found.id}`",
        )
    for record in (record for group in found.manifest.inputs.values() for record in group):
        stage, _, file = record.file.partition("/")
        manifest = read_manifest(run_dir / stage)
        if manifest is None:
            continue  # of another run, or removed: nothing newer stands in its place
        if changed := [name for name in altered(run_dir / stage, manifest) if name.startswith(file)]:
            raise StageFailed(
                f"{', '.join(changed[:3])} of {stage} was changed after {found.id} had asked",
                str(run_dir / stage),
                "run the pipeline again: what was changed by hand is made anew",
            )
        if artefact_hash(manifest, file) != record.sha256:
            raise StageFailed(
                f"{found.id} asked another {record.artefact} than the one that is there now",
                str(run_dir / record.file),
                "run the pipeline again: evaluate asks those that changed",
            )


def _models(
    report: Mapping[str, Any], answers: Path, metric: str
) -> tuple[list[ModelAnswers], dict[str, list[str]]]:
    """Models with their scores, as far as a verdict reads them, and the rows' slices."""
    labels: dict[str, list[str]] = {}
    seeds = {
        name: stage for stage, group in report.get("seeds", {}).items() for name in group.get("models", ())
    }
    models = {
        name: ModelAnswers(
            name,
            figures["role"],
            [],
            figures.get("base"),
            seed_of=seeds.get(name, ""),
            scores={metric: []},
        )
        for name, figures in report["models"].items()
    }
    for entry in written_rows(answers):
        for field, label in entry.get("slices", {}).items():
            labels.setdefault(field, []).append(label)
        for name, answer in entry["answers"].items():
            model = models[name]
            model.answers.append(_answer(answer))
            for number, draw in enumerate(answer.get("draws", ())):
                if number == len(model.draws):
                    model.draws.append([])
                model.draws[number].append(_answer(draw))
            model.scores[metric].append((answer.get("scores") or {}).get(metric))
    return list(models.values()), labels


def _answer(entry: Mapping[str, Any]) -> Answer:
    return Answer("", entry.get("parsed"), entry.get("ending", ""), entry.get("failed", ""))


def _lacking(report: Mapping[str, Any], metric: str) -> str:
    roles = {figures["role"] for figures in report["models"].values()}
    if "teacher" not in roles:
        return "the teacher was not asked"
    if "student" not in roles:
        return "no student was asked"
    return f"no row has a score by {metric}"


def of_students(report: Mapping[str, Any], students: Sequence[str]) -> dict[str, Any]:
    """A report with the verdicts on some students and variants alone, on all where none is named.

    Args:
        report: from `run_verdict`.
        students: their names; `<stage>.<variant>` of a variant.

    Raises:
        InputError: one of them is not in the report.
    """
    verdict: Mapping[str, Any] = report.get("verdict", {"students": {}})
    found: Mapping[str, Any] = verdict["students"]
    known = [*found, *words_of(report)]
    if unknown := [name for name in students if name not in known]:
        raise InputError(f"there is no verdict on {unknown[0]!r}", next=f"there is one on {', '.join(known)}")
    if not students:
        return dict(report)
    rest = {name: value for name, value in report.items() if name not in ("verdict", "variants")}
    if kept := {name: figures for name, figures in found.items() if name in students}:
        rest["verdict"] = {**verdict, "students": kept}
    variants = {
        stage: {
            **exported,
            "variants": {
                name: figures
                for name, figures in exported.get("variants", {}).items()
                if f"{stage}.{name}" in students
            },
        }
        for stage, exported in report.get("variants", {}).items()
        if stage in students or any(name.startswith(f"{stage}.") for name in students)
    }
    return {**rest, **({"variants": variants} if variants else {})}


def run_verdict_lines(report: Mapping[str, Any]) -> list[str]:
    """The verdicts on students and variants as a person reads them."""
    lines = [*verdict_lines(report), *variants_lines(report)]
    return lines if lines[0] else lines[1:]


def word_of(required: str) -> str:
    """A verdict that is required, as `require` takes it.

    Raises:
        ConfigError: there is no such verdict.
    """
    if required.lower() not in WORDS:
        raise ConfigError(
            f"--require {required}: there is no such verdict", next=f"one of {', '.join(WORDS)}"
        )
    return required.lower()


def require(report: Mapping[str, Any], word: str, students: Sequence[str] = ()) -> None:
    """Raises Unmet where the verdict on a student or a variant is another than `word`.

    Args:
        report: from `run_verdict`.
        word: one of `WORDS`.
        students: whose verdict counts; all where left out.

    Raises:
        Unmet: with the students and variants, and their verdicts.
        InputError: one of them is not in the report.
    """
    report = of_students(report, students)
    found = {name: one["verdict"] for name, one in report.get("verdict", {}).get("students", {}).items()}
    others = {name: said for name, said in (found | words_of(report)).items() if said.lower() != word}
    if others:
        raise Unmet(
            f"{word.upper()} is required: "
            + ", ".join(f"{name} is {verdict}" for name, verdict in others.items()),
            report["stage"],
            "synthgen verdict without --require says what each rests on and what to try",
        )


def require_of_stages(run_dir: Path, word: str, stages: Sequence[str]) -> None:
    """Raises Unmet where a verdict of one of these stages is another than `word`; see `require`."""
    for stage in stages:
        require(run_verdict(run_dir, stage=stage), word)
