"""The stages of one kind of a pipeline: which they are, and running them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen.cli import options as o

if TYPE_CHECKING:
    from synthgen.pipeline.spec import Pipeline


def run_kind(
    kind: str,
    path: Path,
    stage: str | None,
    set: list[str] | None,
    values: list[Path] | None,
    env_file: Path | None,
    as_json: bool,
    shard: str | None,
    rehearse: bool = False,
    require: str | None = None,
    **given: Any,
) -> None:
    """Runs (or rehearses) the stages of one kind, or the one with an id; their verdicts may be required."""
    from synthgen.cli.run import execute, show_rehearsal
    from synthgen.reports.verdict import require_of_stages, word_of

    word = None if require is None else word_of(require)
    checked = o.load(path, set, values, env_file, kind)
    chosen = o.run_options(only=list(ids_of_kind(checked, kind, stage)), **given)
    if rehearse:
        show_rehearsal(checked, chosen, as_json, path, set=set, values=values, env_file=env_file, **given)
        return
    execute(
        *o.sharded(checked, chosen, shard), as_json, path, set=set, values=values, env_file=env_file, **given
    )
    if word is not None:
        require_of_stages(chosen.folder(checked), word, chosen.only)


def ids_of_kind(checked: Pipeline, kind: str, stage: str | None) -> tuple[str, ...]:
    """The ids of a pipeline's stages of one kind, or the one that is named.

    Raises:
        ConfigError: the pipeline has none of this kind, or the named stage is of another.
    """
    from synthgen.core.errors import ConfigError

    ids = tuple(spec.id for spec in checked.stages if spec.kind == kind)
    if stage is not None:
        if checked.stage(stage).kind != kind:
            raise ConfigError(
                f"{stage!r} is a {checked.stage(stage).kind} stage",
                str(checked.path),
                f"its {kind} stages: {', '.join(ids) or 'none'}",
            )
        return (stage,)
    if not ids:
        raise ConfigError(
            f"this pipeline has no {kind} stage",
            str(checked.path),
            f"its stages: {', '.join(spec.id for spec in checked.stages)}",
        )
    return ids
