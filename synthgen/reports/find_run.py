"""The folder of a run, from its name, its folder or its pipeline file; what is wrong where there is none."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from synthgen.core.errors import InputError, nearest
from synthgen.formats.containers.unpacking import container_of
from synthgen.pipeline.recorded import is_run
from synthgen.store.failed import ENDING
from synthgen.store.manifest import NAME as MANIFEST
from synthgen.store.manifest import read_manifest


def find_run(run: str, runs: Path) -> Path:
    """The folder of a run.

    Args:
        run: its name, its folder or its pipeline file.
        runs: the folder that holds all runs.

    Raises:
        InputError: there is no such run; says what was given instead, or which runs there are.
    """
    path = Path(run)
    if path.suffix in (".yaml", ".yml"):
        return _of_pipeline(path, run, runs)
    if path.is_file():
        what = "a data file" if container_of(path) is not None else "a file"
        raise InputError(
            f"this is {what}, where a run is wanted",
            run,
            f"`synthgen inspect {quote(run)}` shows what is in it" if what == "a data file" else _known(runs),
        )
    if path.is_dir() and run:
        return _checked(path, run, runs)
    if run and (runs / run).is_dir():
        return runs / run
    known = run_names(runs)
    near = nearest(run, known)
    raise InputError(
        f"no run {run!r}",
        str(path if len(path.parts) > 1 else runs / run),
        f"did you mean {near!r}?" if near else _known(runs),
    )


def find_rows(target: str, runs: Path) -> Path:
    """A row file, the folder of one stage's result, or a run's folder: what `inspect` looks at.

    Raises:
        InputError: there is no such thing.
    """
    path = Path(target)
    if path.suffix in (".yaml", ".yml") or not path.exists():
        if container_of(path) is not None and not path.exists():
            folder = path.parent
            names = [file.name for file in folder.iterdir() if file.is_file()] if folder.is_dir() else []
            near = nearest(path.name, names)
            raise InputError(
                "no such file", target, f"did you mean {folder / near}?" if near else _known(runs)
            )
        return find_run(target, runs)
    if path.is_file() or read_manifest(path) is not None:
        return path
    return find_run(target, runs)


def _of_pipeline(path: Path, run: str, runs: Path) -> Path:
    from synthgen.pipeline.file import load_pipeline

    name = load_pipeline(path).name
    if not (runs / name).is_dir():
        raise InputError(
            f"the pipeline {name!r} has not run yet", str(runs / name), f"synthgen run {quote(run)}"
        )
    return runs / name


def _checked(path: Path, run: str, runs: Path) -> Path:
    if is_run(path) or any(path.glob(f"*/{MANIFEST}")):
        return path
    if read_manifest(path) is not None or path.name.endswith(ENDING):
        shown = path / "rejected.jsonl" if path.name.endswith(ENDING) else path
        raise InputError(
            "this is the folder of one stage, where a run is wanted",
            run,
            _of_stage(path, shown),
        )
    inside = run_names(path)
    raise InputError(
        "this folder is no run",
        run,
        f"runs in it: {', '.join(str(path / name) for name in inside[:5])}" if inside else _known(runs),
    )


def _of_stage(path: Path, shown: Path) -> str:
    """Where to look instead of in a stage's folder: in its run, if it is part of one."""
    if is_run(path.parent):
        return f"its run is {path.parent}; `synthgen inspect {quote(str(shown))}` shows the stage's rows"
    return (
        f"it is part of no run: `synthgen inspect {quote(str(shown))}` shows its rows, and each line of "
        f"{path / 'rejected.jsonl'} says why that row went"
    )


def run_names(runs: Path) -> list[str]:
    """The names of the runs in a folder."""
    return sorted(
        folder.name for folder in runs.glob("*") if not folder.name.startswith(".") and is_run(folder)
    )


def _known(runs: Path) -> str:
    return f"runs in {runs}: {', '.join(run_names(runs)) or 'none'}"
