"""The configs of models that a pipeline will load; nothing else of them is read, and the hub is not asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen.pipeline.graph import Graph
from synthgen.pipeline.spec import Pipeline, stage_id_of
from synthgen.store.manifest import read_manifest
from synthgen.training.student_options import InitOptions, StudentOptions

if TYPE_CHECKING:
    from transformers import PretrainedConfig


def origin_of(pipeline: Pipeline, run_dir: Path, student: StudentOptions) -> StudentOptions:
    """The student's options with the model that it starts from, or the sizes of one from scratch."""
    origin: StudentOptions
    found = student
    while found.start is not None:
        stage_id = stage_id_of(found.start)
        if not stage_id or read_manifest(run_dir / stage_id) is not None:
            start = Graph(pipeline, run_dir).find(found.start)
            assert start is not None
            origin = student.model_copy(update={"from": None, "model": str(start.file)})
            return origin
        earlier: Any = pipeline.stage(stage_id).config
        found = earlier.student
    start_of = {"from": None, "model": found.model, "init": found.init, "revision": found.revision}
    origin = student.model_copy(update=start_of)
    return origin


def config_of(pipeline: Pipeline, run_dir: Path, student: StudentOptions) -> tuple[PretrainedConfig, Any]:
    """The config of a model, and the dtype that it is saved in; the hub is not asked."""
    from synthgen.training.architecture import read_config, stored_dtype
    from synthgen.training.loading_check import source_of
    from synthgen.training.student import scratch_config

    if student.init is not None:
        return scratch_config(student.init, _tokens(pipeline, run_dir, student.init)), None
    config = read_config(source_of(student, local_only=True))
    return config, stored_dtype(config, str(student.model))


def _tokens(pipeline: Pipeline, run_dir: Path, init: InitOptions) -> int:
    """How many tokens a student from scratch has: its own, or those of the model whose tokenizer it takes."""
    if init.tokenizer_of is None:
        return init.vocab_size
    taken = StudentOptions.model_validate({"from": init.tokenizer_of})
    config, _ = config_of(pipeline, run_dir, origin_of(pipeline, run_dir, taken))
    return int(config.get_text_config().vocab_size)
