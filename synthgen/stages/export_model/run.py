"""export_model: write a student as int8, int4, GGUF …, each measured.

Writes a folder for each variant (`merged/`, `int8/` …) that `from_pretrained` loads, with its card;
`metrics.json` with the verdicts, and `answers.jsonl` with what each variant replied.

Each variant is loaded from the folder that was written, asked the test rows that `evaluate` asked, and held
to the student itself: DEPLOY, RETUNE or INCONCLUSIVE, by `margin` below its score. Answers are greedy,
also where `evaluate` drew several. Before that, its prompts and end tokens are compared with the student's as
plain transformers loads them. Where they differ, the stage fails with the name of what broke
(`chat_template`, `tokens`, `end_token`, `int4_without_groups`), and nothing is published. Of a GGUF file
that is what the file itself says.

int8 has a scale for each row of weights, int4 one for each `group_size` of them. Embeddings and the head stay
as they are. torchao's packed int4 needs a GPU's kernels, so int4 is written in a way that loads anywhere: its
weights have 16 values, and take a byte each.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from synthgen.core.artefacts import Artefact, Counts, Inputs
from synthgen.core.errors import ConfigError, Fault, Interrupted, StageFailed
from synthgen.core.hashing import value_hash
from synthgen.core.progress import Progress
from synthgen.core.rows import Row, question_text, with_system
from synthgen.evaluation.compare import ModelAnswers, score
from synthgen.evaluation.export_check import export_faults
from synthgen.evaluation.generation import Decoding
from synthgen.evaluation.local import Local, answers_of, locals_of
from synthgen.evaluation.metrics.contract import Metric, scoring
from synthgen.evaluation.variants import variant_lines, variant_report
from synthgen.evaluation.verdict import Terms
from synthgen.stages.contract import Context, Need, Outcome, Stage, Whole
from synthgen.stages.evaluate import options as evaluate
from synthgen.stages.evaluate.asked import evaluated, rows_asked
from synthgen.stages.export_model.card import card_of
from synthgen.stages.export_model.options import Config
from synthgen.store.jsonl import RowWriter
from synthgen.training.gguf import INSTALL as INSTALL_GGUF
from synthgen.training.gguf import Conversion, lacks_gguf
from synthgen.training.variants import INSTALL, lacks_torchao, parameters_of, size_of, write_variant

STUDENT = "student"


def needs(config: Config) -> dict[str, Need]:
    """A student, and the evaluation whose test rows its variants are asked."""
    return {"student": Need("model"), "evaluation": Need("metrics", made_by="evaluate")}


def faults(config: Config) -> list[Fault]:
    """Whether a package or the converter is missing."""
    found = []
    if lacks_torchao(config.variants):
        found.append(
            Fault("int8 and int4 need a package that is not installed (torchao)", "variants", INSTALL)
        )
    if "gguf" in config.variants and (missing := lacks_gguf(config.converter)):
        found.append(Fault(f"gguf needs {missing}", "variants", INSTALL_GGUF))
    return found


def provenance(need: str, artefacts: Sequence[Artefact]) -> Any:
    """What decides the questions and how they are asked, beside the figures that evaluate published."""
    if need != "evaluation":
        return None
    asked = ("system", "max_new_tokens", "batch_size", "threads", "metrics", "reference", "verdict")
    return [
        [
            [rows.sha256 for rows in artefact.inputs.get("questions", ())],
            {name: artefact.config.get(name) for name in asked},
        ]
        for artefact in artefacts
    ]


def run(inputs: Inputs, config: Config, context: Context, out: Path) -> Outcome:
    """Writes the variants, checks and asks them, and gives a verdict on each.

    Args:
        inputs: the student, and the evaluation.
        config: which variants.
        context: of the run.
        out: the folder to write into.

    Returns:
        The account and the table.

    Raises:
        ConfigError: a package is missing, or evaluate has no metric that scores by itself.
        StageFailed: a variant cannot be made, or is asked or stops otherwise than the student.
    """
    (student,), (evaluation,) = inputs["student"], inputs["evaluation"]
    asked_as = evaluated(evaluation)
    metric_name, metric = _metric(asked_as)
    terms = _terms(config, asked_as, metric_name, metric)
    rows = _rows(evaluation, asked_as)
    (local,) = locals_of([student], ["students"])
    asked = [with_system(row, asked_as.system) for row in rows]
    for variant in config.variants:
        write_variant(
            student.file,
            variant,
            out / variant,
            group_size=config.group_size,
            trusted=local.trusted,
            conversion=Conversion(config.gguf, config.converter),
        )
        _check(student, variant, out / variant, asked, local.completion)
    context.work.mkdir(parents=True, exist_ok=True)
    decoding = Decoding(asked_as.max_new_tokens, asked_as.batch_size, asked_as.threads)
    own = _ask(local, STUDENT, student.file, asked, decoding, context, config)
    models = [_ask(local, name, out / name, asked, decoding, context, config) for name in config.variants]
    references = [row.get(asked_as.reference) for row in rows]
    score([own, *models], references, {metric_name: metric}, [str(row.get("id", "?")) for row in rows])
    sizes: dict[str, dict[str, Any]] = {
        STUDENT: _size(student.file),
        **{
            name: {**_size(out / name), **({"same_weights": True} if name == "merged" else {})}
            for name in config.variants
        },
    }
    report = {"exported": student.stage_id, **variant_report(own, models, terms, sizes)}
    for name in config.variants:
        card = card_of(student.file, student.stage_id, name, report)
        (out / name / "README.md").write_text(card, encoding="utf-8")
    (out / "metrics.json").write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")
    with RowWriter(out / "answers.jsonl") as answers:
        for number, row in enumerate(rows):
            answers.write(_entry(row, number, [own, *models], asked_as.reference))
    counts = Counts(in_=len(rows), kept=len(rows))
    files = {"metrics.json": None, "answers.jsonl": answers.rows}
    return Outcome(counts, files, table="\n".join(variant_lines(report, student.stage_id)))


def _metric(options: evaluate.Config) -> tuple[str, Metric]:
    """The verdict's metric, or the first one, of those that score by themselves."""
    metrics = scoring({choice.name: choice.build(Metric) for choice in options.metrics})
    if not metrics:
        raise ConfigError(
            "the variants of a student are scored without a judge, and evaluate has no other metric",
            next="metrics: [exact_match, …] of evaluate",
        )
    named = options.verdict.metric
    name = named if named in metrics else next(iter(metrics))
    return name, metrics[name]


def _terms(config: Config, options: evaluate.Config, name: str, metric: Metric) -> Terms:
    given = {"margin": config.margin, "confidence": config.confidence}
    chosen = options.verdict.model_copy(
        update={field: value for field, value in given.items() if value is not None}
    )
    return Terms.of(chosen, name, metric.SHARE)


def _rows(evaluation: Artefact, options: evaluate.Config) -> list[Row]:
    rows = rows_asked(evaluation)
    if not any(row.get(options.reference) is not None for row in rows):
        raise StageFailed(
            f"no test row of {evaluation.stage_id} has a {options.reference}, so no answer can be scored",
            str(evaluation.folder),
            "give the test rows that field; see docs/evaluation.md",
        )
    return rows


def _check(student: Artefact, variant: str, folder: Path, rows: Sequence[Row], completion: str) -> None:
    if found := export_faults(student.file, folder, rows, completion):
        raise StageFailed(
            faults=[
                Fault(
                    f"{variant}: {fault}",
                    str(student.file),
                    "nothing was published: such a folder would answer otherwise than the student",
                )
                for fault in found
            ],
            what=f"{variant}: {found[0]}",
        )


def _ask(
    local: Local,
    name: str,
    folder: Path,
    rows: Sequence[Row],
    decoding: Decoding,
    context: Context,
    config: Config,
) -> ModelAnswers:
    log = (
        context.work
        / f"{value_hash([name, local.digest, config.group_size, config.gguf, config.converter])}.jsonl"
    )
    model = Local(
        name,
        "student",
        str(folder),
        str(folder),
        local.digest,
        local.source,
        completion=local.completion,
        trusted=local.trusted,
    )
    with context.reporter.stage(f"{context.stage_id} {name}", total=len(rows)) as progress:

        def each(done: int, tokens: int, progress: Progress = progress) -> None:
            progress.update(done=done, tokens=tokens)
            if signal_number := context.stopping():
                raise Interrupted(signal_number)

        return answers_of(model, rows, decoding, log, each)


def _size(folder: Path) -> dict[str, Any]:
    return {"bytes": size_of(folder), "parameters": parameters_of(folder)}


def _entry(row: Row, number: int, models: Sequence[ModelAnswers], reference: str) -> Row:
    return {
        "id": row.get("id"),
        "question": question_text(row),
        "reference": row.get(reference),
        "answers": {
            model.name: {
                "text": model.answers[number].text,
                "parsed": model.answers[number].parsed,
                "ending": model.answers[number].ending,
                "scores": {metric: scores[number] for metric, scores in model.scores.items()},
            }
            for model in models
        },
    }


STAGE = Stage(
    config=Config,
    version=2,
    writes="metrics",
    needs=needs,
    run=run,
    faults=faults,
    provenance=provenance,
    graceful=True,
    decides=True,
    sharding=Whole("its scores are over all test rows"),
    example="- export_model: {input: student, variants: [merged, int8, int4], margin: 1%}",
    see="Variants, checks and verdicts: [serving.md](serving.md).",
)
