"""`synthgen load|split|generate|filter|…`: the stages of one kind of a pipeline, or one stage on data files.

A stage's command follows from its value: `on_files` says whether it takes data files and with which flag.
The value is imported when its command is called, so that `synthgen --help` stays light.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from typer.core import TyperGroup

from synthgen.cli import options as o
from synthgen.cli.export import export
from synthgen.cli.kinds import run_kind
from synthgen.cli.map import map_rows
from synthgen.cli.sections import sections
from synthgen.stages import STAGES

if TYPE_CHECKING:
    from synthgen.stages.contract import OnFiles


def _read_path(text: str) -> Path:
    if not text.strip():
        raise typer.BadParameter("an empty path; is a variable of the shell not set?")
    return Path(text)


OWN: dict[str, Callable[..., None]] = {"export": export, "map": map_rows}
"""Kinds of stages whose command has a file of its own."""
Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="PIPELINE|FILE…",
        parser=_read_path,
        help="a pipeline file, or data files (.jsonl .json .csv .parquet, .gz .zst)",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "-o", "--out", metavar="DIR", help="for files: where rows.jsonl, rejected.jsonl and manifest.json go"
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--columns",
        metavar="[FILE:]field=column,…",
        help="for files: which column holds which field, where a file has it, or in FILE; repeatable",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="for files: replace DIR")]
Report = Annotated[
    bool,
    typer.Option(
        "--report", help="show what each rule would drop, alone and in order, with examples; drop nothing"
    ),
]
Rethreshold = Annotated[
    bool,
    typer.Option(
        "--rethreshold",
        help=(
            "for the folder of a filter stage that ran with `values: true`: decide again, with the "
            "thresholds of --rule"
        ),
    ),
]
StageId = Annotated[
    str | None,
    typer.Option("--id", metavar="STAGE_ID", help="which one, where the pipeline has several"),
]


class StageCommands(TyperGroup):
    """The commands; that of a stage is completed with its own options when it is called."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words of the command line, where a bare `--retry-failed` gets its value."""
        end = args.index("--") if "--" in args else len(args)
        return super().parse_args(
            ctx,
            [f"{o.BARE_RETRY}=failed" if word == o.BARE_RETRY else word for word in args[:end]] + args[end:],
        )

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes the commands in their sections, all in one column."""
        longest = max(map(len, self.commands))
        room = formatter.width - 6 - longest
        for title, names in sections(self.commands).items():
            with formatter.section(title):
                formatter.write_dl(
                    [(f"{name:<{longest}}", self.commands[name].get_short_help_str(room)) for name in names]
                )

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first word names, and the words after it."""
        if args and args[0] in STAGES and args[0] not in OWN:
            app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
            app.command(args[0])(stage_command(args[0]))
            self.commands[args[0]] = typer.main.get_command(app)
        return super().resolve_command(ctx, args)


def register(app: typer.Typer) -> None:
    """Adds a command for every stage that a pipeline file can name, with its help line alone."""
    from synthgen.stages.contract import purpose

    for kind in STAGES:
        if kind in OWN:
            app.command(kind)(OWN[kind])
        else:
            app.command(kind, help=purpose(kind))(lambda: None)


def stage_command(kind: str) -> Callable[..., None]:
    """The whole command of one kind of stage."""
    from synthgen.stages.contract import find_stage, purpose

    on_files = find_stage(kind).on_files
    if on_files is None:
        found = find_stage(kind)
        command = _pipeline_command(kind, trains=found.teaches is not None, decides=found.decides)
    else:
        command = _files_command(kind, on_files)
    more = (
        f"Runs the pipeline's `{kind}` stages alone; `synthgen list stages {kind}` prints their options."
        if on_files is None
        else f"Takes data files, or a pipeline. `synthgen list stages {kind}` prints the stage's options."
    )
    command.__doc__ = f"{purpose(kind)}\n\n    {more}"
    return command


def _pipeline_command(kind: str, trains: bool, decides: bool) -> Callable[..., None]:
    def command(
        pipeline: o.PipelinePath,
        stage: StageId = None,
        rehearse: o.Rehearse = False,
        require: o.Require = None,
        force: o.Force = None,
        limit: o.Limit = None,
        set: o.Set = None,
        values: o.Values = None,
        runs: o.Runs = o.RUNS,
        run_dir: o.RunDir = None,
        ledger: o.Ledger = o.LEDGER,
        env_file: o.EnvFile = None,
        accept_partial: o.AcceptPartial = False,
        retry_failed: o.RetryFailed = None,
        verify: o.Verify = False,
        grace: o.Grace = 30.0,
        workers: o.Workers = 0,
        shard: o.Shard = None,
        as_json: o.AsJson = False,
    ) -> None:
        run_kind(
            kind,
            pipeline,
            stage,
            set,
            values,
            env_file,
            as_json,
            shard,
            rehearse,
            require,
            force=force,
            limit=limit,
            runs=runs,
            run_dir=run_dir,
            ledger=ledger,
            accept_partial=accept_partial,
            retry_failed=retry_failed,
            verify=verify,
            grace=grace,
            workers=workers,
        )

    left_out = tuple(name for name, has in (("rehearse", trains), ("require", decides)) if not has)
    return _taking(command, get_type_hints(command, include_extras=True), left_out)


def _files_command(kind: str, on_files: OnFiles) -> Callable[..., None]:
    def command(
        files: Files,
        out: Out = None,
        columns: Columns = None,
        chosen: Any = None,
        overwrite: Overwrite = False,
        report: Report = False,
        rethreshold: Rethreshold = False,
        stage: StageId = None,
        force: o.Force = None,
        set: o.Set = None,
        values: o.Values = None,
        runs: o.Runs = o.RUNS,
        run_dir: o.RunDir = None,
        workers: o.Workers = 0,
        shard: o.Shard = None,
        as_json: o.AsJson = False,
    ) -> None:
        from synthgen.cli import curate, review

        if rethreshold:
            unused = {
                "--report": report,
                "--columns": columns,
                "--id": stage,
                "--set": set,
                "--values": values,
                "--shard": shard,
                "--force": force,
                "--run-dir": run_dir,
            }
            review.rethreshold(files, out, chosen, overwrite, unused, as_json)
        elif report:
            review.report(
                files,
                out,
                chosen,
                columns,
                overwrite,
                stage,
                set,
                values,
                shard,
                force,
                runs,
                run_dir,
                workers,
                as_json,
            )
        else:
            curate.curate(
                kind,
                on_files.flag,
                chosen,
                files,
                out,
                columns,
                overwrite,
                stage,
                set,
                values,
                as_json,
                shard,
                force=force,
                runs=runs,
                run_dir=run_dir,
                workers=workers,
            )

    option = typer.Option(on_files.flag, metavar=on_files.metavar, help=f"for files: {on_files.help}")
    hints = {**get_type_hints(command, include_extras=True), "chosen": Annotated[list[str] | None, option]}
    return _taking(command, hints, () if on_files.review else ("report", "rethreshold"))


def _taking(
    command: Callable[..., None], hints: dict[str, Any], left_out: tuple[str, ...]
) -> Callable[..., None]:
    """A command as typer reads it: with these hints, and without some of its options."""
    signature = inspect.signature(command)
    parameters = [
        parameter.replace(annotation=hints[name])
        for name, parameter in signature.parameters.items()
        if name not in left_out
    ]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = hints
    return command
