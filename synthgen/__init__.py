"""synthgen: from seed questions to a measured student, with nothing paid twice and nothing lost.

The same as the command line, from Python or a notebook, here in a folder that `synthgen init` has laid out:

    import synthgen

    result = synthgen.run("pipelines/quickstart.yaml", until="filter", set={"questions.num_rows": 2000})
    for row in result.rows("filter"):
        print(row["instruction"], row["final_answer"])
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen.version import __version__

if TYPE_CHECKING:
    from synthgen.operations.curated import Curated
    from synthgen.operations.rehearse.figures import Rehearsed
    from synthgen.pipeline.result import RunResult
    from synthgen.store.manifest import Manifest

__all__ = [
    "__version__",
    "decontaminate",
    "dedup",
    "evaluate",
    "export",
    "filter",
    "load",
    "map",
    "preview",
    "rehearse",
    "run",
]


def run(
    pipeline: str | Path,
    *,
    set: Mapping[str, Any] | None = None,
    values: Sequence[str | Path] = (),
    **options: Any,
) -> RunResult:
    """Runs a pipeline file; stages for which nothing changed are skipped.

    Args:
        pipeline: the pipeline file.
        set: values by `STAGE_ID.option`, as plain Python values.
        values: YAML files of values.
        **options: fields of `synthgen.pipeline.options.RunOptions`: runs, run_dir, ledger, only, start,
            until, force, limit, accept_partial, retry_failed, verify, grace, workers, account.

    Returns:
        The run: its stages' rows by `rows(stage)`, and its folder.

    Raises:
        SynthgenError: its `exit_code` is that of the command.
    """
    from synthgen.pipeline.file import load_pipeline
    from synthgen.pipeline.options import RunOptions
    from synthgen.pipeline.run import run_pipeline

    return run_pipeline(
        load_pipeline(Path(pipeline), [Path(file) for file in values], set or {}),
        RunOptions(**_paths(options)),
    )


def rehearse(
    pipeline: str | Path, *, set: Mapping[str, Any] | None = None, **options: Any
) -> list[Rehearsed]:
    """Trains each student for two steps on made-up rows, saves and loads it, and asks it two questions.

    No teacher is asked, and nothing is left in the run's folder.

    Args:
        pipeline: the pipeline file.
        set: values by `STAGE_ID.option`, as plain Python values.
        **options: as `run` takes them: only, start and until choose students, and runs or run_dir name the
            disk that is written to.

    Returns:
        What each student took, and in `fault` what broke, or None.

    Raises:
        SynthgenError: the pipeline file is wrong, or trains no student.
    """
    from synthgen.operations.rehearse.rehearse import rehearse as rehearsed
    from synthgen.pipeline.file import load_pipeline
    from synthgen.pipeline.options import RunOptions

    return rehearsed(load_pipeline(Path(pipeline), (), set or {}), RunOptions(**_paths(options)))


def preview(
    pipeline: str | Path, rows: int = 5, *, set: Mapping[str, Any] | None = None, stage: str | None = None
) -> dict[str, Any]:
    """Asks about a stage's first rows, and publishes nothing.

    Args:
        pipeline: the pipeline file.
        rows: how many rows.
        set: values by `STAGE_ID.option`, as plain Python values.
        stage: the id of a stage that asks a teacher; the first one where left out.

    Returns:
        Prompts as sent, replies, parsed rows, the filters' decisions, tokens and cost.
    """
    from synthgen.operations.estimate.preview import preview_pipeline
    from synthgen.pipeline.file import load_pipeline

    return preview_pipeline(load_pipeline(Path(pipeline), (), set or {}), rows, stage)


def load(*paths: str | Path, columns: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of files (.jsonl, .csv, .parquet …), as the `load` stage reads them.

    `columns` maps our fields to the files' columns, as in {"instruction": "question"}.

    Raises:
        InputError: a file cannot be used, or a line of one is broken (with its number).
    """
    from synthgen.formats.reading import open_rows

    return open_rows([Path(path) for path in paths], dict(columns or {}))


def filter(
    *paths: Any,
    out: str | Path | None = None,
    rules: Sequence[Any] = (),
    columns: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Curated:
    """Filters files.

    Args:
        *paths: files, folders or globs; or rows in memory: lists of dicts, DataFrames, Datasets.
        out: the folder to make, with rows.jsonl, rejected.jsonl and manifest.json; where left out, the rows
            are kept as long as the result is.
        rules: rules, each a name or `{name: options}`; the default ones where left out.
        columns: our fields and the files' columns, as in {"instruction": "question"}.
        overwrite: whether a folder that is there already is replaced.

    Returns:
        The account of what was kept and rejected, and the rows: `rows()`, `rejected()`, `to_dataset()`,
        `to_pandas()`.
    """
    return _curate("filter", paths, out, rules, columns, overwrite)


def dedup(
    *paths: Any,
    out: str | Path | None = None,
    methods: Sequence[Any] = (),
    columns: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Curated:
    """Removes duplicates from files.

    Args:
        *paths: files, folders or globs; or rows in memory: lists of dicts, DataFrames, Datasets.
        out: the folder to make, with rows.jsonl, rejected.jsonl and manifest.json; where left out, the rows
            are kept as long as the result is.
        methods: methods, each a name or `{name: options}`; `exact` and `rouge_l` where left out.
        columns: our fields and the files' columns, as in {"instruction": "question"}.
        overwrite: whether a folder that is there already is replaced.

    Returns:
        The account of what was kept and rejected, and the rows: `rows()`, `rejected()`, `to_dataset()`,
        `to_pandas()`.
    """
    return _curate("dedup", paths, out, methods, columns, overwrite)


def decontaminate(
    *paths: Any,
    out: str | Path | None = None,
    against: Sequence[Any],
    columns: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Curated:
    """Removes rows that repeat an evaluation row from files.

    Args:
        *paths: files, folders or globs; or rows in memory: lists of dicts, DataFrames, Datasets.
        out: the folder to make, with rows.jsonl, rejected.jsonl and manifest.json; where left out, the rows
            are kept as long as the result is.
        against: JSONL files of evaluation rows, each a path or `{path, field}`.
        columns: our fields and the files' columns, as in {"instruction": "question"}.
        overwrite: whether a folder that is there already is replaced.

    Returns:
        The account of what was kept and rejected, and the rows: `rows()`, `rejected()`, `to_dataset()`,
        `to_pandas()`.
    """
    return _curate("decontaminate", paths, out, against, columns, overwrite)


def export(
    *places: str | Path,
    out: str | Path,
    format: str,
    stage: str = "",
    runs: str | Path = "data/runs",
    columns: Mapping[str, str] | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Manifest:
    """Writes rows of a run or of files in another tool's format, with a card.

    Args:
        *places: a run's name or folder, or files.
        out: the folder to make.
        format: alpaca, messages, sharegpt, prompt_completion, preference, kto … or jsonl, parquet.
        stage: of a run: whose rows; the last stage with rows where left out.
        runs: the folder that holds all runs.
        columns: of files: our fields and the files' columns.
        overwrite: whether a folder that is there already is replaced.
        **options: other options of the stage `export`: file, keep, title, license, language, reviews.

    Returns:
        The account of what was exported.
    """
    from synthgen.operations.export_rows import export_rows

    return export_rows(
        [Path(place) for place in places],
        Path(out),
        {"format": format, **options},
        runs=Path(runs),
        stage=stage,
        columns=[f"{field}={column}" for field, column in (columns or {}).items()],
        overwrite=overwrite,
    )


def map(
    *paths: Any,
    out: str | Path | None = None,
    fields: Mapping[str, str] | None = None,
    solution: str | None = None,
    function: str | None = None,
    drop: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Curated:
    """Makes fields of each row from its others.

    Args:
        *paths: files, folders or globs; or rows in memory: lists of dicts, DataFrames, Datasets.
        out: the folder to make, with rows.jsonl, rejected.jsonl and manifest.json; where left out, the rows
            are kept as long as the result is.
        fields: field -> its jinja2 template.
        solution: a field with worked solutions, which gives `rationale` and `final_answer`.
        function: `module:function`, which takes a row and gives the fields to set.
        drop: fields to remove.
        columns: our fields and the files' columns, as in {"instruction": "question"}.
        overwrite: whether a folder that is there already is replaced.

    Returns:
        The account, and the rows: `rows()`, `rejected()`, `to_dataset()`, `to_pandas()`.
    """
    from synthgen.operations.curated import curated
    from synthgen.operations.map_files import map_files

    pairs = [f"{field}={column}" for field, column in (columns or {}).items()]

    def run(files: list[Path], folder: Path) -> Manifest:
        return map_files(
            files,
            folder,
            solution=solution,
            fields=fields or {},
            function=function,
            drop=drop,
            columns=pairs,
            overwrite=overwrite,
        )

    return curated(paths, out, run)


def evaluate(pipeline: str | Path, *, set: Mapping[str, Any] | None = None, **options: Any) -> RunResult:
    """Runs the evaluate stages of a pipeline whose earlier stages have run.

    `set` and `options` are those of `run`, without `only`.
    """
    from synthgen.pipeline.file import load_pipeline
    from synthgen.pipeline.options import RunOptions
    from synthgen.pipeline.run import run_pipeline

    checked = load_pipeline(Path(pipeline), (), set or {})
    only = tuple(spec.id for spec in checked.stages if spec.kind == "evaluate")
    return run_pipeline(checked, RunOptions(only=only, **_paths(options)))


def _curate(
    kind: str,
    paths: Sequence[Any],
    out: str | Path | None,
    choices: Sequence[Any],
    columns: Mapping[str, str] | None,
    overwrite: bool,
) -> Curated:
    from synthgen.operations.curate_files import curate
    from synthgen.operations.curated import curated

    pairs = [f"{field}={column}" for field, column in (columns or {}).items()]

    def run(files: list[Path], folder: Path) -> Manifest:
        return curate(kind, files, folder, choices=choices, columns=pairs, overwrite=overwrite)

    return curated(paths, out, run)


def _paths(options: dict[str, Any]) -> dict[str, Any]:
    """The options as RunOptions holds them: texts as paths, lists as tuples."""
    from dataclasses import fields

    from synthgen.core.errors import UnknownName
    from synthgen.pipeline.options import RunOptions

    known = [field.name for field in fields(RunOptions)]
    for name in options:
        if name not in known:
            raise UnknownName("option", name, known)
    plain = {
        name: Path(value) if name in ("runs", "run_dir", "ledger") and value is not None else value
        for name, value in options.items()
    }
    return {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
