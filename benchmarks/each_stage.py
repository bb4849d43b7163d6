"""What a row costs in each data stage: CPU time, memory and disk, at two sizes, so that the growth shows.

    python -m benchmarks.each_stage [--rows 250000,1000000] [--stages filter,dedup] [--workers 2]

The rows are made by a fixed rule: a question of 12 words and an answer of 50, of 20,000 words, about 500
bytes in all; of ten rows one is a copy and one has a word more. Each stage is a process of its own and runs
as the pipeline runs it: reading, deciding, writing with hashes and fsync. CPU seconds are those of all its
processes, peak memory that of the largest one. Bytes a row is the growth from one size to the next.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks.clock import Clock
from benchmarks.many_rows import WORDS, blocks, mixed, vocabulary
from benchmarks.stages import run_stage
from synthgen.filters import DEFAULT_RULES

QUESTION, ANSWER = 12, 50  # words
HELD_OUT = 2_000  # questions that decontaminate looks for
STAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "load": ("load", {"sources": [{"path": "ROWS"}]}),
    "filter: default rules": ("filter", {"rules": list(DEFAULT_RULES)}),
    "dedup: exact": ("dedup", {"methods": ["exact"]}),
    "dedup: minhash": ("dedup", {"methods": ["minhash"]}),
    "dedup: minhash, memory: 100MB": ("dedup", {"methods": ["minhash"], "memory": "100MB"}),
    "decontaminate": ("decontaminate", {"against": ["HELD_OUT"], "own_parts": False}),
    "split": ("split", {"test": 0.01}),
    "select: per_group": ("select", {"per_group": {"by": "instruction", "n": 1, "prefer": "shortest"}}),
    "select: sample": ("select", {"sample": {"size": 0.5}}),
    "export: messages": ("export", {"format": "messages"}),
    "export: parquet": ("export", {"format": "parquet"}),
}


def main() -> None:
    """Measures, and prints a line for each stage and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", default="250000,1000000", help="sizes, ascending")
    parser.add_argument("--stages", help="parts of stages' names, with commas between them")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scratch", type=Path, help="where the rows and the results are written")
    parser.add_argument("--make", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.make:
        make_rows(given.child, given.make)
    elif given.child:
        print(json.dumps(measured(given.stage, given.child, given.workers)))
    else:
        _all(given)


def _all(given: argparse.Namespace) -> None:
    wanted = given.stages.split(",") if given.stages else [""]
    names = [name for name in STAGES if any(part in name for part in wanted)]
    head = f"{'stage':<32}{'rows':>11}{'CPU s':>8}{'µs/row':>8}{'wall s':>8}{'peak MB':>9}{'B/row':>7}"
    print(f"{head}{'disk B/row':>12}")
    before: dict[str, tuple[int, float]] = {}
    for rows in map(int, given.rows.split(",")):
        with tempfile.TemporaryDirectory(dir=given.scratch) as scratch:
            path = Path(scratch) / "rows.jsonl"
            _child("--make", str(rows), "--child", str(path))
            print(f"{'(the rows themselves)':<84}{path.stat().st_size / rows:>11,.0f}", flush=True)
            for name in names:
                arguments = ["--child", str(path), "--stage", name, "--workers", str(given.workers)]
                found = json.loads(_child(*arguments))
                peak = found["memory"]
                last = before.get(name)
                grown = f"{(peak - last[1]) * 2**20 / (rows - last[0]):,.0f}" if last else ""
                before[name] = (rows, peak)
                print(
                    f"{name:<32}{rows:>11,}{found['cpu']:>8.1f}{found['cpu'] / rows * 1e6:>8.1f}"
                    f"{found['finished'] - found['began']:>8.1f}{peak:>9,.0f}{grown:>7}"
                    f"{found['written'] / rows:>12,.0f}",
                    flush=True,
                )


def _child(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.each_stage", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def measured(name: str, path: Path, workers: int) -> dict[str, Any]:
    """What one stage took and wrote; `path` is the file of rows, the questions to look for are beside it."""
    kind, options = STAGES[name]
    places = {"ROWS": str(path), "HELD_OUT": str(path.with_name("held_out.jsonl"))}
    raw = orjson.loads(orjson.dumps(options))
    for option, value in raw.items():
        if option == "sources":
            value[0]["path"] = places["ROWS"]
        elif option == "against":
            raw[option] = [places["HELD_OUT"]]
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        with (clock := Clock()):
            run_stage(kind, raw, path, Path(folder), workers)
        written = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    return {**clock.figures(), "written": written}


def make_rows(path: Path, count: int) -> None:
    """Writes the first rows of the rule, and questions of other rows that decontaminate looks for."""
    words = vocabulary()
    with open(path, "wb") as out:
        for numbers, kinds, sources in blocks(count):
            for number, kind, text in zip(
                numbers.tolist(), kinds.tolist(), _texts(words, sources), strict=True
            ):
                out.write(_line(number, text, kind == 1))
    with open(path.with_name("held_out.jsonl"), "wb") as out:
        numbers = np.arange(count, count + HELD_OUT, dtype=np.uint64)
        for number, text in zip(numbers.tolist(), _texts(words, numbers), strict=True):
            out.write(_line(number, text, False))


def _texts(words: Any, sources: Any) -> list[list[str]]:
    length = QUESTION + ANSWER
    places = sources[:, None] * np.uint64(length) + np.arange(length, dtype=np.uint64)
    chosen: list[list[str]] = words[mixed(places) % np.uint64(WORDS)].tolist()
    return chosen


def _line(number: int, text: list[str], longer: bool) -> bytes:
    question, answer = " ".join(text[:QUESTION]), " ".join(text[QUESTION:])
    return (
        f'{{"id":"r{number}","instruction":"{question.capitalize()}{" more" if longer else ""}?",'
        f'"output":"{answer.capitalize()}.","meta":{{"source":"s{number % 7}"}}}}\n'
    ).encode()


if __name__ == "__main__":
    main()
