"""A teacher that is trained at the same time as its student, and published beside it.

Imports torch and transformers where they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthgen.training.architecture import load_model, mend_generation_config, read_config, stored_dtype
from synthgen.training.footprint import size
from synthgen.training.local_teacher import LocalTeacher
from synthgen.training.student import Student, loading, scratch_config, scratch_name
from synthgen.training.student_options import InitOptions

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ELSEWHERE = 1 << 31
"""Added to the seed: a teacher of its student's sizes would start as its student, and stay so."""
BYTES = 16
"""Of a weight that AdamW trains in single precision: the weight, its gradient and two moments."""


def peer_model(teacher: LocalTeacher, tokens: int) -> PreTrainedModel:
    """The teacher's weights as they start; the same in every process and after every resume.

    Args:
        teacher: which one.
        tokens: of the student's tokenizer.

    Raises:
        ConfigError: it cannot be loaded.
    """
    import torch

    if teacher.source is not None:
        with loading(teacher.name, "teacher"):
            return load_model(teacher.source, None, dtype=torch.float32)
    from transformers import LlamaForCausalLM

    from synthgen.training.attached import seeded

    with seeded(teacher.seed + ELSEWHERE):
        return LlamaForCausalLM(scratch_config(teacher.init or InitOptions(), tokens))


def peer_of(teacher: LocalTeacher, student: Student) -> Student:
    """The teacher as a model that can be published: it reads and stops as its student does."""
    model, tokenizer = peer_model(teacher, len(student.tokenizer)), student.tokenizer
    settings, stored, revision, name = model.generation_config, None, None, teacher.name
    if teacher.source is None:
        name = scratch_name(teacher.init or InitOptions())
        model.config.eos_token_id, model.config.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
        settings.pad_token_id = tokenizer.pad_token_id
    else:
        stored, revision = (
            stored_dtype(read_config(teacher.source), teacher.source.name),
            teacher.source.revision,
        )
    settings.eos_token_id = sorted(student.end_ids)
    mend_generation_config(model)
    return Student(model, tokenizer, name, revision, student.end_ids, source=teacher.source, stored=stored)


def peer_note(peer: Student, name: str) -> str:
    """How much memory it takes to train a teacher too."""
    taken = size(BYTES * peer.parameters)
    return f"{name} has {peer.parameters:,} parameters, which are trained too and take {taken} more"
