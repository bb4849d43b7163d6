"""Options that several commands share, and what is made of them."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthgen.core.colour import painted
from synthgen.core.errors import ConfigError, Fault, InputError, SynthgenError
from synthgen.core.text import printable, printable_json, terminal_columns, wrapped

if TYPE_CHECKING:
    from synthgen.pipeline.options import RunOptions
    from synthgen.pipeline.spec import Pipeline

BARE_RETRY = "--retry-failed"
"""Takes a value, or none: `StageCommands` writes the bare flag as `--retry-failed=failed`."""


def _read_retry(text: str) -> bool | str:
    if text not in ("failed", "all"):
        raise typer.BadParameter("it takes no value, or all: --retry-failed=all")
    return text if text == "all" else True


PipelinePath = Annotated[Path, typer.Argument(metavar="PIPELINE", help="a pipeline file (YAML)")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="a run's name, its folder, or its pipeline file")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="STAGE_ID.key=value", help="set one value; the value is YAML; repeatable"),
]
Values = Annotated[
    list[Path] | None,
    typer.Option("--values", metavar="FILE", help="a YAML file of values by stage id; repeatable"),
]
Runs = Annotated[Path, typer.Option("--runs", metavar="DIR", help="the folder that holds all runs")]
RunDir = Annotated[
    Path | None,
    typer.Option("--run-dir", metavar="DIR", help="this run's folder, instead of data/runs/<name>"),
]
Ledger = Annotated[
    Path, typer.Option("--ledger", metavar="DIR", help="the folder of the ledger that all runs share")
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        min=1,
        max=10**12,
        metavar="N",
        help="ask each teacher about N rows only; a run of its own, over the same ledger",
    ),
]
Force = Annotated[
    list[str] | None,
    typer.Option("--force", metavar="STAGE_ID", help="run this stage though nothing changed; repeatable"),
]
AcceptPartial = Annotated[
    bool, typer.Option("--accept-partial", help="after a stop at the budget: publish what is finished")
]
RetryFailed = Annotated[
    str | None,
    typer.Option(
        BARE_RETRY,
        metavar="[=all]",
        parser=_read_retry,
        help="ask again for rows that failed, and only for them; =all: also for those refused for good",
    ),
]
Verify = Annotated[
    bool, typer.Option("--verify", help="hash every published file again instead of trusting size and time")
]
Grace = Annotated[
    float,
    typer.Option(
        "--grace",
        metavar="SECONDS",
        min=0,
        max=1_000_000,
        help="seconds that requests in flight get to finish after SIGINT or SIGTERM",
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers", metavar="N", min=0, help="processes for CPU-heavy stages; 0: one for each core"
    ),
]
Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="i/n",
        help=(
            "do the i-th of n parts of a stage's work, where it works row by row or is dedup; `synthgen "
            "merge` puts the parts together"
        ),
    ),
]
EnvFile = Annotated[
    Path | None,
    typer.Option("--env-file", metavar="FILE", help="a file of NAME=value lines, read into the environment"),
]
Rehearse = Annotated[
    bool,
    typer.Option(
        "--rehearse",
        help=(
            "train each student for two steps on made-up rows, save and load it, ask it two questions, and "
            "say what that took; run nothing"
        ),
    ),
]


def _read_log_format(text: str) -> str:
    if text not in ("text", "json"):
        raise typer.BadParameter("text or json")
    return text


LogFormat = Annotated[
    str | None,
    typer.Option(
        "--log-format",
        metavar="text|json",
        parser=_read_log_format,
        help="json: a JSON object for each line of the log (stderr)",
    ),
]
MetricsFile = Annotated[
    Path | None,
    typer.Option(
        "--metrics-file",
        metavar="FILE",
        dir_okay=False,
        help="keep figures for Prometheus in FILE (textfile collector)",
    ),
]
Notify = Annotated[
    str | None,
    typer.Option("--notify", metavar="COMMAND", help="run this at the end; SYNTHGEN_TEXT says how it ended"),
]
Require = Annotated[
    str | None,
    typer.Option(
        "--require", metavar="WORD", help="exit with 1 unless all its verdicts are this: deploy, say"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON, for scripts")]

MOST_FAULTS = 20
"""Lines of one file that an error lists."""

RUNS, LEDGER = Path("data/runs"), Path("data/ledger")


def load(
    path: Path,
    set: list[str] | None,
    values: list[Path] | None,
    env_file: Path | None = None,
    kind: str = "",
) -> Pipeline:
    """The checked pipeline that a command is about; `kind` is the stage that it runs, or empty."""
    from synthgen.pipeline.file import load_pipeline
    from synthgen.pipeline.mistaken import mistaken

    if kind and (fault := mistaken(path, kind)) is not None:
        raise fault
    if env_file is not None:
        read_env_file(env_file)
    return load_pipeline(path, values or (), set or ())


def run_options(**given: Any) -> RunOptions:
    """RunOptions from a command's arguments; lists become tuples, absent ones their defaults."""
    from synthgen.pipeline.options import RunOptions

    plain: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given.items()
        if value is not None
    }
    return RunOptions(command=typed_command(), **plain)


def typed_command() -> str:
    """The command line of this process without keys; empty where synthgen is called from Python."""
    from synthgen.core.secrets import without_keys

    program = Path(sys.argv[0]).parts
    if program[-1:] != ("synthgen",) and program[-2:] != ("synthgen", "__main__.py"):
        return ""
    return without_keys(shlex.join(["synthgen", *sys.argv[1:]]))[0]


def sharded(checked: Pipeline, chosen: RunOptions, shard: str | None) -> tuple[Pipeline, RunOptions]:
    """The pipeline and options of a shard, where --shard is given."""
    if shard is None:
        return checked, chosen
    from synthgen.operations.shard import Shard as Part
    from synthgen.operations.shard import sharded as part_of

    return part_of(checked, chosen, Part.parse(shard))


def read_env_file(path: Path) -> None:
    """Reads NAME=value lines into the environment; what is set there already wins. Values are never shown."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise InputError("the file of --env-file cannot be read", str(path)) from None
    faults = []
    for number, line in enumerate(lines, 1):
        text = line.strip().removeprefix("export ").strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isidentifier():
            faults.append(Fault("not a NAME=value line", f"{path}:{number}"))
            continue
        os.environ.setdefault(name.strip(), value.strip().strip("\"'"))
    if len(faults) > MOST_FAULTS:
        faults[MOST_FAULTS:] = [Fault(f"and {len(faults) - MOST_FAULTS:,} more lines", str(path))]
    if faults:
        raise ConfigError.of(faults)


def find_run(run: str, runs: Path = RUNS) -> Path:
    """The folder of a run, from its name, its folder or its pipeline file."""
    from synthgen.reports.find_run import find_run as found

    return found(run, runs)


def log_as(log_format: str | None) -> None:
    """Has the log of this process written as `--log-format` says."""
    from synthgen.core.progress import LOG_FORMAT

    if log_format is not None:
        os.environ[LOG_FORMAT] = log_format


def share(flag: str, text: str | None) -> float | None:
    """A share from 0 to 1, written as 0.03 or as 3%; None where the flag was left out."""
    if text is None:
        return None
    from synthgen.core.errors import ConfigError

    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise ConfigError(
            f"{flag} {text}: it has to be at least 0 and less than 1 (100%)", next="write it as 0.03 or 3%"
        )
    return value


def out(text: str, as_it_is: bool = False) -> None:
    """Prints a result on stdout, its lines as wide as the terminal, without anything that a terminal obeys.

    Args:
        text: the result.
        as_it_is: leave long lines, for text that is copied from the terminal.

    Raises:
        SynthgenError: stdout is closed or full, or cannot show the text.
    """
    lines = printable(text).rstrip("\n") + "\n"
    if not as_it_is:
        lines = wrapped(lines, terminal_columns())
    _print(painted(lines, sys.stdout) if sys.stdout is not None else lines)


def out_again(text: str) -> None:
    """Prints a result in the place of the one before, where stdout is a terminal; else under it."""
    if sys.stdout is not None and sys.stdout.isatty():
        _print("\x1b[H\x1b[2J")
    out(text)


def out_json(value: Any) -> None:
    """Prints a result as JSON on stdout; what a terminal would obey is escaped in it."""
    import orjson

    _print(printable_json(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode()) + "\n")


def _print(text: str) -> None:
    try:
        if sys.stdout is None:
            raise OSError("it is closed")
        sys.stdout.write(text)
        sys.stdout.flush()  # a disk that is full says so here, not at exit
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as fault:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # what is buffered would fail once more, at exit
        raise SynthgenError(
            f"the result cannot be printed: {getattr(fault, 'strerror', None) or fault}",
            "stdout",
            "what the command made is there; ask for the result again",
        ) from None


def say(text: str) -> None:
    """A line of the log, to stderr."""
    from synthgen.core.progress import Reporter

    Reporter().say(text)


def hint(*commands: str) -> None:
    """The last lines of a command: which come next. To stderr, so that stdout holds results only."""
    from synthgen.core.progress import wants_json, write_stderr

    for command in () if wants_json() else commands:
        write_stderr(f"  next: {command}\n", as_it_is=True)
