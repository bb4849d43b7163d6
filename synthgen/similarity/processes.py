"""Work on blocks of bytes, here or in other processes, given back in the order of the blocks.

Workers are plain child processes (`python -m synthgen.similarity.processes`) that talk over pipes: not forked, since the
run's process has threads, and without the caller's main module, which a script without a main guard would not survive. A
worker ends when its pipe does.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, islice
from queue import SimpleQueue
from typing import Any

from synthgen.errors import StageFailed, SynthgenError

WORTH_WORKERS = 6
"""Blocks that are worked on here before workers are started: a small file is done sooner than a process starts."""


def in_order(target: str, setup: tuple[Any, ...], blocks: Iterable[Any], workers: int) -> Generator[Any, None, None]:
    """`module:Class(*setup)` called on each block, the results in the order of the blocks.

    Args:
        target: `module:Class` of what works; built once in each process, it must give the same for the same block.
        setup: its arguments; they are pickled.
        blocks: what it is called with; read ahead by twice the workers at most.
        workers: processes; with 1, all is done here.

    The processes end with the generator: close it where it may not be read to its end.

    Raises:
        StageFailed: a worker process ended.
    """
    todo = iter(blocks)
    head = list(islice(todo, WORTH_WORKERS + 1)) if workers > 1 else []
    if len(head) <= WORTH_WORKERS:
        work = _built(target, setup)
        for block in chain(head, todo):
            yield work(block)
        return
    idle: SimpleQueue[_Worker] = SimpleQueue()
    made = [_Worker(target, setup) for _ in range(workers)]
    for worker in made:
        idle.put(worker)

    def ask(block: Any) -> Any:
        worker = idle.get()
        try:
            return worker.work(block)
        finally:
            idle.put(worker)

    pending: deque[Future[Any]] = deque()
    threads = ThreadPoolExecutor(workers)
    try:
        for block in chain(head, todo):
            pending.append(threads.submit(ask, block))
            if len(pending) > 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for worker in made:
            worker.stop()
        threads.shutdown(cancel_futures=True)
        for worker in made:
            worker.close()


def _built(target: str, setup: tuple[Any, ...]) -> Callable[[Any], Any]:
    module, _, name = target.partition(":")
    work: Callable[[Any], Any] = getattr(importlib.import_module(module), name)(*setup)
    return work


class _Worker:
    """One child process, asked from one thread at a time."""

    def __init__(self, target: str, setup: tuple[Any, ...]) -> None:
        paths = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        # One thread each: the processes share the cores among them.
        env = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
        self._send((target, setup))

    def work(self, block: Any) -> Any:
        """The result for one block."""
        assert self._process.stdout is not None
        try:
            self._send(block)
            answer = pickle.load(self._process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError) as fault:
            raise StageFailed(f"a worker process ended (status {self._process.poll()})", next="the machine may be short of memory; try fewer workers") from fault
        if isinstance(answer, SynthgenError):
            raise answer
        return answer

    def stop(self) -> None:
        """Ends the process, whatever it is at."""
        self._process.kill()

    def close(self) -> None:
        """Waits for a process that was stopped, once no thread asks it any more."""
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # what was still to be sent is of no use
                if pipe is not None:
                    pipe.close()

    def _send(self, message: Any) -> None:
        assert self._process.stdin is not None
        pickle.dump(message, self._process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
        self._process.stdin.flush()


def _serve() -> None:
    """A worker's life: what to build, then one block after another until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends us
    blocks, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(2, 1)  # whatever prints must not get between the answers
    work = _built(*pickle.load(blocks))
    while True:
        try:
            block = pickle.load(blocks)
        except EOFError:
            return
        try:
            answer = work(block)
        except SynthgenError as fault:
            answer = fault
        pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()


if __name__ == "__main__":
    _serve()
