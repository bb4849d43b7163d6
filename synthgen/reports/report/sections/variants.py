"""Variants of a student that were exported, and what each model takes."""

from __future__ import annotations

from collections.abc import Iterator

from synthgen.core.text import percent
from synthgen.evaluation.speed_table import HEADER, remarks, speed_rows
from synthgen.reports.report.blocks import Block, Heading, Lines, Table
from synthgen.reports.report.facts import RunFacts, read_json
from synthgen.reports.report.figures import figure, interval, share
from synthgen.reports.run_folder import PublishedStage
from synthgen.training.footprint import size


def variants(facts: RunFacts) -> list[Block]:
    """A table for each stage that exported or measured."""
    return [block for stage in facts.stages for block in (*_exported(stage), *_measured(stage))]


def _exported(stage: PublishedStage) -> Iterator[Block]:
    report = read_json(stage.folder / "metrics.json")
    if not isinstance(report, dict) or "variants" not in report:
        return
    file = f"{stage.id}/metrics.json"
    header = ["variant", "size", str(report["metric"]), "95% interval", "same replies", "verdict", "why"]
    student = report["student"]
    rows = [
        [
            str(report["exported"]),
            figure(student["bytes"], size, [file, "student", "bytes"]),
            share(student["score"]["value"], [file, "student", "score", "value"]),
            interval(student["score"], share, file, "student", "score"),
            "",
            "",
            "",
        ]
    ]
    for name, one in report["variants"].items():
        way = (file, "variants", name)
        needed = one.get("rows_needed")
        rows.append(
            [
                name,
                figure(one["bytes"], size, [*way, "bytes"]),
                share(one["score"]["value"], [*way, "score", "value"]),
                interval(one["score"], share, *way, "score"),
                share(one["same_replies"], [*way, "same_replies"]),
                str(one["verdict"]),
                f"{one['reason']}; about {needed:,} test rows would decide" if needed else str(one["reason"]),
            ]
        )
    yield Heading(f"Variants of {report['exported']}: {stage.id}")
    yield Table(header, rows, prose=["verdict", "why"])
    said = f"{report['rows']:,} test rows; at most {100 * report['margin']:.1f} points below the student, "
    yield Lines([f"{said}{percent(report['confidence'])} sure"], "soft")


def _measured(stage: PublishedStage) -> Iterator[Block]:
    measured, speed = read_json(stage.folder / "metrics.json"), read_json(stage.folder / "speed.json")
    if stage.manifest.kind != "measure" or not isinstance(measured, dict) or not isinstance(speed, dict):
        return
    yield Heading(f"Size, speed and price: {stage.id}")
    yield Table(HEADER, speed_rows(measured["sizes"], speed))
    machine = speed["machine"]
    where = f"on {machine['device']}, {machine['cores']} cores; {speed['questions']:,} test questions"
    yield Lines([*remarks(measured["sizes"], speed), where], "soft")
