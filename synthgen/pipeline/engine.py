"""Each stage is skipped, linked from another run, or run and published whole with its account checked."""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synthgen.core.artefacts import Inputs
from synthgen.core.config import resolved
from synthgen.core.errors import EmptyResult, Interrupted, StageFailed, TooManyFailed
from synthgen.core.interrupts import Stopping
from synthgen.core.progress import Reporter
from synthgen.core.text import duration
from synthgen.dispatch.sending.retry import what_mends
from synthgen.pipeline.counts_line import counts_line
from synthgen.pipeline.graph import Graph
from synthgen.pipeline.lazy_sessions import LazySessions
from synthgen.pipeline.links import key_file, linkable
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.plan import StageState, stage_state
from synthgen.pipeline.result import RunResult
from synthgen.pipeline.spec import Pipeline, StageSpec, reply_room
from synthgen.stages.contract import Context, Outcome
from synthgen.stages.sharding.block import block_behind
from synthgen.store.failed import forget_failed, leave_failed
from synthgen.store.jsonl import AppendLog
from synthgen.store.lock import RunLock
from synthgen.store.machine import host, peak_memory_bytes, versions
from synthgen.store.manifest import (
    InputRecord,
    Manifest,
    record_outputs,
    write_manifest,
)
from synthgen.store.publish import link_folder, publish, staging_folder, write_whole
from synthgen.tasks.guarded import blamed


class Engine:
    """Runs the stages of one run; the run's lock is held, its log is open."""

    def __init__(
        self,
        pipeline: Pipeline,
        options: RunOptions,
        run_dir: Path,
        reporter: Reporter,
        stopping: Stopping,
        lock: RunLock,
        log: AppendLog,
    ) -> None:
        self.pipeline, self.options, self.run_dir, self.reporter = pipeline, options, run_dir, reporter
        self.stopping, self.lock, self.log = stopping, lock, log
        self.graph = Graph(pipeline, run_dir, options.other_runs)
        self.result = RunResult(run_dir)
        self.sessions = LazySessions(
            pipeline, options, reporter, stopping.signal, options.charged_run or run_dir.name
        )
        self.prefetched: set[str] = set()
        self.before_stage: Callable[[StageSpec], None] = lambda spec: None

    def stage(self, spec: StageSpec, forced: bool, selected: list[StageSpec]) -> None:
        """Skips, links or runs one stage, and checks that its share of failures is allowed."""
        if self.stopping.signal():
            raise Interrupted(self.stopping.signal())
        state = stage_state(
            spec, self.pipeline, self.graph, limit=self.options.limit, verify=self.options.verify
        )
        if state.state == "waits":
            raise StageFailed(
                f"{spec.id} cannot run: {state.why}",
                str(self.run_dir),
                "run the stages before it, or leave --only and --from away",
            )
        if state.why.startswith("edited") and not forced:
            raise StageFailed(
                f"{spec.id}: a result was changed after it was published "
                f"({state.why.removeprefix('edited: ')})",
                str(self.run_dir / spec.id),
                f"--force {spec.id} makes it again; to go on from your edited file, copy it and load "
                "it in a pipeline of its own",
            )
        manifest = state.manifest
        redo = forced or (
            manifest is not None
            and (
                (manifest.partial and not self.options.accept_partial)
                or (self.options.retry_failed and manifest.failed_rows() > 0)
            )
        )
        if state.state == "done" and not redo and manifest is not None:
            self._note(spec, "skipped", manifest)
        elif not redo and (linked := self._link(spec, state)) is not None:
            self._note(spec, "linked", linked)
        else:
            self._run(spec, state, selected)
        self._check_failures(spec, self.result.stages[spec.id])

    def _note(self, spec: StageSpec, done: str, manifest: Manifest) -> None:
        self.result.stages[spec.id], self.result.done[spec.id] = manifest, done
        forget_failed(self.run_dir, spec.id)
        self.log.append({"at": timestamp(), "event": done, "stage": spec.id, "counts": manifest.counts})
        if done != "ran":
            self.reporter.say(
                f"{spec.id}: "
                f"{'unchanged' if done == 'skipped' else f'the same as in run {manifest.linked_from}'}, "
                f"{counts_line(manifest)}"
            )

    def _check_failures(self, spec: StageSpec, manifest: Manifest) -> None:
        """Raises TooManyFailed where more rows of a finished stage failed than its `max_failed` allows."""
        asked, allowed = manifest.extra.get("asked"), getattr(spec.config, "max_failed", None)
        failed = manifest.counts.get("failed", {})
        lost = {reason: rows for reason, rows in failed.items() if reason != "budget"}
        if asked and allowed is not None and sum(lost.values()) > allowed * asked:
            reasons = ", ".join(f"{reason} {rows:,}" for reason, rows in sorted(lost.items()))
            if manifest.writes == "metrics" and manifest.extra.get("table"):
                self.reporter.say(f"{spec.id}, whose result stands all the same:\n{manifest.extra['table']}")
            raise TooManyFailed(
                f"{spec.id}: {sum(lost.values()):,} of {asked:,} failed ({reasons}), more than "
                f"max_failed allows ({allowed:.2%})",
                str(self.run_dir / spec.id / "rejected.jsonl"),
                what_mends(lost),
            )

    def _asking(self, spec: StageSpec) -> dict[str, Any]:
        """For the log: the worker processes that send a stage's requests, where there are several."""
        named = spec.stage.asks(spec.config)
        most = max(
            (self.pipeline.teachers[name].limits.workers for name in named if name in self.pipeline.teachers),
            default=1,
        )
        return {"workers": f"{most} worker processes"} if most > 1 else {}

    def _run(self, spec: StageSpec, state: StageState, selected: list[StageSpec]) -> None:
        if spec.stage.writes == "model":
            self._ask_before_training(spec, selected)
        started = time.monotonic()
        inputs = self.graph.inputs(spec)
        self.log.append(
            {"at": timestamp(), "event": "start", "stage": spec.id, "why": state.why, **self._asking(spec)}
        )
        context = self._context(spec, state.key)
        staging = staging_folder(self.run_dir, spec.id)
        try:
            with self.stopping.graceful() if spec.stage.graceful else self.stopping.at_once():
                outcome = self._outcome(spec, inputs, context, staging)
            if (
                outcome.counts.kept == 0
                and spec.stage.writes in ("rows", "split")
                and not spec.stage.internal
                and not block_behind(inputs.get("rows", ()))
            ):
                raise EmptyResult(
                    f"{spec.id}: nothing is left of {outcome.counts.in_:,} rows",
                    next=_largest_loss(outcome),
                )
        except EmptyResult as empty:
            self.lock.check()
            leave_failed(staging, self.run_dir, spec.id, spec.kind, state.key, empty)
            raise
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        manifest = self._manifest(spec, state, inputs, outcome, staging, time.monotonic() - started)
        write_manifest(staging, manifest)
        self.lock.check()
        publish(staging, self.run_dir / spec.id)
        shutil.rmtree(context.work, ignore_errors=True)
        self._remember_key(spec, manifest)
        self._note(spec, "ran", manifest)
        line = f"{spec.id}: {counts_line(manifest)} in {duration(manifest.seconds)}"
        if self.reporter.mode == "json":
            figures = manifest.model_dump(include={"counts", "requests", "usage", "seconds"})
            self.reporter.event(line, "stage", stage=spec.id, kind=spec.kind, **figures)
        else:
            self.reporter.say(line)

    def _outcome(self, spec: StageSpec, inputs: Inputs, context: Context, staging: Path) -> Outcome:
        """Runs a stage's code; an error in a stage of the user's own names the stage and the line."""
        own = ":" in spec.kind
        run = spec.stage.run
        with blamed(f"stage {spec.kind} failed", run, spec.id, run) if own else contextlib.nullcontext():
            outcome = run(inputs, spec.config, context, staging)
            if not isinstance(outcome, Outcome):
                raise StageFailed(
                    f"stage {spec.kind} gave {type(outcome).__name__}, where an Outcome is wanted",
                    spec.id,
                    "return Outcome(counts, files) from its `run`",
                )
        outcome.counts.check(spec.id)
        return outcome

    def _ask_before_training(self, spec: StageSpec, selected: list[StageSpec]) -> None:
        """Asks later stages' teachers before a student needs the machine, so that one GPU is enough."""
        for later in selected[selected.index(spec) + 1 :]:
            inputs, prefetch = self.graph.made_inputs(later), later.stage.prefetch
            if prefetch is None or inputs is None or later.id in self.prefetched:
                continue
            with self.stopping.graceful():
                prefetch(inputs, later.config, self._context(later, "prefetch"))
            self.prefetched.add(later.id)
        self.sessions.stop_servers()

    def _context(self, spec: StageSpec, key: str) -> Context:
        self.before_stage(spec)
        work = self.run_dir / ".work" / spec.id / key[:16]
        for other in work.parent.glob("*"):
            if other != work:
                shutil.rmtree(other, ignore_errors=True)
        return Context(
            run_dir=self.run_dir,
            stage_id=spec.id,
            work=work,
            seed=self.pipeline.seed,
            sessions=self.sessions,
            reporter=self.reporter,
            stopping=self.stopping.signal,
            workers=self.options.workers or os.cpu_count() or 1,
            accept_partial=self.options.accept_partial,
            retry_failed=bool(self.options.retry_failed),
            limit=self.options.limit,
            reply_room=reply_room(self.pipeline, spec),
        )

    def _manifest(
        self,
        spec: StageSpec,
        state: StageState,
        inputs: Inputs,
        outcome: Outcome,
        staging: Path,
        seconds: float,
    ) -> Manifest:
        extra = {
            **outcome.extra,
            **({"table": outcome.table} if outcome.table else {}),
            **({"asked": outcome.asked} if outcome.asked is not None else {}),
        }
        return Manifest(
            stage=spec.id,
            kind=spec.kind,
            writes=spec.stage.writes,
            key=state.key,
            key_parts=dict(state.key_parts or {}),
            config=resolved(spec.config),
            inputs=_input_records(inputs, self.run_dir),
            outputs=record_outputs(staging, outcome.files),
            counts=outcome.counts.plain(),
            requests=outcome.requests,
            usage=outcome.usage,
            extra=extra,
            partial=outcome.counts.failed.get("budget", 0) > 0,
            seconds=round(seconds, 3),
            peak_memory_bytes=peak_memory_bytes(),
            finished_at=timestamp(),
            versions=versions(),
            host=host(),
            command=self.options.command,
        )

    def _remember_key(self, spec: StageSpec, manifest: Manifest) -> None:
        place = key_file(self.run_dir, manifest.key)
        place.parent.mkdir(exist_ok=True)
        write_whole(place, f"{self.run_dir.name}/{spec.id}".encode())

    def _link(self, spec: StageSpec, state: StageState) -> Manifest | None:
        """Another run's intact result with the same key, hard-linked here; None where there is none."""
        found = linkable(self.run_dir, state.key)
        if found is None or (self.options.retry_failed and found[1].failed_rows()):
            return None
        source, original = found
        staging = staging_folder(self.run_dir, spec.id)
        link_folder(source, staging, list(original.outputs))
        manifest = original.model_copy(
            update={
                "stage": spec.id,
                "inputs": _input_records(self.graph.inputs(spec), self.run_dir),
                "outputs": record_outputs(
                    staging, {name: record.rows for name, record in original.outputs.items()}
                ),
                "linked_from": source.parent.name,
                "config": resolved(spec.config),
                "command": self.options.command,
            }
        )
        write_manifest(staging, manifest)
        self.lock.check()
        publish(staging, self.run_dir / spec.id)
        return manifest

    def close(self) -> None:
        """Stops servers and closes the ledger, whatever ended the run."""
        self.sessions.close()
        work = self.run_dir / ".work"
        if work.is_dir() and not any(path.is_file() for path in work.rglob("*")):
            shutil.rmtree(work, ignore_errors=True)


def _input_records(inputs: Inputs, run_dir: Path) -> dict[str, list[InputRecord]]:
    return {
        need: [
            InputRecord(
                artefact=one.name, file=os.path.relpath(one.file, run_dir), sha256=one.sha256, rows=one.rows
            )
            for one in artefacts
        ]
        for need, artefacts in inputs.items()
    }


def _largest_loss(outcome: Outcome) -> str:
    if not (shares := {**outcome.counts.rejected, **outcome.counts.failed}):
        return "the input itself is empty"
    worst = max(shares, key=shares.__getitem__)
    kind = "failed" if worst in outcome.counts.failed else "rejected"
    return f"{worst} took {shares[worst]:,} of them ({kind}); each row in that file has its reason"


def timestamp() -> str:
    """The time, as logs and manifests have it (UTC)."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
