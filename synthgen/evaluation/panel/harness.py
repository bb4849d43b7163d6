"""Tasks of lm-evaluation-harness on one model, in a process of its own, read back answer by answer.

Gao et al. 2024, "The language model evaluation harness" (github.com/EleutherAI/lm-evaluation-harness).
It is a program of its own: it may live in another environment, and its packages need not fit ours.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from synthgen.core.errors import ConfigError, Interrupted, StageFailed
from synthgen.core.text import shortened
from synthgen.teachers import run_with_parent

INSTALL = "pip install 'synthgen-pipeline[lm-eval]', or name the program of another environment: command:"
SAID = 400
"""Characters of the program's last words that an error shows."""
_LOOK_EVERY = 0.2
_WELL = "exit code 0"
"""What `run_with_parent` says last of a command that ended well."""

Scores = dict[str, dict[int, float]]
"""Task -> document -> score, from 0 to 1."""


@dataclass(frozen=True)
class HarnessRun:
    """Which tasks are run, and how."""

    tasks: tuple[str, ...]
    include_path: str | None
    command: str
    limit: int | None
    batch_size: int
    device: str


def require_program(command: str) -> list[str]:
    """The words that start the program.

    Raises:
        ConfigError: it is not there.
    """
    try:  # a program's path may hold spaces; a command with arguments quotes such a path
        words = [command] if shutil.which(command) else shlex.split(command)
    except ValueError as fault:
        raise ConfigError(f"lm_eval: command: {command!r} is no command ({fault})", next=INSTALL) from fault
    if not words or shutil.which(words[0]) is None:
        raise ConfigError(f"lm_eval: there is no program {words[0] if words else command!r}", next=INSTALL)
    return words


def run_tasks(
    run: HarnessRun, model: Mapping[str, Any], folder: Path, stopping: Callable[[], int] = lambda: 0
) -> Scores:
    """One model's score for each document of each task; what `folder` holds already is not run again.

    Args:
        run: the tasks.
        model: what `--model_args` says of it: pretrained, tokenizer and so on.
        folder: of this model and these tasks alone; outlives a kill.
        stopping: 0, or the signal that asked to stop.

    Raises:
        ConfigError: the program is not there.
        StageFailed: it failed, or logged nothing that can be compared.
        Interrupted: a signal asked to stop.
    """
    kept = folder / "scores.json"
    if kept.is_file():
        return {
            task: {int(document): score for document, score in of_task.items()}
            for task, of_task in orjson.loads(kept.read_bytes()).items()
        }
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [*require_program(run.command), *_arguments(run, model, folder)]
    _finish(command, folder / "said.txt", stopping)
    scores = read_samples(folder, run.tasks)
    whole = folder / "scores.json.tmp"
    whole.write_bytes(orjson.dumps(scores, option=orjson.OPT_NON_STR_KEYS))
    os.replace(whole, kept)
    return scores


def cuda_is_there() -> bool:
    """Whether this machine has a GPU that torch knows."""
    import torch

    return bool(torch.cuda.is_available())


def _arguments(run: HarnessRun, model: Mapping[str, Any], folder: Path) -> list[str]:
    given = {
        "--model": "hf",
        "--model_args": orjson.dumps(dict(model)).decode(),  # not name=value: a path may hold a comma
        "--tasks": ",".join(run.tasks),
        "--output_path": str(folder),
        "--batch_size": str(run.batch_size),
        "--device": run.device,
        **({"--include_path": str(Path(run.include_path).absolute())} if run.include_path else {}),
        **({"--limit": str(run.limit)} if run.limit else {}),
    }
    return [*(word for pair in given.items() for word in pair), "--log_samples", "--apply_chat_template"]


def _finish(command: Sequence[str], said: Path, stopping: Callable[[], int]) -> None:
    """Runs a command to its end; it ends with a stop, and with this process."""
    environment = {**os.environ, "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
    with open(said, "wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-I", run_with_parent.__file__, *command],
            stdin=subprocess.PIPE,  # it closes with this process
            stdout=out,
            stderr=out,
            env=environment,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                if number := stopping():
                    raise Interrupted(number)
                time.sleep(_LOOK_EVERY)
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.wait()
    *words, ended = said.read_text(encoding="utf-8", errors="replace").strip().splitlines() or [""]
    if not ended.endswith(_WELL):
        raise StageFailed(
            f"lm_eval failed: {shortened(words[-1], SAID) if words else ended}",
            str(said),
            "look at that file, mend the task, and run the same command again",
        )


def read_samples(folder: Path, tasks: Sequence[str]) -> Scores:
    """The scores that lm-evaluation-harness logged, by document.

    Of a task with several metrics or filters, the first one counts whose scores are from 0 to 1. A group of
    tasks is one task with the documents of all.

    Raises:
        StageFailed: nothing was logged that can be compared.
    """
    found: dict[str, dict[tuple[str, str], dict[int, float]]] = {}
    for file in sorted(folder.rglob("samples_*.jsonl")):
        task = file.name.removeprefix("samples_").rpartition("_")[0]
        for line in file.read_bytes().splitlines():
            sample = orjson.loads(line)
            for metric in sample.get("metrics") or ():
                score = sample.get(metric)
                if isinstance(score, bool | int | float) and 0 <= score <= 1:
                    by_document = found.setdefault(task, {}).setdefault(
                        (sample.get("filter", ""), metric), {}
                    )
                    by_document[int(sample["doc_id"])] = float(score)
    if not found:
        raise StageFailed(
            f"lm_eval logged no score from 0 to 1 for {', '.join(tasks)}",
            str(folder),
            "choose tasks with a metric of each document, such as acc or exact_match",
        )
    return {task: next(iter(of_task.values())) for task, of_task in found.items()}
