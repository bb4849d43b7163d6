"""What finished evaluations recorded: the models' scores, the students' verdicts, and the best student."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson


def scores(run_dir: Path, evaluations: Iterable[str]) -> list[dict[str, Any]]:
    """Of each finished evaluation the models' scores and the students' verdicts, from its `metrics.json`."""
    found = []
    for stage in evaluations:
        try:
            report = orjson.loads((run_dir / stage / "metrics.json").read_bytes())
            models = {
                name: {
                    metric: {key: figures[metric][key] for key in ("value", "interval")}
                    for metric in report["metrics"]
                    if metric in figures
                }
                for name, figures in report["models"].items()
            }
            roles = {name: figures.get("role") for name, figures in report["models"].items()}
            students = [name for name, role in roles.items() if role == "student"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        verdicts = (report.get("verdict") or {}).get("students", {})
        found.append(
            {
                "stage": stage,
                "metrics": report["metrics"],
                "models": models,
                "students": students,
                "verdicts": {name: figures["verdict"] for name, figures in verdicts.items()},
            }
        )
    return found


def best_student(run_dir: Path, evaluations: Iterable[str]) -> dict[str, Any] | None:
    """The student with the highest score in the last evaluation that has one; of equals the last by name.

    Args:
        run_dir: the run's folder.
        evaluations: the ids of its finished evaluations, in their order.

    Returns:
        `stage`, `student`, `metric` (the evaluation's first), `value`, `verdict` (None where there is none).
    """
    for found in reversed(scores(run_dir, evaluations)):
        metric = next(iter(found["metrics"]), "")
        students = {
            name: figures[metric]["value"]
            for name, figures in found["models"].items()
            if name in found["students"] and metric in figures and figures[metric]["value"] is not None
        }
        if students:
            best = max(students, key=lambda name: (students[name], name))
            return {
                "stage": found["stage"],
                "student": best,
                "metric": metric,
                "value": students[best],
                "verdict": found["verdicts"].get(best),
            }
    return None
