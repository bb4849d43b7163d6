"""What evaluate writes: all figures, and every model's answer to every question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthgen.core.artefacts import Counts
from synthgen.core.rows import Row, question_text
from synthgen.evaluation.compare import Answer, ModelAnswers, compare
from synthgen.evaluation.findings import with_findings
from synthgen.evaluation.metrics.contract import Metric
from synthgen.evaluation.slices import fallen, labels_of, slice_report
from synthgen.evaluation.verdict import Terms, verdict_report
from synthgen.stages.evaluate.options import Config, drawn_by
from synthgen.stages.evaluate.questions import Questions


def figures(
    questions: Questions,
    models: Sequence[ModelAnswers],
    metrics: Mapping[str, Metric],
    config: Config,
    counts: Counts,
    beside: Mapping[str, Any],
) -> dict[str, Any]:
    """The content of `metrics.json`.

    Args:
        questions: what was asked.
        models: who was asked, scored by all metrics.
        metrics: name -> metric.
        config: evaluate's options.
        counts: of the test rows.
        beside: what was found beside scores: remarks on prompts, the noise floor, likelihoods, in what
            prompts differ from training's, and the regression panel.

    Returns:
        Name -> figure, as plain JSON.
    """
    return {
        "in": counts.in_,
        "questions": len(questions.rows),
        "with_reference": sum(row.get(config.reference) is not None for row in questions.rows),
        "reference": config.reference,
        "metrics": list(metrics),
        "decoding": {
            "temperature": drawn_by(config).temperature,
            **({"samples": config.samples, "top_p": config.top_p} if config.decoding == "sampled" else {}),
            "max_new_tokens": config.max_new_tokens,
            **_answered_through(config),
            "system": config.system,
        },
        "leakage": questions.leakage,
        **compare(models, metrics),
        **_judged(questions.rows, models, terms(config, metrics), config.by, beside),
        **{name: value for name, value in beside.items() if value},
    }


def _answered_through(config: Config) -> dict[str, Any]:
    """How local models answered: in batches of transformers, or through a server."""
    if config.through is None:
        return {"batch_size": config.batch_size}
    server = "vllm" if config.through.base_url is None else "address"
    return {"through": server, "prompt": config.through.prompt}


def _judged(
    rows: Sequence[Row],
    models: Sequence[ModelAnswers],
    held_to: Terms,
    by: Sequence[str],
    beside: Mapping[str, Any],
) -> dict[str, Any]:
    """The scores by slice and the verdicts, as far as there are any."""
    slices = slice_report(models, labels_of(rows, by), held_to)
    fell = {model.name: fallen(slices, model.name) for model in models if model.role == "student"}
    verdict = with_findings(verdict_report(models, held_to, fell), beside)
    return {**({"slices": slices} if slices else {}), **({"verdict": verdict} if verdict else {})}


def terms(config: Config, metrics: Mapping[str, Metric]) -> Terms:
    """What students are held to, by evaluate's options."""
    options = config.verdict
    name = options.metric or next(iter(metrics))
    share = metrics[name].SHARE and config.decoding == "greedy"
    return Terms.of(options, name, share)


def entries(rows: Sequence[Row], models: Sequence[ModelAnswers], config: Config) -> Iterator[Row]:
    """The lines of `answers.jsonl`, a question each."""
    labels = labels_of(rows, config.by)
    for index, row in enumerate(rows):
        yield {
            "id": row.get("id"),
            "question": question_text(row),
            "reference": row.get(config.reference),
            **({"slices": {field: of_rows[index] for field, of_rows in labels.items()}} if labels else {}),
            "answers": {model.name: _entry(model, model.answers[index], index) for model in models},
        }


def _entry(model: ModelAnswers, answer: Answer, index: int) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "text": answer.text,
        "parsed": answer.parsed,
        "ending": answer.ending,
        "stopped": answer.stopped,
    }
    if answer.failed:
        entry["failed"] = answer.failed
    scores = {name: values[index] for name, values in model.scores.items() if values[index] is not None}
    if scores:
        entry["scores"] = scores
    if "exact_match" in scores:
        entry["right"] = scores["exact_match"] == 1.0
    if model.draws:
        entry["draws"] = [_draw(model, number, index) for number in range(len(model.draws))]
    return entry


def _draw(model: ModelAnswers, number: int, index: int) -> dict[str, Any]:
    answer = model.draws[number][index]
    scores = {name: drawn[number][index] for name, drawn in model.drawn_scores.items()}
    known = {name: value for name, value in scores.items() if value is not None}
    return {
        "text": answer.text,
        "parsed": answer.parsed,
        "ending": answer.ending,
        **({"failed": answer.failed} if answer.failed else {}),
        **({"scores": known} if known else {}),
    }
