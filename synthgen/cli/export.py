"""`synthgen export`: rows in another tool's format, of a pipeline's stage, of files, or of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from synthgen.cli import options as o

Places = Annotated[
    list[Path],
    typer.Argument(
        metavar="PIPELINE|RUN|FILE…", help="a pipeline file, a run or one of its stages, or data files"
    ),
]


def export(
    places: Places,
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="alpaca, messages, sharegpt, prompt_completion, preference, kto … or jsonl, parquet",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="where the file and its card go")
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--file", metavar="NAME", help="train.parquet, train.json …; no ending: a datasets folder"
        ),
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option("--keep", metavar="FIELD", help="a field to keep beside; repeatable")
    ] = None,
    title: Annotated[
        str | None, typer.Option("--title", metavar="TEXT", help="the dataset's name on its card")
    ] = None,
    license: Annotated[
        str | None, typer.Option("--license", metavar="ID", help="on the card: cc-by-4.0, apache-2.0, mit …")
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option("--language", metavar="CODE", help="on the card: en, de …; repeatable")
    ] = None,
    reviews: Annotated[
        Path | None,
        typer.Option("--reviews", metavar="FILE", help="marks of `synthgen view`: what people said beside"),
    ] = None,
    of: Annotated[
        str,
        typer.Option(
            "--stage", metavar="STAGE[.PART]", help="for a run: whose rows; the last where left out"
        ),
    ] = "",
    columns: Annotated[
        list[str] | None,
        typer.Option("--columns", metavar="field=column,…", help="for files: which column holds which field"),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace DIR")] = False,
    stage: Annotated[
        str | None, typer.Option("--id", metavar="STAGE_ID", help="for a pipeline: which one")
    ] = None,
    force: o.Force = None,
    limit: o.Limit = None,
    set: o.Set = None,
    values: o.Values = None,
    runs: o.Runs = o.RUNS,
    run_dir: o.RunDir = None,
    ledger: o.Ledger = o.LEDGER,
    env_file: o.EnvFile = None,
    verify: o.Verify = False,
    as_json: o.AsJson = False,
) -> None:
    """Write rows in another tool's format, with a card.

    Takes a pipeline, a run, or data files. `synthgen list stages export` prints the stage's options.
    """
    given: dict[str, Any] = {
        name: value
        for name, value in {
            "format": format,
            "file": file,
            "keep": keep,
            "title": title,
            "license": license,
            "language": language,
            "reviews": str(reviews) if reviews else None,
        }.items()
        if value
    }
    from synthgen.core.errors import ConfigError

    if len(places) == 1 and places[0].suffix in (".yaml", ".yml"):
        from synthgen.cli.kinds import run_kind

        if given or out or of or columns or overwrite:
            raise ConfigError(
                "--format, -o and what describes the file are for runs and files; a pipeline has its own",
                str(places[0]),
                "--set export.format=… changes one value; a run that is done is exported by its name",
            )
        more: dict[str, Any] = {
            "force": force,
            "limit": limit,
            "runs": runs,
            "run_dir": run_dir,
            "ledger": ledger,
        }
        run_kind("export", places[0], stage, set, values, env_file, as_json, None, verify=verify, **more)
        return
    if stage or set or values or force or run_dir or limit or env_file:
        raise ConfigError(
            "--id, --set, --values, --force, --limit, --run-dir and --env-file are for a pipeline"
        )
    if not format or out is None:
        raise ConfigError(
            "which format, and where to?", next=f"synthgen export {places[0]} --format messages -o exported"
        )
    from synthgen.operations.export_rows import export_rows

    made = export_rows(places, out, given, runs=runs, stage=of, columns=columns or (), overwrite=overwrite)
    if as_json:
        o.out_json({"out": str(out), "file": made.extra["file"], "counts": made.counts})
        return
    o.out(str(made.extra["table"]))
    o.out(f"\n{out}/: {made.extra['file']}, README.md (its card), rejected.jsonl, manifest.json")
