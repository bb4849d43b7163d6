"""The headline: each student against base and teacher, rows, dollars, hours; when and of what it was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthgen.core.text import dollars
from synthgen.reports.report.blocks import Block, Facts, Lines, Tile, Tiles
from synthgen.reports.report.facts import Evaluation, RunFacts
from synthgen.reports.report.figures import apart, count, figure, joined, share, time
from synthgen.reports.visible import visible

TILES = 6
"""So many students get a tile; the scores have them all."""
ENDED = {
    "failed": "failed",
    "interrupted": "was interrupted",
    "stopped": "stopped at the budget",
    "running": "is running",
    "waits": "waits",
}


def headline(facts: RunFacts) -> list[Block]:
    """Tiles, what went wrong, and what the run is."""
    many = len(facts.evaluations) > 1
    tiles = [tile for evaluation in facts.evaluations for tile in _students(evaluation, many)]
    blocks: list[Block] = [Tiles([*tiles[:TILES], *_run_tiles(facts)])]
    if len(tiles) > TILES:
        blocks.append(Lines([f"and {len(tiles) - TILES:,} more students, under Scores"]))
    if alarms := list(_alarms(facts)):
        blocks.append(Lines(alarms, "warn"))
    return [*blocks, Facts(list(_about(facts)))]


def _students(evaluation: Evaluation, many: bool) -> Iterator[Tile]:
    """A tile for each student; of several evaluations each names its own."""
    report = evaluation.report
    metrics = [name for name in report["metrics"] if any(name in one for one in report["models"].values())]
    if not metrics:
        return
    verdict = report.get("verdict") or {}
    metric = str(verdict["metric"]) if verdict.get("metric") in metrics else str(metrics[0])
    where = f" in {evaluation.stage.id}" if many else ""
    for name, figures in report["models"].items():
        if figures["role"] != "student" or metric not in figures:
            continue
        way = (evaluation.file, "models", name, metric)
        yield Tile(
            name,
            share(figures[metric]["value"], [*way, "value"]),
            [f"{metric.replace('_', ' ')}{where}", *_beside(report, figures, metric, way, evaluation.file)],
            str(verdict.get("students", {}).get(name, {}).get("verdict", "")),
        )


def _beside(
    report: Mapping[str, Any], figures: Mapping[str, Any], metric: str, way: Sequence[str], file: str
) -> Iterator[str]:
    """The base's and the teacher's score, with the differences."""
    teachers = [other for other, one in report["models"].items() if one["role"] == "teacher"]
    for title, other, against in (
        ("base", figures.get("base"), "vs_base"),
        ("teacher", teachers[0] if teachers else None, "vs_teacher"),
    ):
        measured = report["models"].get(other, {}).get(metric)
        if measured is None:
            continue
        value = share(measured["value"], [file, "models", str(other), metric, "value"])
        difference = figures[metric].get(against)
        apart_from = (
            joined([" (", apart(difference["value"], [*way, against, "value"]), " points)"], "")
            if difference
            else ""
        )
        yield joined([f"{title} ", value, apart_from], "")


def _run_tiles(facts: RunFacts) -> Iterator[Tile]:
    if (stage := facts.came_to) is not None:
        train = stage.manifest.outputs.get("train.jsonl")
        kept = (
            count(train.rows, [f"{stage.id}/manifest.json", "outputs", "train.jsonl", "rows"])
            if train is not None
            else count(stage.manifest.counts.get("kept"), ["status", "stages", stage.id, "counts", "kept"])
        )
        under = [f"of {visible(stage.id)}"]
        first = [one for one in facts.stages if not one.manifest.inputs and one.manifest.writes == "rows"]
        if first and first != [stage]:
            made = sum(one.manifest.counts.get("in", 0) for one in first)
            sources = [["status", "stages", one.id, "counts", "in"] for one in first]
            under.append(joined(["of ", count(made, *sources), " that came in"], ""))
        yield Tile("rows kept", kept, under)
    total, ahead = facts.money["total"], facts.money["total"]["ahead"]
    if total["requests"]:
        requests = count(total["requests"], ["status", "money", "total", "requests"])
        tokens = total["prompt_tokens"] + total["completion_tokens"]
        sources = [["status", "money", "total", name] for name in ("prompt_tokens", "completion_tokens")]
        yield Tile(
            "the teacher's replies",
            figure(
                total["cost_usd"] + ahead["cost_usd"],
                dollars,
                ["status", "money", "total", "cost_usd"],
                ["status", "money", "total", "ahead", "cost_usd"],
            ),
            [joined([requests, " requests"], ""), joined([count(tokens, *sources), " tokens"], "")],
        )
    seconds = sum(stage.manifest.seconds for stage in facts.stages)
    sources = [["status", "stages", stage.id, "seconds"] for stage in facts.stages]
    yield Tile("time", time(seconds, *sources), [f"{len(facts.stages):,} stages"])


def _alarms(facts: RunFacts) -> Iterator[str]:
    """What a reader has to know before any figure."""
    for name, attempt in facts.attempts.items():
        yield f"{name} {ENDED[attempt.state]}: {attempt.why}"
    for empty in facts.figures["came_to_nothing"]:
        yield f"{empty['stage']} came to nothing: {empty['why']}"
    for stage in facts.stages:
        if stage.manifest.partial:
            yield f"{stage.id} is partial: it was published before all of its rows were done"
    for evaluation in facts.evaluations:
        leakage = evaluation.report.get("leakage") or {}
        if leakage.get("exact") and not leakage.get("excluded"):
            said = f"{leakage['exact']:,} test questions were trained on: its scores are not to be trusted"
            yield f"{evaluation.stage.id}: {said}"


def _about(facts: RunFacts) -> Iterator[tuple[str, str]]:
    finished = max((stage.manifest.finished_at for stage in facts.stages), default="")
    if finished:
        yield "finished", f"{finished[:16].replace('T', ' ')} UTC"
    _, tree = facts.pipeline
    if "seed" in tree:
        yield "seed", str(tree["seed"])
    teachers = dict(tree.get("teachers") or {})
    if isinstance(tree.get("teacher"), dict):
        teachers = {"teacher": tree["teacher"], **teachers}
    for name, teacher in teachers.items():
        if isinstance(teacher, dict):
            yield str(name), " ".join(str(teacher[key]) for key in ("provider", "model") if teacher.get(key))
    for stage in facts.students:
        student = stage.manifest.extra.get("student", {})
        weights = student.get("parameters")
        yield (
            stage.id,
            joined(
                [
                    str(student.get("base", stage.manifest.kind)),
                    *([f"{weights:,} parameters"] if weights else []),
                    *([str(student["completion"]).replace("_", " ")] if student.get("completion") else []),
                ]
            ),
        )
    versions: dict[str, str] = {}
    for stage in facts.stages:
        versions.update(stage.manifest.versions)
    if versions:
        yield "versions", ", ".join(f"{name} {version}" for name, version in versions.items())
    hosts = [stage.manifest.host for stage in facts.stages if stage.manifest.host]
    machines = [
        f"{str(host.get('system')).partition('-')[0]}, {host.get('cores')} cores, Python {host.get('python')}"
        for host in hosts
    ]
    for machine in dict.fromkeys(machines):
        yield "machine", machine
    yield from _commands(facts)
    if facts.pipeline[0]:
        yield "again", "synthgen run pipeline.resolved.yaml"


def _commands(facts: RunFacts) -> Iterator[tuple[str, str]]:
    """What was typed; where several commands made the run, each with its stages."""
    typed: dict[str, list[str]] = {}
    for stage in facts.stages:
        if stage.manifest.command:
            typed.setdefault(stage.manifest.command, []).append(stage.id)
    for command, stages in typed.items():
        yield "command", command if len(typed) == 1 else f"{command}\nmade {', '.join(stages)}"
