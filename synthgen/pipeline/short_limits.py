"""Whether students will be asked with room for the completions that they are trained on, known beforehand.

Looked at where the training rows are already there (published in the run, or loaded from files without a
stage between that makes other rows), and the student's tokenizer is in a folder or in the hub's cache.
Otherwise the training itself says it, as soon as its rows are prepared.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from synthgen.core.config_tree import configs_in
from synthgen.core.errors import Fault, SynthgenError
from synthgen.core.rows import Row
from synthgen.formats.reading import placed_rows
from synthgen.formats.sources import Source
from synthgen.pipeline.spec import Pipeline, StageSpec, ancestors, reply_room
from synthgen.store.jsonl import read_rows
from synthgen.training.preflight import encoded_row
from synthgen.training.reply_room import CompletionLengths

LONGEST = 1 << 20  # tokens; nothing is cut
MAX_ROWS = 2000
"""Training rows that are looked at, from the first."""


def short_limits(pipeline: Pipeline, stages: Iterable[StageSpec], run_dir: Path) -> Iterator[Fault]:
    """A warning for each student whose completions are longer than its replies may be.

    Args:
        pipeline: the pipeline.
        stages: those of its stages that matter.
        run_dir: the run's folder, which need not exist.
    """
    for spec in stages:
        limit = reply_room(pipeline, spec) if spec.stage.teaches is not None else None
        if limit is not None and (what := _warning(pipeline, spec, limit, run_dir)):
            yield Fault(f"{spec.written_id}: {what}", str(pipeline.path))


def _warning(pipeline: Pipeline, spec: StageSpec, limit: int, run_dir: Path) -> str:
    config: Any = spec.config
    if config.student.model is None or importlib.util.find_spec("transformers") is None:
        return ""
    from synthgen.training.chat_tokenizer import end_ids_of, open_tokenizer
    from synthgen.training.student import quiet_libraries

    assert spec.stage.teaches is not None
    try:
        rows = list(islice(_rows(pipeline, spec, run_dir), MAX_ROWS + 1))
        if not rows:
            return ""
        with quiet_libraries():
            tokenizer, _ = open_tokenizer(config.student, local_only=True)
            ends, objective = end_ids_of(config.student, tokenizer), spec.stage.teaches(config, "output")
            found = CompletionLengths()
            for row in rows[:MAX_ROWS]:
                if not objective.missing_fields(row):
                    found.add(encoded_row(objective, row, tokenizer, ends, LONGEST)[0])
    except (SynthgenError, OSError, ValueError):
        return ""  # told by the checks that are made for it, or by the stage
    return found.warning(limit, first=len(rows) > MAX_ROWS)


def _rows(pipeline: Pipeline, spec: StageSpec, run_dir: Path) -> Iterator[Row]:
    """The training rows as far as they are known; none where a stage has still to make them."""
    for reference in spec.reads["rows"]:
        stage_id, _, part = reference.partition(".")
        published = run_dir / stage_id / f"{part or 'rows'}.jsonl"
        if published.is_file():
            yield from read_rows(published)
            continue
        if reference.startswith("run:"):
            return
        behind = [pipeline.stage(one) for one in sorted(ancestors(pipeline, [reference]))]
        if any(one.stage.asks(one.config) for one in behind):
            return
        for one in behind:
            for source in configs_in(one.config):
                if isinstance(source, Source) and source.path is not None:
                    yield from (row for _, row in placed_rows(source))
