"""Blocks of lines judged here or in worker processes, in order: what comes out does not depend on how many there are.

Workers are plain child processes (`python -m synthgen.filters.worker`) that talk over pipes. They are not forked, since
the run's process has threads, and do not import the caller's main module, which a script without a main guard would
not survive. A worker ends when its pipe does.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from queue import SimpleQueue
from typing import Any

from synthgen.errors import StageFailed, SynthgenError
from synthgen.filters.apply import RuleSet, build_rules
from synthgen.filters.judging import Action, Judged, judge_block
from synthgen.registry import Choice
from synthgen.store.blocks import Block

WORTH_WORKERS = 16
"""Blocks that are judged here before workers are started: a small file is done sooner than a process starts."""


def judge_blocks(choices: Sequence[Choice], stage: str, blocks: Iterable[tuple[Block, str]], workers: int, action: Action = "drop", values: bool = False) -> Iterator[Judged]:
    """What becomes of each (block, source name), in order; see `judge_block`.

    Raises:
        StageFailed: a rule cannot judge a row, or a worker died.
    """
    rules = RuleSet(build_rules(choices), stage)
    todo = iter(blocks)
    head = list(islice(todo, WORTH_WORKERS + 1)) if workers > 1 else []
    if len(head) <= WORTH_WORKERS:
        for block, source in chain(head, todo):
            yield judge_block(rules, block.data, block.first_line, source, action, values)
        return
    yield from _in_workers((list(choices), stage, action, values), chain(head, todo), workers)


def _in_workers(setup: Any, blocks: Iterable[tuple[Block, str]], workers: int) -> Iterator[Judged]:
    idle: SimpleQueue[_Worker] = SimpleQueue()
    made = [_Worker(setup) for _ in range(workers)]
    for worker in made:
        idle.put(worker)

    def ask(block: Block, source: str) -> Judged:
        worker = idle.get()
        try:
            return worker.judge(block, source)
        finally:
            idle.put(worker)

    pending: deque[Future[Judged]] = deque()
    with ThreadPoolExecutor(workers) as threads:
        try:
            for block, source in blocks:
                pending.append(threads.submit(ask, block, source))
                if len(pending) > 2 * workers:  # what is read ahead stays bounded
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
            for worker in made:
                worker.stop()


class _Worker:
    """One child process, asked from one thread at a time."""

    def __init__(self, setup: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "synthgen.filters.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path)},
        )
        self._send(setup)

    def judge(self, block: Block, source: str) -> Judged:
        try:
            self._send((block.data, block.first_line, source))
            assert self._process.stdout is not None
            answer = pickle.load(self._process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError) as fault:
            raise StageFailed(
                f"a worker process ended while it judged {source} (status {self._process.poll()})", f"{source}:{block.first_line}",
                "the machine may be short of memory; try fewer workers",
            ) from fault  # fmt: skip
        if isinstance(answer, SynthgenError):
            raise answer
        assert isinstance(answer, Judged)
        return answer

    def stop(self) -> None:
        """Ends the process; waits for it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _send(self, message: Any) -> None:
        assert self._process.stdin is not None
        pickle.dump(message, self._process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
        self._process.stdin.flush()
