"""`synthgen batch`: a pipeline's requests in batch files instead of live, in steps that may lie days apart.

`prepare` runs the stages up to the first one whose requests are not all in the ledger, and writes those
into files under `<run>/batches/`; `submit` sends them (or `vllm run-batch` answers them on a machine
without a network); `collect` takes the results into the ledger. Then the same `run` as ever goes on, and
finds every reply there.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from shlex import quote
from typing import Any

from synthgen.core.errors import ConfigError, StageFailed
from synthgen.core.progress import Reporter
from synthgen.dispatch.batch.book import BatchBook, BatchPart
from synthgen.dispatch.batch.sessions import AwaitsBatch, PreparingSessions, batch_folder
from synthgen.dispatch.batch.submit import Batches
from synthgen.dispatch.session import open_sessions
from synthgen.pipeline.graph import Graph
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.pipeline.spec import Pipeline, StageSpec
from synthgen.stages.contract import Context
from synthgen.store.ledger.ledger import open_ledger
from synthgen.store.lock import RunLock
from synthgen.teachers.make import make_provider

SECONDS = 60.0
"""Between two looks at batches that are under way."""


@dataclass(frozen=True)
class Prepared:
    """What `prepare` wrote: the files, and how many requests of each stage are in them."""

    folder: str
    parts: list[BatchPart]
    waiting: dict[str, int]
    commands: list[str]
    """How `vllm run-batch` answers them, for teachers that it can stand in for."""


def prepare_batch(pipeline: Pipeline, options: RunOptions, reporter: Reporter | None = None) -> Prepared:
    """Writes every request that the ledger lacks into batch files; asks nobody.

    Raises:
        ConfigError: no stage asks a teacher before a student is trained, or its requests depend on each
            other's replies.
    """
    reporter = reporter or Reporter()
    folder = batch_folder(options.folder(pipeline))
    waiting: dict[str, int] = {}
    last = _last_asking(pipeline).id
    with BatchBook(folder) as book:
        book.replace_prepared()

        def preparing(
            _pipeline: Pipeline,
            _options: RunOptions,
            _reporter: Reporter,
            stopping: Callable[[], int],
            run: str,
        ) -> Any:
            return _preparing(pipeline, options, book, reporter, stopping, run)

        try:
            run_pipeline(pipeline, dataclasses.replace(options, until=last), reporter, preparing)
        except AwaitsBatch as waits:
            waiting[waits.stage] = waits.counts.unsent
        with RunLock(options.folder(pipeline)):
            waiting.update(_ask_ahead(pipeline, options, book, reporter))
        parts = book.parts("prepared", "submitting", "submitted")
        commands = [
            command
            for part in parts
            if part.state == "prepared"
            for command in _run_batch(pipeline, book, part)
        ]
        return Prepared(str(folder), parts, waiting, commands)


def submit_batch(pipeline: Pipeline, options: RunOptions) -> list[BatchPart]:
    """Sends what was prepared; see `Batches.submit`."""
    with _batches(pipeline, options) as batches:
        return batches.submit()


def batch_status(pipeline: Pipeline, options: RunOptions) -> list[BatchPart]:
    """Every part of the run, with the provider's word of this moment; see `Batches.status`."""
    with _batches(pipeline, options) as batches:
        return batches.status()


def collect_batch(
    pipeline: Pipeline, options: RunOptions, wait: bool = False, every: float = SECONDS
) -> list[BatchPart]:
    """Takes in what has ended; see `Batches.collect`.

    Args:
        pipeline: the pipeline.
        options: how it is run.
        wait: looks again until no batch is under way any more. Between two looks the run may be used.
        every: seconds between two looks.
    """
    taken: list[BatchPart] = []
    while True:
        with _batches(pipeline, options) as batches:
            taken += batches.collect()
            under_way = batches.under_way()
        if not wait or not under_way:
            return taken
        time.sleep(every)


@contextmanager
def _batches(pipeline: Pipeline, options: RunOptions) -> Iterator[Batches]:
    run_dir = options.folder(pipeline)
    folder = batch_folder(run_dir)
    if not (folder / "book.sqlite").exists():
        raise ConfigError(
            "nothing was prepared for this run", str(folder), f"synthgen batch prepare {pipeline.path}"
        )
    ledger = open_ledger(options.ledger)
    try:
        with RunLock(run_dir), BatchBook(folder) as book:
            yield Batches(book, pipeline.teachers, ledger, run_dir.name, pipeline.budget)
    finally:
        ledger.close()


def _preparing(
    pipeline: Pipeline,
    options: RunOptions,
    book: BatchBook,
    reporter: Reporter,
    stopping: Callable[[], int],
    run: str,
) -> PreparingSessions:
    live = open_sessions(
        pipeline.teachers,
        ledger_dir=options.ledger,
        run=run,
        budget=pipeline.budget,
        reporter=reporter,
        stopping=stopping,
        grace=options.grace,
        retry_failed=options.retry_failed,
    )
    return PreparingSessions(live, book)


def _last_asking(pipeline: Pipeline) -> StageSpec:
    """The last stage that asks a teacher before the first one that trains a student."""
    last: StageSpec | None = None
    for spec in pipeline.stages:
        if spec.stage.writes == "model":
            break
        if spec.stage.asks(spec.config):
            last = spec
    if last is None:
        raise ConfigError(
            "no stage of this pipeline asks a teacher before a student is trained",
            str(pipeline.path),
            f"nothing of it can be batched; `synthgen run {quote(str(pipeline.path))}` runs it",
        )
    return last


def _ask_ahead(
    pipeline: Pipeline, options: RunOptions, book: BatchBook, reporter: Reporter
) -> dict[str, int]:
    """What later stages can ask already (a teacher's test questions, say): stage id -> requests that wait."""
    run_dir = options.folder(pipeline)
    graph = Graph(pipeline, run_dir)
    sessions = _preparing(pipeline, options, book, reporter, lambda: 0, run_dir.name)
    waiting: dict[str, int] = {}
    try:
        for spec in pipeline.stages:
            if spec.stage.prefetch is None:
                continue
            context = Context(
                run_dir,
                spec.id,
                run_dir / ".work" / spec.id / "batch",
                pipeline.seed,
                sessions,
                reporter,
                lambda: 0,
                limit=options.limit,
            )
            try:
                spec.stage.prefetch(graph.inputs(spec, missing_ok=("model",)), spec.config, context)
            except AwaitsBatch as waits:
                waiting[spec.id] = waits.counts.unsent
            except StageFailed:
                continue  # what it reads is not there yet: its questions come with a later `prepare`
    finally:
        sessions.close()
    return waiting


def _run_batch(pipeline: Pipeline, book: BatchBook, part: BatchPart) -> list[str]:
    """The command that answers a part offline, where its teacher's provider has one."""
    provider = make_provider(pipeline.teachers[part.teacher])
    command = provider.batch_command(book.file("requests", part.number), book.file("results", part.number))
    return [command] if command is not None else []
