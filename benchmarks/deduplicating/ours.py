"""Synthgen's dedup stage."""

from __future__ import annotations

from pathlib import Path

from benchmarks.clock import Clock


def minhash(path: Path, folder: Path, clock: Clock) -> int:
    return _dedup({"minhash": {"field": "instruction"}}, path, folder, clock)


def rouge_l(path: Path, folder: Path, clock: Clock) -> int:
    return _dedup({"rouge_l": {"field": "instruction"}}, path, folder, clock)


def _dedup(method: dict[str, dict[str, str]], path: Path, folder: Path, clock: Clock) -> int:
    import numpy  # imported at use; start-up is left out
    import rapidfuzz.process

    from benchmarks.stages import run_stage

    assert numpy and rapidfuzz.process
    with clock:
        outcome = run_stage("dedup", {"methods": [method]}, path, folder, workers=1)
    return int(outcome.counts.kept)
