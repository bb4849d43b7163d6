"""Whether what is compared of the inside of two models is there, known without weights.

Imports torch where it is used.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from synthgen.core.errors import ConfigError, Fault
from synthgen.training.architecture import read_config, without_weights
from synthgen.training.hidden_options import FeatureOptions, RelationOptions
from synthgen.training.layer_map import layer_faults, mapped_layers
from synthgen.training.local_teacher import LocalTeacher, local_teacher
from synthgen.training.student_options import StudentOptions
from synthgen.training.teacher_check import known_config
from synthgen.training.teacher_options import LocalTeacherOptions

if TYPE_CHECKING:
    from transformers import PretrainedConfig

Compare = Callable[[Any, Any, str], object]
"""Looks at a student's model and a teacher's, with the teacher's name; raises ConfigError for what lacks."""


def feature_layers(student: Any, teacher: Any, name: str, options: FeatureOptions) -> dict[int, int]:
    """Layers of the student -> of the teacher.

    Args:
        student: its model, with weights or without.
        teacher: its model, with weights or without.
        name: the teacher's.
        options: which are compared.

    Raises:
        ConfigError: a layer is not there.
    """
    from synthgen.training.model_parts import blocks_of

    depths = len(blocks_of(student, "the student")), len(blocks_of(teacher, name))
    if faults := _named_faults(options, *depths):
        raise ConfigError.of(faults)
    return mapped_layers(options.layers, *depths)


def relation_layers(
    student: Any, teacher: Any, name: str, options: RelationOptions
) -> tuple[tuple[int, int], int]:
    """The student's layer and the teacher's, and relation heads (0 where it is not attention).

    Args:
        student: its model, with weights or without.
        teacher: its model, with weights or without.
        name: the teacher's.
        options: what is compared.

    Raises:
        ConfigError: a layer is not there, a block has no queries, keys and values, or heads do not divide
            them.
    """
    from synthgen.training.model_parts import PARTS, attention_of, blocks_of

    depths = len(blocks_of(student, "the student")), len(blocks_of(teacher, name))
    if faults := _named_faults(options, *depths):
        raise ConfigError.of(faults)
    ((ours, theirs),) = mapped_layers(options.layer, *depths).items()
    if options.of != "attention":
        return (ours, theirs), 0
    sides = {
        "the student": attention_of(student, ours, "the student").widths,
        name: attention_of(teacher, theirs, name).widths,
    }
    divisor = math.gcd(*(side[part] for side in sides.values() for part in PARTS))
    possible = [heads for heads in range(1, divisor + 1) if divisor % heads == 0]
    if options.heads is not None and options.heads not in possible:
        shown = "; ".join(f"{whose} {_sizes(widths)}" for whose, widths in sides.items())
        raise ConfigError(
            f"relation: {{heads: {options.heads}}} does not divide queries, keys and values of both: {shown}",
            name,
            f"heads: one of {', '.join(map(str, possible))}",
        )
    most = int(teacher.config.get_text_config().num_attention_heads)
    return (ours, theirs), options.heads or max(heads for heads in possible if heads <= most)


def _named_faults(
    options: FeatureOptions | RelationOptions, student: int | None, teacher: int | None
) -> list[Fault]:
    """Layers that options name and models of so many blocks have not."""
    if isinstance(options, FeatureOptions):
        option, named, first = "feature: {layers: …}", options.layers, 0
    else:
        option, named, first = "relation: {layer: …}", options.layer, int(options.of == "attention")
    return [] if isinstance(named, str) else layer_faults(option, named, student, teacher, first=first)


def _sizes(widths: Mapping[str, int]) -> str:
    return ", ".join(str(width) for width in widths.values())


def foreseen_inside_faults(
    teacher: LocalTeacherOptions,
    student: StudentOptions,
    options: FeatureOptions | RelationOptions,
    compare: Compare,
) -> list[Fault]:
    """What a comparison of two models lacks, as far as their configs are known; the hub is not asked.

    Args:
        teacher: which model teaches.
        student: which model learns.
        options: what is compared.
        compare: looks at both.

    Returns:
        The faults; none where a model is not here yet, and none without transformers.
    """
    if importlib.util.find_spec("transformers") is None:
        return []
    from synthgen.training.model_parts import depth_of

    ours, theirs = _student_config(student), _teacher_config(teacher)
    depths = [depth_of(config) if config is not None else None for config in (ours, theirs)]
    if faults := _named_faults(options, *depths):
        return faults
    if ours is None or theirs is None:
        return []
    models = without_weights(ours), without_weights(theirs)
    if None in models:
        return []
    try:
        compare(*models, str(teacher.model))
    except ConfigError as fault:
        return list(fault.faults)
    return []


def _student_config(student: StudentOptions) -> PretrainedConfig | None:
    """None where it is not here yet; other checks tell what is wrong with it."""
    from synthgen.training.loading_check import source_of
    from synthgen.training.student import scratch_config

    if student.init is not None:
        return scratch_config(student.init, student.init.vocab_size)
    try:
        return read_config(source_of(student, local_only=True)) if student.model is not None else None
    except (OSError, ValueError, ImportError):
        return None


def _teacher_config(teacher: LocalTeacherOptions) -> PretrainedConfig | None:
    """None where it is not here yet; other checks tell what is wrong with it."""
    if teacher.model is None:
        return None
    try:
        source = local_teacher(teacher, None, local_only=True).source
        return read_config(source) if source is not None else None
    except (OSError, ValueError, ImportError):
        return None


def compare_before_loading(student: Any, teacher: LocalTeacher, compare: Compare) -> Any:
    """What a comparison finds in a student and in a teacher of which only the config is read.

    None where the teacher's family cannot be made without weights; its model is looked at when it is loaded.
    """
    theirs = without_weights(known_config(teacher))
    return None if theirs is None else compare(student, theirs, teacher.name)
