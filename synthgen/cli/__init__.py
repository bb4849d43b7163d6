"""The command line: one file a command; parses, calls, prints; no logic.

Results go to stdout, progress and errors to stderr. Exit codes are the batch-job contract: 0 done, 1
failed, 2 the command or the pipeline file is wrong, 3 stopped at the budget, 4 more rows failed than
allowed, 5 the run is in use, 130/143 interrupted.
"""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import asdict
from io import StringIO
from typing import Annotated, Any

import typer

from synthgen.cli import (
    ablate,
    batch,
    chat,
    curve,
    diff,
    drift,
    estimate,
    gate,
    gc,
    import_log,
    improve,
    init,
    inspect,
    jobs,
    ledger,
    listing,
    marks,
    merge,
    preview,
    prompts,
    push,
    report,
    run,
    runs,
    schema,
    serve,
    serve_builtin,
    stages,
    status,
    validate,
    verdict,
    view,
    why,
)
from synthgen.core.errors import SynthgenError
from synthgen.training.processes.command import one_command

app = typer.Typer(
    name="synthgen",
    cls=stages.StageCommands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    help="From seed questions to a measured student: generate, filter, deduplicate, train, evaluate.",
    epilog="Start with `synthgen init`, then `synthgen run my_questions.yaml`.",
)


def _version(asked: bool) -> None:
    if asked:
        from synthgen.version import __version__

        sys.stdout.write(f"synthgen {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    pass


app.command("init")(init.init)
app.command("validate")(validate.validate)
app.command("preview")(preview.preview)
app.command("estimate")(estimate.estimate)
app.command("gate")(gate.gate)
app.command("run")(run.run)
stages.register(app)
app.command("merge")(merge.merge)
app.command("ablate")(ablate.ablate)
app.command("curve")(curve.curve)
app.command("improve")(improve.improve)
app.command("status")(status.status)
app.command("inspect")(inspect.inspect)
app.command("why")(why.why)
app.command("verdict")(verdict.verdict)
app.command("drift")(drift.drift)
app.command("import-log")(import_log.import_log)
app.command("diff")(diff.diff)
app.command("runs")(runs.runs)
app.command("gc")(gc.gc)
app.command("report")(report.report)
app.command("view")(view.view)
app.command("marks")(marks.marks)
app.command("serve")(serve.serve)
app.command("chat")(chat.chat)
app.command("push")(push.push)
app.command("list")(listing.list_components)
app.command("schema")(schema.schema)
app.add_typer(prompts.app, name="prompts")
app.add_typer(ledger.app, name="ledger")
app.add_typer(batch.app, name="batch")
app.add_typer(jobs.app, name="jobs")
app.command("serve-builtin")(serve_builtin.serve_builtin)


def main() -> None:
    """Runs the command line; mistakes of the user or the machine end in at most three lines, no traceback."""
    _fill_closed_streams()
    with one_command():
        _run()


def _run() -> None:
    try:
        code = app(standalone_mode=False)
    except SynthgenError as fault:
        lines = "\n".join("error: " + "\n".join(one.lines()) for one in fault.faults)
        _end(lines, fault.exit_code, faults=[asdict(one) for one in fault.faults])
    except KeyboardInterrupt:
        _end("interrupted", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as fault:
        full = fault.errno in (errno.ENOSPC, errno.EDQUOT)
        then = (
            "make room and give the same command: nothing that was paid for is lost"
            if full
            else "is the path right, and may you read and write there?"
        )
        where = f"\n  at {os.fsdecode(fault.filename)}" if isinstance(fault.filename, str | bytes) else ""
        _end(f"error: {fault.strerror or fault}{where}\n  {then}", 1)
    except Exception as fault:
        # The classes of a wrong command line are typer's own, and have no public name.
        if not (callable(show := getattr(fault, "show", None)) and hasattr(fault, "exit_code")):
            raise
        text = StringIO()
        show(text)
        _end(text.getvalue().rstrip("\n"), fault.exit_code)
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _fill_closed_streams() -> None:
    """Opens /dev/null in the place of closed standard streams, or libraries would write into other files."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)


def _end(text: str, code: int, **figures: Any) -> None:
    from synthgen.core.progress import json_line, wants_json, write_stderr

    if wants_json():
        line = json_line(f"error: {text.removeprefix('error: ')}", "end", exit_code=code, **figures)
        write_stderr(line, as_it_is=True)
    else:
        write_stderr(f"{text}\n")
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # what is buffered would fail once more, at exit
    sys.exit(code)
