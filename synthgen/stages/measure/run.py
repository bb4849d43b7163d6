"""measure: size, speed and price of the models, side by side.

Base, students, the variants of `export_model` and a teacher that is a folder are each loaded in a process of
their own and asked test questions as `evaluate` asks them: one by one, and in batches that double while that
is faster. Memory is the peak of that process (of the GPU, where there is one). The price of a million answers
is the machine's (`usd_per_hour`) at the best batch. The teacher's is by its `price`, for the tokens of its
replies in the ledger. Nobody is asked for it.

Timings differ from run to run, so they stand in `speed.json`. `metrics.json` has what does not: weights,
bytes and the teacher's price.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from synthgen.core.artefacts import Artefact, Counts, Inputs
from synthgen.core.errors import StageFailed
from synthgen.core.rows import Row, with_system
from synthgen.evaluation.local import Local, locals_of
from synthgen.evaluation.speed import Measurement
from synthgen.evaluation.speed_process import measured
from synthgen.evaluation.speed_table import speed_lines, usd_per_million
from synthgen.evaluation.teacher import conversations_with_teacher, teacher_answers
from synthgen.stages.contract import Context, Need, Outcome, Stage, Whole
from synthgen.stages.evaluate import options as evaluate
from synthgen.stages.evaluate.asked import evaluated, rows_asked
from synthgen.stages.measure.options import Config
from synthgen.training.completions import question_prefix
from synthgen.training.prompting import student_prompt
from synthgen.training.variants import size_of


def needs(config: Config) -> dict[str, Need]:
    """The evaluation whose questions are asked, and the models."""
    needed = {"evaluation": Need("metrics", made_by="evaluate")}
    if {"base", "students"} & set(config.models):
        needed["students"] = Need("model", many=True, optional=True)
    if "exported" in config.models:
        needed["exported"] = Need("metrics", many=True, optional=True, made_by="export_model")
    return needed


def run(inputs: Inputs, config: Config, context: Context, out: Path) -> Outcome:
    """Measures each model.

    Args:
        inputs: the evaluation, students, and exported variants.
        config: which, and how long.
        context: of the run.
        out: the folder to write into.

    Returns:
        The account and the table.

    Raises:
        StageFailed: there is no model, or none could be measured.
        Interrupted: a signal asked to stop.
    """
    (evaluation,) = inputs["evaluation"]
    asked_as = evaluated(evaluation)
    rows = rows_asked(evaluation)
    asked = [with_system(row, asked_as.system) for row in rows]
    teacher = _teacher(asked, asked_as, context) if "teacher" in config.models else None
    local = list(_locals(inputs, config, asked_as, context))
    if not local and teacher is None:
        raise StageFailed(
            "there is no model to measure",
            next="put a stage that trains before it, or add teacher to `models`",
        )
    speed, sizes = {}, {}
    with context.reporter.stage(context.stage_id, total=len(local), unit="models") as progress:
        for number, model in enumerate(local):
            figures = measured(_measurement(model, asked, asked_as, config), context.stopping)
            disk = size_of(Path(model.path)) if Path(model.path).is_dir() else None
            sizes[model.name] = {
                "role": model.role,
                "source": model.source,
                "parameters": figures.pop("parameters", None),
                "bytes": disk,
            }
            speed[model.name] = {**figures, "usd_per_million": usd_per_million(figures, config.usd_per_hour)}
            progress.update(done=number + 1)
    if local and all("failed" in figures for figures in speed.values()):
        first = next(iter(speed))
        raise StageFailed(f"no model could be measured; {first}: {speed[first]['failed']}")
    report = {"questions": len(rows), "models": sizes, **({"teacher": teacher} if teacher else {})}
    timings = {
        "questions": min(config.questions, len(rows)),
        "max_new_tokens": asked_as.max_new_tokens,
        "usd_per_hour": config.usd_per_hour,
        "machine": {
            "cores": os.cpu_count(),
            "device": next((one["device"] for one in speed.values() if "device" in one), "cpu"),
        },
        "models": speed,
    }
    for name, content in (("metrics.json", {"sizes": report}), ("speed.json", timings)):
        (out / name).write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
    counts = Counts(in_=len(rows), kept=len(rows))
    files: dict[str, int | None] = {"metrics.json": None, "speed.json": None}
    return Outcome(counts, files, table="\n".join(speed_lines(report, timings)))


def _locals(inputs: Inputs, config: Config, asked_as: evaluate.Config, context: Context) -> Iterator[Local]:
    students = inputs.get("students", ())
    wanted = [name for name in ("base", "students") if name in config.models]
    if students and wanted:
        yield from locals_of(students, wanted)
    for exported in inputs.get("exported", ()):
        yield from _variants(exported)
        if "gguf" in exported.config["variants"]:
            context.reporter.say(
                f"{exported.stage_id} gguf is not measured: llama.cpp runs it, not transformers"
            )
    if "teacher" in config.models and "teacher" in asked_as.models:
        folder = context.sessions.open(asked_as.teacher).config.model
        if (Path(folder) / "config.json").is_file():
            yield Local("teacher", "teacher", folder, folder, "", folder)


def _variants(exported: Artefact) -> Iterator[Local]:
    for variant in (name for name in exported.config["variants"] if name != "gguf"):
        folder = str(exported.folder / variant)
        (student,) = exported.inputs["student"]
        (own,) = locals_of([student], ["students"])
        yield Local(
            f"{student.stage_id} {variant}",
            "student",
            folder,
            folder,
            exported.sha256,
            exported.stage_id,
            completion=own.completion,
            trusted=own.trusted,
        )


def _measurement(model: Local, rows: Sequence[Row], asked_as: evaluate.Config, config: Config) -> Measurement:
    prefix = question_prefix(model.completion)
    return Measurement(
        path=model.path,
        tokenizer=model.tokenizer,
        revision=model.revision,
        trained=model.role == "student",
        trusted=model.trusted,
        prompts=[student_prompt(row, prefix) for row in rows[: config.questions]],
        max_new_tokens=asked_as.max_new_tokens,
        threads=asked_as.threads,
        most=config.most,
        seconds=config.seconds,
    )


def _teacher(rows: Sequence[Row], asked_as: evaluate.Config, context: Context) -> dict[str, Any] | None:
    """What an answer cost at the teacher, by the replies that evaluate used; None where it asked none."""
    if "teacher" not in asked_as.models:
        return None
    session, drawn = context.sessions.open(asked_as.teacher), evaluate.drawn_by(asked_as)
    conversations = conversations_with_teacher(rows, asked_as.max_new_tokens, session.config, drawn)
    account = teacher_answers(session, conversations, drawn.samples).account
    # A reply is one choice of several where answers are sampled; each was paid for.
    replies = account.requests["answered"] * drawn.samples
    if not replies:
        return None
    usage = account.usage
    cost = usage.get("cost_usd") or 0.0
    return {
        "source": session.config.model,
        "replies": replies,
        "prompt_tokens": usage.get("prompt_tokens", 0) / replies,
        "completion_tokens": usage.get("completion_tokens", 0) / replies,
        "usd_per_million": cost / replies * 1_000_000 if cost else None,
    }


STAGE = Stage(
    config=Config,
    version=1,
    writes="metrics",
    needs=needs,
    run=run,
    graceful=True,
    sharding=Whole("models are measured one after the other on one machine"),
    example="- measure: {models: [base, students, exported, teacher], usd_per_hour: 0.40}",
    see="What is measured: [serving.md](serving.md).",
)
