"""How dedup's memory and time grow with very many short rows, with its columns in memory or on disk.

    python -m benchmarks.many_rows [--rows 1000000,5000000] [--methods exact,minhash] [--memory default]

The rows are made by a fixed rule, 12 words each of 20,000: of ten rows one is a copy of an earlier row and
one has a word more than an earlier row. Each run is a process of its own, and so is the making of the rows,
so that peak memory is dedup's. `--memory` names sizes as dedup's option takes them; `digest` is a hash of all
that was written, and the same whatever the memory.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clock import Clock
from benchmarks.stages import run_stage

WORDS, LENGTH, AT_ONCE = 20_000, 12, 100_000
COPIED = 10  # of so many rows one is a copy, and another one nearly
SYLLABLES = [first + second for first in "bcdfghjklmnprstvwz" for second in "aeiou"]
SIZES = len(SYLLABLES)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", default="100000,300000,1000000", help="sizes, ascending")
    parser.add_argument("--methods", default="exact,minhash")
    parser.add_argument("--memory", default="default", help="sizes such as 500MB, or `default`")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scratch", type=Path, help="where the rows and the results are written")
    parser.add_argument("--make", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make_rows(options.child, options.make)
    elif options.child:
        print(json.dumps(measured(options)))
    else:
        _all(options)


def _all(options: argparse.Namespace) -> None:
    print(
        f"{'method':<10}{'memory':<9}{'rows':>12}{'kept':>12}{'CPU s':>8}{'wall s':>8}{'peak MB':>9}  digest"
    )
    for rows in options.rows.split(","):
        with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
            path = Path(scratch) / "rows.jsonl"
            _child(["--make", rows, "--child", str(path)])
            for method in options.methods.split(","):
                for memory in options.memory.split(","):
                    arguments = ["--child", str(path), "--methods", method, "--memory", memory]
                    done = json.loads(_child([*arguments, "--workers", str(options.workers)]))
                    print(
                        f"{method:<10}{memory:<9}{int(rows):>12,}{done['kept']:>12,}{done['cpu']:>8.1f}"
                        f"{done['finished'] - done['began']:>8.1f}{done['memory']:>9,.0f}  {done['digest']}",
                        flush=True,
                    )


def _child(arguments: list[str]) -> str:
    command = [sys.executable, "-m", "benchmarks.many_rows", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """What one `dedup` of a file took, and a hash of what it wrote."""
    config: dict[str, Any] = {"methods": [options.methods]}
    if options.memory != "default":
        config["memory"] = options.memory
    with tempfile.TemporaryDirectory(dir=options.child.parent) as folder:
        with (clock := Clock()):
            outcome = run_stage("dedup", config, options.child, Path(folder), options.workers)
        digest = hashlib.sha256()
        for file in sorted(Path(folder).rglob("*.jsonl")):
            with open(file, "rb") as written:
                digest.update(hashlib.file_digest(written, "sha256").digest())
        return {**clock.figures(), "kept": outcome.counts.kept, "digest": digest.hexdigest()[:12]}


def make_rows(path: Path, count: int) -> None:
    """Writes the first rows of the rule."""
    words = vocabulary()
    with open(path, "wb") as out:
        for numbers, kinds, sources in blocks(count):
            places = sources[:, None] * np.uint64(LENGTH) + np.arange(LENGTH, dtype=np.uint64)
            chosen = words[mixed(places) % np.uint64(WORDS)].tolist()
            out.write(
                "".join(
                    f'{{"id":"r{number}","instruction":"{" ".join(text)}{" more" if kind == 1 else ""}",'
                    '"output":"ok"}\n'
                    for number, kind, text in zip(numbers.tolist(), kinds.tolist(), chosen, strict=True)
                ).encode()
            )


def vocabulary() -> np.ndarray[Any, Any]:
    """The words, objects of shape (WORDS,)."""
    return np.array(
        [
            SYLLABLES[number % SIZES] + SYLLABLES[number // SIZES % SIZES] + SYLLABLES[number * 7 % SIZES]
            for number in range(WORDS)
        ],
        object,
    )


def blocks(count: int) -> Iterator[tuple[np.ndarray[Any, Any], ...]]:
    """Rows by their numbers, kinds (1 has a word more), and the rows whose words they have."""
    for first in range(0, count, AT_ONCE):
        numbers = np.arange(first, min(first + AT_ONCE, count), dtype=np.uint64)
        kinds = numbers % np.uint64(COPIED)
        yield numbers, kinds, np.where(kinds < 2, mixed(numbers) % (numbers + np.uint64(1)), numbers)


def mixed(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Every bit of each value spread over all bits, as splitmix64 does."""
    values = (values + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


if __name__ == "__main__":
    main()
