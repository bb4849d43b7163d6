"""Memory that a teacher takes beside its student while that is trained, known from their configs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen.core.errors import SynthgenError
from synthgen.operations.estimate.origins import config_of, origin_of
from synthgen.pipeline.spec import Pipeline
from synthgen.training.architecture import without_weights
from synthgen.training.footprint import BITS, size
from synthgen.training.layer_map import mapped_layers
from synthgen.training.local_teacher import local_teacher
from synthgen.training.peer import BYTES
from synthgen.training.student import scratch_config
from synthgen.training.student_options import StudentOptions
from synthgen.training.teacher_options import LocalTeacherOptions

if TYPE_CHECKING:
    from transformers import PretrainedConfig


def teacher_memory(
    pipeline: Pipeline, run_dir: Path, options: Any, student: PretrainedConfig, weights: int
) -> tuple[int, str] | None:
    """What a stage's teacher takes in bytes, and a line that says so.

    Args:
        pipeline: the pipeline.
        run_dir: its run's folder, where the teacher may be already.
        options: of the stage.
        student: the student's config.
        weights: bytes of the student's weights, as it is trained.

    Returns:
        None where no teacher is loaded, or its config is neither here nor in the hub's cache.
    """
    teacher = getattr(options, "teacher", None)
    if not isinstance(teacher, LocalTeacherOptions) or teacher.logprobs is not None:
        return None
    if teacher.self is not None:
        return weights, f"its teacher is a copy of it, which takes {size(weights)} more"
    named = {
        "model": teacher.model,
        "from": teacher.stage,
        "init": teacher.init,
        "revision": teacher.revision,
    }
    chosen = {name: value for name, value in named.items() if value is not None}
    try:
        origin = origin_of(pipeline, run_dir, StudentOptions.model_validate(chosen))
        config, _ = config_of(pipeline, run_dir, origin)
        if teacher.init is not None:  # it has its student's tokens
            config = scratch_config(teacher.init, int(student.get_text_config().vocab_size))
    except (SynthgenError, OSError, ValueError, ImportError):
        return None
    model = without_weights(config)
    if model is None:
        return None
    parameters = sum(weight.numel() for weight in model.parameters())
    if teacher.online:
        taken, how = BYTES * parameters, "which are trained too and take"
    else:
        form = local_teacher(teacher, str(origin.model)).number_format()
        bits = BITS[teacher.quantization] if teacher.quantization else 8 * form.itemsize
        taken, how = round(parameters * bits / 8), "which take"
    line = f"its teacher has {parameters:,} parameters, {how} {size(taken)} more"
    if projected := _projections(options, student, config):
        taken += BYTES * projected
        line += f"; projections of {projected:,} weights take {size(BYTES * projected)}"
    return taken, line


def _projections(options: Any, student: PretrainedConfig, teacher: PretrainedConfig) -> int:
    """Weights between mapped layers that are trained with a student that learns features."""
    if options.knowledge != "feature":
        return 0
    from synthgen.training.model_parts import depth_of, width_of

    mapped = mapped_layers(options.feature.layers, depth_of(student), depth_of(teacher))
    return len(mapped) * (width_of(student) + 1) * width_of(teacher)
