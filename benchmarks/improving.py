"""What a dollar gains where a student fails, over what it gains on all slices alike.

    python -m benchmarks.improving [PIPELINE] [--seeds 0,1,2,3,4] [--rounds 1] [--usd 0.5] [--runs FOLDER]

Each seed is an improvement of its own, with other questions, other test rows and another training. The table
has each seed's scores before, after, and with as many dollars spent on all slices alike. The ratio of both
gains per dollar is that of the means over seeds; its interval is Fieller's (1954), with Student's t. The same
command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synthgen.core.text import dollars, percent, points, table
from synthgen.evaluation.seed_intervals import t_point
from synthgen.operations.improve.run import improve
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions


def fieller(above: Sequence[float], below: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """The interval of mean(above) / mean(below) over pairs; infinite where `below` may be 0."""
    n = len(above)
    a, b = statistics.fmean(above), statistics.fmean(below)
    t = t_point(n - 1, confidence)
    va, vb = statistics.variance(above) / n, statistics.variance(below) / n
    both = statistics.covariance(above, below) / n
    first = b * b - t * t * vb
    if first <= 0:
        return -math.inf, math.inf
    middle = a * b - t * t * both
    half = math.sqrt(max(0.0, middle**2 - first * (a * a - t * t * va)))
    return (middle - half) / first, (middle + half) / first


def per_dollar(figures: dict[str, Any]) -> dict[str, float]:
    """Arm -> points gained on the test rows for each dollar, by the arm's last round."""
    gained: dict[str, float] = {}
    spent: dict[str, float] = {}
    for entry in figures["rounds"]:
        if entry["round"]:
            spent[entry["arm"]] = spent.get(entry["arm"], 0.0) + entry["usd"]
            gained[entry["arm"]] = 100 * entry["gain"]["value"]
    return {arm: gained[arm] / spent[arm] for arm in gained}


def shown(found: Sequence[dict[str, Any]], seeds: Sequence[int]) -> str:
    """A line for each seed and arm, with the slices of the validation rows."""
    names = sorted(found[0]["rounds"][0]["slices"])
    rows = []
    for seed, figures in zip(seeds, found, strict=False):
        for entry in figures["rounds"]:
            gap = entry.get("gap_recovered")
            rows.append(
                [
                    f"{seed}",
                    f"{entry['arm']} {entry['round'] or ''}".strip(),
                    f"{entry['rows_trained']:,}",
                    dollars(entry["usd"]) if entry["round"] else "–",
                    percent(entry["test"]["value"]),
                    points(entry["gain"]["value"]) if entry["round"] else "–",
                    percent(gap["value"]) if gap else "–",
                    *(percent(entry["slices"][name]["score"]) for name in names),
                ]
            )
    return table(["seed", "arm", "rows", "spent", "test", "gain", "gap recovered", *names], rows, left=2)


def main() -> None:
    """Runs the improvements and prints what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pipeline", type=Path, nargs="?", default=Path("pipelines/improve_families.yaml"))
    parser.add_argument("--seeds", default="0,1,2,3,4", help="of the pipelines, with commas between them")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--usd", type=float, default=0.5)
    parser.add_argument("--runs", type=Path, default=Path("data/runs"))
    parser.add_argument("--ledger", type=Path, default=Path("data/ledger"))
    given = parser.parse_args()
    options = RunOptions(runs=given.runs, ledger=given.ledger)
    found: list[dict[str, Any]] = []
    seeds = [int(seed) for seed in given.seeds.split(",")]
    for seed in seeds:
        name = f"{given.pipeline.stem}-seed{seed}"
        pipeline = load_pipeline(given.pipeline, sets={"seed": seed, "name": name})
        found.append(improve(pipeline, options, rounds=given.rounds, usd=given.usd, control=True))
        sys.stdout.write(shown(found, seeds) + "\n\n")
        sys.stdout.flush()
    rates = [per_dollar(figures) for figures in found]
    mine, other = [one["improve"] for one in rates], [one["uniform"] for one in rates]
    sys.stdout.write(
        f"points per dollar: {statistics.fmean(mine):.1f} where the student failed, "
        f"{statistics.fmean(other):.1f} on all slices alike\n"
    )
    if len(found) > 1:
        low, high = fieller(mine, other)
        ratio = statistics.fmean(mine) / statistics.fmean(other)
        sys.stdout.write(f"ratio {ratio:.2f} (95% over {len(found)} seeds: {low:.2f} to {high:.2f})\n")


if __name__ == "__main__":
    main()
