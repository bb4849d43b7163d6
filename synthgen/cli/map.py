"""`synthgen map`: fields of rows made from their other fields, of a pipeline's stage or of files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from synthgen.cli import options as o

Places = Annotated[
    list[Path], typer.Argument(metavar="PIPELINE|FILE…", help="a pipeline file, or data files")
]


def map_rows(
    files: Places,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="DIR", help="for files: where rows.jsonl and the others go"),
    ] = None,
    solution: Annotated[
        str | None,
        typer.Option(
            "--solution", metavar="FIELD", help="a field with worked solutions: gives rationale, final_answer"
        ),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option("--field", metavar="NAME=TEMPLATE", help="a field and its jinja2 template; repeatable"),
    ] = None,
    function: Annotated[
        str | None,
        typer.Option(
            "--function", metavar="MODULE:NAME", help="a function of yours: takes a row, gives fields"
        ),
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option("--drop", metavar="FIELD", help="a field to remove; repeatable")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns", metavar="[FILE:]field=column,…", help="for files: which column holds which field"
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="for files: replace DIR")] = False,
    stage: Annotated[
        str | None, typer.Option("--id", metavar="STAGE_ID", help="for a pipeline: which one")
    ] = None,
    force: o.Force = None,
    set: o.Set = None,
    values: o.Values = None,
    runs: o.Runs = o.RUNS,
    run_dir: o.RunDir = None,
    shard: o.Shard = None,
    as_json: o.AsJson = False,
) -> None:
    """Make fields of each row from its others.

    Takes data files, or a pipeline. `synthgen list stages map` prints the stage's options.
    """
    from synthgen.core.errors import ConfigError

    asked: dict[str, Any] = {"--solution": solution, "--field": field, "--function": function, "--drop": drop}
    if len(files) == 1 and files[0].suffix in (".yaml", ".yml"):
        from synthgen.cli.kinds import run_kind

        if out or columns or overwrite or any(asked.values()):
            raise ConfigError(
                f"-o, --columns, --overwrite, {', '.join(asked)} are for files; a pipeline says them itself",
                str(files[0]),
                "use --set to change one value of the pipeline",
            )
        more: dict[str, Any] = {"force": force, "runs": runs, "run_dir": run_dir}
        run_kind("map", files[0], stage, set, values, None, as_json, shard, **more)
        return
    if stage or values or force or run_dir or shard:
        raise ConfigError(
            "--id, --values, --force, --run-dir and --shard are for a pipeline",
            next="--set map.key=value sets one of its options",
        )
    if out is None or not (any(asked.values()) or set):
        raise ConfigError(
            "what is to be made, and where to?",
            next=f"synthgen map {files[0]} --solution output -o mapped",
        )
    from synthgen.operations.map_files import map_files

    made = map_files(
        files,
        out,
        solution=solution,
        fields=field or (),
        function=function,
        drop=drop or (),
        columns=columns or (),
        sets=set or (),
        overwrite=overwrite,
    )
    if as_json:
        o.out_json({"out": str(out), "counts": made.counts})
        return
    o.out(str(made.extra["table"]))
    o.out(f"\n{out}/: rows.jsonl, rejected.jsonl (the others, as they came, with the reason), manifest.json")
