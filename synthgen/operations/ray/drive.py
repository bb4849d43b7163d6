"""The driver of `run --executor ray`: part after part, a task a shard, then the merge; see `jobs.parts`."""

from __future__ import annotations

import math
import os
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from synthgen.core.errors import ConfigError, SynthgenError
from synthgen.core.interrupts import Stopping
from synthgen.core.progress import Reporter
from synthgen.core.run_metrics import RunMetrics
from synthgen.core.text import amount, duration
from synthgen.operations.jobs.files import Work
from synthgen.operations.jobs.parts import Part, divide
from synthgen.operations.ray.cluster import LOCAL, connected, own_nodes
from synthgen.operations.ray.plan import Asked, Need, Node, lacking, need_of, number_of_shards, slots
from synthgen.operations.ray.progress import PartProgress
from synthgen.operations.ray.steps import Sending, Step
from synthgen.operations.ray.task import ENDS_WITH, MARK
from synthgen.pipeline.counts_line import counts_line
from synthgen.pipeline.graph import Graph
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.plan import choose, stage_state
from synthgen.pipeline.result import RunResult
from synthgen.pipeline.spec import Pipeline
from synthgen.store.lock import RunLock
from synthgen.store.manifest import read_manifest
from synthgen.store.publish import run_folder, write_whole

FOLDER = ".executor"
"""In a run's folder: the driver's lock and mark, and a log for each task."""


@dataclass(frozen=True)
class Site:
    """The cluster, and how a pipeline is spread over it."""

    address: str = ""
    """`host:port`, `auto` or `local`; RAY_ADDRESS where left out, else `local`."""
    shards: int | None = None
    sharded: tuple[str, ...] = ()
    """Stages that are divided; those that ask a teacher where left out."""
    cpus: tuple[str, ...] = ()
    """`N` and `STAGE_ID=N`."""
    gpus: tuple[str, ...] = ()


def run_on_ray(
    pipeline: Pipeline, options: RunOptions, work: Work, site: Site, reporter: Reporter | None = None
) -> RunResult:
    """Runs a pipeline's stages on a Ray cluster, those that ask a teacher in shards.

    Args:
        pipeline: the pipeline.
        options: which stages (`start`, `until`), and where run and ledger are.
        work: the commands that tasks are given; its `parts` are not looked at.
        site: the cluster, and how the pipeline is spread over it.
        reporter: where progress goes.

    Returns:
        The run, as one without Ray gives it.

    Raises:
        ConfigError: the cluster is too small for a part, Ray is not installed, or an option is wrong.
        TaskFailed: a task failed for good, with its exit code.
        Interrupted: a signal came; all tasks have ended.
        SynthgenError: as a run raises it.
    """
    reporter = reporter or Reporter()
    cpus, gpus = (
        Asked.parse(flag, texts, pipeline) for flag, texts in (("--cpus", site.cpus), ("--gpus", site.gpus))
    )
    run_dir = run_folder(options.folder(pipeline))

    def plan(nodes: Sequence[Node]) -> dict[Part, Need]:
        """The parts, with what a task of each needs."""
        shards = site.shards
        if shards is None:
            asking = [part for part in divide(pipeline, 2, site.sharded) if part.shards > 1]
            room = min((slots(need_of(part, cpus, gpus, nodes), nodes) for part in asking), default=1)
            shards = number_of_shards(run_dir, room)
        parts = _chosen(divide(pipeline, shards, site.sharded), pipeline, options)
        needs = {part: need_of(part, cpus, gpus, nodes) for part in parts}
        if faults := lacking(needs, nodes):
            raise ConfigError.of(faults)
        return needs

    address = site.address or os.environ.get("RAY_ADDRESS") or LOCAL
    if address == LOCAL:
        plan(own_nodes())  # its faults, before Ray takes seconds to start
    with RunLock(run_dir / FOLDER), connected(address) as cluster, Stopping() as stopping:
        nodes = cluster.nodes()
        needs = plan(nodes)
        reporter.say("\n".join(_plan_lines(nodes, needs)))
        mark = uuid.uuid4().hex
        sending = Sending(cluster, stopping, reporter, run_dir / FOLDER, mark, work.grace)
        write_whole(run_dir / FOLDER / MARK, mark.encode())
        try:
            with _told(reporter, options, run_dir):
                return _Driver(pipeline, options, work, sending, reporter, run_dir).run(needs)
        finally:
            (run_dir / FOLDER / MARK).unlink(missing_ok=True)


@contextmanager
def _told(reporter: Reporter, options: RunOptions, run_dir: Path) -> Iterator[None]:
    """Keeps the driver's own status file, and the figures for Prometheus, until the end."""
    reporter.status_file = run_dir / FOLDER / "status.json"
    if options.metrics_file is not None:
        reporter.metrics = RunMetrics(options.metrics_file, run_dir.name)
    ended = 1
    try:
        yield
        ended = 0
    except SynthgenError as fault:
        ended = fault.exit_code
        raise
    finally:
        if reporter.metrics is not None:
            reporter.metrics.end(ended)


def _plan_lines(nodes: Sequence[Node], needs: Mapping[Part, Need]) -> list[str]:
    """What the cluster has, and what each part takes of it."""
    has = Need(sum(node.cpus for node in nodes), sum(node.gpus for node in nodes))
    lines = [f"Ray: {amount(len(nodes), 'node')}, {has}"]
    for number, (part, need) in enumerate(needs.items(), 1):
        how = f"{part.shards:,} shards, {need} each, then merge" if part.shards > 1 else f"{need}"
        lines.append(f"  {number}. {', '.join(part.stages)}: {how}")
    return lines


def _chosen(parts: Sequence[Part], pipeline: Pipeline, options: RunOptions) -> list[Part]:
    """The parts with those of their stages that `--from` and `--until` leave."""
    selected = {spec.id for spec in choose(pipeline, (), options.start, options.until)}
    cut = [replace(part, stages=tuple(name for name in part.stages if name in selected)) for part in parts]
    return [part for part in cut if part.stages]


class _Driver:
    def __init__(
        self,
        pipeline: Pipeline,
        options: RunOptions,
        work: Work,
        sending: Sending,
        reporter: Reporter,
        run_dir: Path,
    ) -> None:
        self._pipeline, self._options, self._work = pipeline, options, work
        self._sending, self._reporter, self._run_dir = sending, reporter, run_dir
        self._result = RunResult(run_dir)

    def run(self, needs: Mapping[Part, Need]) -> RunResult:
        """All parts, in their order."""
        for part, need in needs.items():
            if self._is_done(part):
                self._note(part, "skipped")
                continue
            with PartProgress(self._reporter, self._pipeline, part, self._run_dir) as progress:
                for steps in self._steps(part, need):
                    self._sending.perform(steps, progress)
            self._note(part, "ran")
        return self._result

    def _is_done(self, part: Part) -> bool:
        """Whether its stages have results that a run would leave as they are."""
        if self._options.retry_failed or self._options.accept_partial:
            return False
        graph = Graph(self._pipeline, self._run_dir)
        return all(
            stage_state(
                self._pipeline.stage(name), self._pipeline, graph, limit=None, verify=self._options.verify
            ).state
            == "done"
            for name in part.stages
        )

    def _note(self, part: Part, done: str) -> None:
        for name in part.stages:
            manifest = read_manifest(self._run_dir / name)
            if manifest is None:
                continue
            self._result.stages[name], self._result.done[name] = manifest, done
            how = "unchanged, " if done == "skipped" else ""
            took = "" if done == "skipped" else f" in {duration(manifest.seconds)}"
            line = f"{name}: {how}{counts_line(manifest)}{took}"
            figures = manifest.model_dump(include={"kind", "counts", "requests", "usage", "seconds"})
            self._reporter.event(line, "stage", stage=name, **figures)

    def _steps(self, part: Part, need: Need) -> list[list[Step]]:
        """What is done at once, each row after the one before."""
        python = ["-m", "synthgen"]
        if part.trains and need.gpus > 1:
            python = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", f"{need.gpus:g}"]
            python += [*ENDS_WITH, "0", sys.executable, "-m", "synthgen"]
        workers = ["--workers", str(max(1, math.floor(need.cpus)))]
        if part.shards == 1:
            return [[Step(part.label, [*python, *self._work.run_words(part), *workers], need)]]
        label = f"{part.label}.{{}}-of-{part.shards}"
        shards = [
            Step(label.format(number), [*python, *self._work.run_words(part, number), *workers], need)
            for number in range(1, part.shards + 1)
        ]
        merge = Step(f"{part.label}.merge", [*python, *self._work.merge_words(part)], replace(need, gpus=0))
        return [shards, [merge]]
