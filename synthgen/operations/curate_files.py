"""One stage on data files, without a pipeline: `load` and the stage, published as one folder."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from synthgen.core.config import Location
from synthgen.core.errors import ConfigError, EmptyResult, Fault, InputError, SynthgenError, nearest
from synthgen.core.progress import Reporter
from synthgen.formats.columns import sources_where
from synthgen.formats.sources import Source
from synthgen.operations.column_arguments import read_columns
from synthgen.operations.own_places import name_own_places
from synthgen.pipeline.file import check_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.pipeline.values import assignment, put, yaml_value
from synthgen.pipeline.yaml_tree import Sources, encodable
from synthgen.stages.contract import find_stage
from synthgen.store.failed import forget_failed, move_failed, read_failure
from synthgen.store.jsonl import RowWriter, read_rows
from synthgen.store.manifest import Manifest, read_manifest, record_outputs, write_manifest
from synthgen.store.publish import publish


def curate(
    kind: str,
    files: Sequence[Path],
    out: Path,
    *,
    choices: Sequence[Any] = (),
    columns: Sequence[str] = (),
    sets: Sequence[str] = (),
    overwrite: bool = False,
    workers: int = 0,
    reporter: Reporter | None = None,
) -> Manifest:
    """Runs one stage over files into `out`: rows.jsonl, rejected.jsonl and manifest.json.

    Lines that could not be read are in rejected.jsonl too. Where no row is left there is no `out`:
    rejected.jsonl is then in `<out>.failed`.

    Args:
        kind: the stage; its `on_files` says what the command line gives it.
        files: data files of the user's.
        out: the folder to publish; it must not exist, unless `overwrite`.
        choices: rules, methods or evaluation files, each a name, `name:key=value,…` or `{name: options}`; the
            default set where empty.
        columns: `field=column` pairs, each text one or several with commas between; a file takes those that
            it has columns for. `FILE:` before them makes them that file's.
        sets: other options of the stage, each `<kind>.key=value`, the value YAML.
        overwrite: replace `out`.
        workers: processes; 0 is one for each core.
        reporter: where progress goes.

    Returns:
        The manifest of the published folder.
    """
    check_files(files)
    check_out(out, overwrite)
    on_files = find_stage(kind).on_files
    if on_files is None:
        raise ConfigError(f"{kind} takes a pipeline file, not data files")
    if not choices and not on_files.default:
        raise ConfigError(
            f"{kind} needs {on_files.flag}",
            next=f"synthgen {kind} {files[0]} -o {out} {on_files.flag} {on_files.metavar}",
        )
    given = [component(choice) for choice in choices] if on_files.components else choices
    chosen = [on_files.read(choice) for choice in given] or list(on_files.default)

    def place(path: Location) -> str:
        if (
            path[:2] == (kind, on_files.option)
            and len(path) > 2
            and isinstance(at := path[2], int)
            and at < len(choices)
            and isinstance(choices[at], str)
        ):
            return f"{on_files.flag} {choices[at]}" + (
                "" if "=" in choices[at] else f" (options: {choices[at]}:key=value,…)"
            )
        return ""

    def advise(fault: SynthgenError) -> str:
        return on_files.advice(fault) if choices and isinstance(choices[0], str) else ""

    return run_on_files(
        kind,
        {on_files.option: chosen},
        files,
        out,
        columns=columns,
        sets=sets,
        workers=workers,
        reporter=reporter,
        place=place,
        advise=advise,
    )


def run_on_files(
    kind: str,
    options: dict[str, Any],
    files: Sequence[Path],
    out: Path,
    *,
    columns: Sequence[str] = (),
    sets: Sequence[str] = (),
    workers: int = 0,
    reporter: Reporter | None = None,
    place: Callable[[Location], str] = lambda path: "",
    advise: Callable[[SynthgenError], str] = lambda fault: "",
) -> Manifest:
    """Runs one stage with these options over files into `out`, see `curate`.

    Args:
        kind: the stage.
        options: its options, as a pipeline file would hold them.
        files: data files of the user's.
        out: the folder to publish.
        columns: `field=column` pairs.
        sets: other options, each `<kind>.key=value`.
        workers: processes; 0 is one for each core.
        reporter: where progress goes.
        place: the flag that gave an option, by its path from the stage's kind on.
        advise: what to do about an error, in terms of the command; "" where its own advice holds.
    """
    mapping = read_columns(columns)
    sources = [
        {"path": source.path, **({"columns": source.columns} if source.columns else {})}
        for source in sources_where(files, mapping.everywhere, mapping.by_file)
    ]
    tree = {"version": 1, "name": kind, "stages": [{"load": {"sources": sources}}, {kind: options}]}
    sources_of = Sources(Path("command line"), tree)
    for text in sets:
        put(tree, *assignment(text), f"--set {text}", sources_of)

    def place_of(path: Location) -> str:
        return place(path[2:]) or next(
            (
                where
                for overridden, where in sources_of.overrides.items()
                if path[: len(overridden)] == overridden
            ),
            "",
        )

    pipeline = check_pipeline(Path("command line"), tree, place_of)
    loaded_from: Sequence[Source] = pipeline.stage("load").config.sources  # type: ignore[attr-defined]
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        runs = Path(scratch)
        try:
            result = run_pipeline(
                pipeline, RunOptions(run_dir=runs / "run", ledger=runs / "ledger", workers=workers), reporter
            )
        except SynthgenError as fault:
            if isinstance(fault, EmptyResult):
                move_failed(runs / "run", out, fault)
            if advice := advise(fault):
                fault.faults = tuple(replace(one, next=advice) for one in fault.faults)
            name_own_places(fault, runs / "run" / "load" / "rows.jsonl", loaded_from)
            raise
        manifest = _merge(result.stages["load"], result.stages[kind], runs / "run", kind, out)
    if read_failure(out.parent, out.name) is not None:
        forget_failed(out.parent, out.name)
    return manifest


def check_files(files: Sequence[Path]) -> None:
    """Refuses what is no data file: a path that is not there, a pipeline file among others.

    Raises:
        InputError: with all of them, at once.
    """
    faults = []
    for path in files:
        if path.suffix in (".yaml", ".yml"):
            faults.append(
                Fault(
                    "this is a YAML file, where data files are wanted",
                    str(path),
                    "a pipeline is given alone, and without -o",
                )
            )
        elif not path.exists():
            names = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
            near = nearest(path.name, names)
            faults.append(
                Fault(
                    "no such file",
                    str(path),
                    f"did you mean {path.parent / near}?"
                    if near
                    else "file paths are relative to where the command runs",
                )
            )
    if faults:
        raise InputError("; ".join(fault.what for fault in faults), faults=faults)


def check_out(out: Path, overwrite: bool) -> None:
    """Refuses an output folder that is there, unless it is a result of synthgen's that may be replaced."""
    if not encodable(str(out)):
        raise ConfigError("the output folder's name is not UTF-8", repr(str(out)), "give another -o")
    if out.exists() and (not overwrite or read_manifest(out) is None):
        if not out.is_dir():
            raise ConfigError(
                "the output is a folder, but a file of this name is there", str(out), "give another -o"
            )
        why = (
            "give another -o, or --overwrite"
            if read_manifest(out) is not None or not any(out.iterdir())
            else "it holds no result of synthgen's: give another -o"
        )
        raise ConfigError("the output folder is there already", str(out), why)


def _merge(loaded: Manifest, curated: Manifest, run: Path, kind: str, out: Path) -> Manifest:
    """One folder of the two stages: the account goes from the lines of the files to the rows kept."""
    folder = run / kind
    before = run / "load" / "rejected.jsonl"
    if before.exists():
        joined = folder / "rejected.joined"
        with RowWriter(joined) as writer:
            for part in (before, folder / "rejected.jsonl"):
                for row in read_rows(part) if part.exists() else ():
                    writer.write(row)
        shutil.move(joined, folder / "rejected.jsonl")
    counts = {
        "in": loaded.counts["in"],
        "kept": curated.counts["kept"],
        "rejected": {**loaded.counts["rejected"], **curated.counts["rejected"]},
        "failed": {**loaded.counts["failed"], **curated.counts["failed"]},
    }
    rejected, rows = (
        sum(counts["rejected"].values()),
        {name: record.rows for name, record in curated.outputs.items()},
    )
    extra = dict(curated.extra)
    if unread := sum(loaded.counts["rejected"].values()):
        reasons = ", ".join(f"{rule} {rows:,}" for rule, rows in sorted(loaded.counts["rejected"].items()))
        extra["table"] = (
            f"read {counts['in']:,}, not usable {unread:,} ({reasons}), kept {counts['kept']:,} = "
            f"{counts['kept'] / counts['in']:.1%}\n"
            f"of the {loaded.counts['kept']:,} usable:\n{extra.get('table', '')}"
        )
    (folder / "manifest.json").unlink()
    manifest = curated.model_copy(
        update={
            "counts": counts,
            "extra": extra,
            "inputs": {},
            "outputs": record_outputs(folder, {**rows, "rejected.jsonl": rejected}),
        }
    )
    write_manifest(folder, manifest)
    publish(folder, out)
    return manifest


def component(choice: Any) -> Any:
    """`name:key=value,…` as `{name: {key: value}}`; values are YAML, and the name may be a module:Class."""
    if not isinstance(choice, str) or ":" not in choice or choice.partition(":")[2].isidentifier():
        return choice
    outside = re.match(r"([\w.]+:[^\W\d]\w*):", choice)  # module:Class, and then its options
    name, text = (outside[1], choice[outside.end() :]) if outside else choice.split(":", 1)
    options: dict[str, Any] = {}
    for part in _parted(text):
        key, equals, value = part.partition("=")
        if not equals:
            raise ConfigError(
                f"{choice!r}: expected key=value, found {part!r}", next=f"for example {name}:field=output"
            )
        options[key.strip()] = yaml_value(value, key)
    return {name: options}


def _parted(text: str) -> list[str]:
    """A text at its commas, those within brackets left out."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
