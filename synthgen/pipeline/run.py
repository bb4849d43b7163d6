"""The run of a pipeline: each stage that has to run, in order, published whole, with its account checked."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import shutil
from pathlib import Path
from typing import Any

from synthgen.core.errors import ConfigError, StageFailed, SynthgenError
from synthgen.core.interrupts import Stopping
from synthgen.core.progress import Reporter
from synthgen.core.run_metrics import RunMetrics
from synthgen.pipeline.engine import Engine, timestamp
from synthgen.pipeline.foresight import Foresight
from synthgen.pipeline.lazy_sessions import LazySessions, OpenSessions
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.other_runs import other_run_faults
from synthgen.pipeline.plan import choose
from synthgen.pipeline.references import check_references
from synthgen.pipeline.result import RunResult
from synthgen.pipeline.short_limits import short_limits
from synthgen.pipeline.spec import RESOLVED, Pipeline, StageSpec
from synthgen.store.jsonl import AppendLog
from synthgen.store.lock import RunLock
from synthgen.store.publish import recover, run_folder, write_whole


def run_pipeline(
    pipeline: Pipeline,
    options: RunOptions,
    reporter: Reporter | None = None,
    open_sessions: OpenSessions | None = None,
) -> RunResult:
    """Runs the stages that have to run and skips the others.

    Args:
        pipeline: the pipeline.
        options: which stages, and how.
        reporter: where progress goes.
        open_sessions: opens the teachers; live sessions where left out.

    Returns:
        What was done with each stage, and its manifest.

    Raises:
        SynthgenError: with the exit code of the batch-job contract; what was published stays published.
    """
    selected = choose(pipeline, options.only, options.start, options.until, options.force)
    if faults := list(other_run_faults(selected, options.others(pipeline), str(pipeline.path))):
        raise ConfigError.of(faults)
    run_dir = run_folder(options.folder(pipeline))
    with RunLock(run_dir) as lock, Stopping() as stopping:
        reporter = reporter or Reporter()
        reporter.status_file = run_dir / "status.json"
        if options.metrics_file is not None:
            reporter.metrics = RunMetrics(options.metrics_file, options.charged_run or run_dir.name)
            if wrong := reporter.metrics.write():
                reporter.say(f"warning: --metrics-file: {wrong}: {options.metrics_file}")
        for stage_id in recover(run_dir):
            reporter.say(f"{stage_id}: the result from before the interruption was put back")
        log = AppendLog(run_dir / "run.log.jsonl")
        _write_resolved(pipeline, run_dir)
        engine = Engine(pipeline, options, run_dir, reporter, stopping, lock, log)
        check_once = functools.cache(lambda: check_references(pipeline, selected, reporter.say))
        foresight = Foresight(pipeline)

        @functools.cache
        def say_once_what_is_short() -> None:
            for fault in short_limits(pipeline, selected, run_dir):
                reporter.say("warning: " + "\n".join(fault.lines()))

        def before_stage(spec: StageSpec) -> None:
            foresight.check(selected[selected.index(spec) :])
            if spec.stage.asks(spec.config):
                say_once_what_is_short()
                check_once()

        engine.before_stage = before_stage
        if open_sessions is not None:
            engine.sessions = LazySessions(
                pipeline, options, reporter, stopping.signal, run_dir.name, open_sessions
            )
        ended = 1
        try:
            log.append(
                {
                    "at": timestamp(),
                    "event": "run",
                    "stages": [spec.id for spec in selected],
                    "pid": os.getpid(),
                }
            )
            for spec in selected:
                engine.stage(spec, spec.id in options.force, selected)
            log.append({"at": timestamp(), "event": "done"})
            ended = 0
            return engine.result
        except SynthgenError as fault:
            ended = fault.exit_code
            log.append(_stopped(fault))
            raise
        except OSError as fault:
            stop = _disk_fault(fault, run_dir)
            with contextlib.suppress(OSError):
                log.append(_stopped(stop))
            raise stop from fault
        finally:
            engine.close()
            log.close()
            if reporter.metrics is not None:
                reporter.metrics.end(ended)


def _write_resolved(pipeline: Pipeline, run_dir: Path) -> None:
    import io

    from ruamel.yaml import YAML

    text = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(pipeline.resolved(), text)
    write_whole(run_dir / RESOLVED, text.getvalue().encode())


def _stopped(fault: SynthgenError) -> dict[str, Any]:
    return {
        "at": timestamp(),
        "event": "stopped",
        "error": type(fault).__name__,
        "what": str(fault),
        "exit_code": fault.exit_code,
    }


def _disk_fault(fault: OSError, run_dir: Path) -> SynthgenError:
    where = str(fault.filename or run_dir)
    if fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        free = shutil.disk_usage(run_dir).free
        what = (
            "the disk is full"
            if fault.errno == errno.ENOSPC
            else "a limit on what may be written here is reached"
        )
        return StageFailed(
            what,
            where,
            f"{free / 1e9:.1f} GB are free there; make room and give the same command: nothing that "
            "was paid for is lost",
        )
    return StageFailed(f"{fault.strerror or fault}", where)
