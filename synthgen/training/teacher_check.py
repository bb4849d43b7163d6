"""Whether teacher and student read the same tokens, as all knowledge but text needs; no weights are read."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from synthgen.core.errors import ConfigError, Fault, SynthgenError
from synthgen.training.architecture import (
    is_encoder_decoder,
    model_class,
    read_config,
    reads_both_ways,
    without_weights,
)
from synthgen.training.folder_names import mistaken_name, unfit_folder
from synthgen.training.footprint import BITS, size
from synthgen.training.local_teacher import LocalTeacher, local_teacher
from synthgen.training.student_options import StudentOptions
from synthgen.training.teacher_options import LocalTeacherOptions
from synthgen.training.templates import TemplateRefused, rendered

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

SAME_TOKENIZER = (
    "a teacher of the student's family, or sft on the texts that this teacher writes: texts need no common "
    "tokens"
)
PROBES = (
    "What is 12,345 + 6.78?  Zwölf Äpfel, 三つの林檎.",
    "def add(a, b):\n    return a + b\n\n\tIt's   done.",
)
"""Texts on which tokenizers differ that differ at all: digits, spaces, other scripts."""


def foreseen_teacher_faults(teacher: LocalTeacherOptions, student: StudentOptions) -> list[Fault]:
    """What keeps a teacher that exists from teaching a student that exists; the hub is not asked.

    Args:
        teacher: which model teaches.
        student: which model learns.

    Returns:
        The faults; none where one of the two is not here yet, and none without transformers.
    """
    if teacher.model is not None:
        unfit = mistaken_name(teacher.model, "teacher") or unfit_folder(teacher.model, "teacher")
        if unfit is not None:
            return [unfit]
    if teacher.model is None or student.model is None or importlib.util.find_spec("transformers") is None:
        return []
    from synthgen.training.chat_tokenizer import open_tokenizer
    from synthgen.training.loading_check import source_of

    named = local_teacher(teacher, None, local_only=True)
    try:
        tokenizer, _ = open_tokenizer(student, local_only=True)
        config = read_config(source_of(student, local_only=True))
    except (SynthgenError, OSError, ValueError):
        return []  # told by the student's own checks, or not here yet
    try:
        teacher_notes(named, tokenizer, int(config.get_text_config().vocab_size), PROBES)
    except SynthgenError as fault:
        found = list(fault.faults)
        here = Path(str(teacher.model)).is_dir()
        return found if here or not found[0].what.startswith("cannot load") else []
    return []


def teacher_notes(
    teacher: LocalTeacher,
    student: PreTrainedTokenizerBase,
    head_rows: int | None,
    texts: Iterable[str],
    frozen: bool = True,
) -> tuple[str, ...]:
    """Holds a teacher's tokens to the student's; gives what a person should know.

    Args:
        teacher: which one.
        student: the student's tokenizer.
        head_rows: logits of the student; None where logits are not compared.
        texts: some of those that are learned.
        frozen: whether its weights alone take memory; of one that is trained, more is told elsewhere.

    Raises:
        ConfigError: it cannot be loaded, or its tokens are others.
    """
    assert teacher.source is not None
    from transformers import AutoTokenizer

    from synthgen.training.student import loading

    config = causal_config(teacher)  # first: its errors are of fewer kinds
    with loading(teacher.name, "teacher's tokenizer from"):
        theirs = AutoTokenizer.from_pretrained(teacher.source.name, **teacher.source.arguments())
    if faults := tokenizer_faults(student, theirs, texts, teacher.name):
        raise ConfigError.of(faults)
    rows = int(config.get_text_config().vocab_size)
    _, cut = shared_vocabulary(head_rows or rows, rows, len(student), teacher.name)
    memory = _memory_note(teacher, config) if frozen else ""
    notes = (memory, cut, template_note(student, theirs, teacher.name))
    return tuple(note for note in notes if note)


def foreseen_kind_faults(teacher: LocalTeacherOptions) -> list[Fault]:
    """What keeps a model that exists from being compared with, whoever its student is; asks no hub."""
    if teacher.model is None:
        return []
    unfit = mistaken_name(teacher.model, "teacher") or unfit_folder(teacher.model, "teacher")
    if unfit is not None or importlib.util.find_spec("transformers") is None:
        return [unfit] if unfit is not None else []
    try:
        causal_config(local_teacher(teacher, None, local_only=True))
    except SynthgenError as fault:
        here = Path(teacher.model).is_dir()
        return [one for one in fault.faults if here or not one.what.startswith("cannot load")]
    return []


def causal_config(teacher: LocalTeacher) -> PretrainedConfig:
    """The config of a teacher that is loaded, and is a causal language model.

    Raises:
        ConfigError: it cannot be read; or it has an encoder, reads both ways, or writes no text.
    """
    config = known_config(teacher)
    unknown = model_class(config) is None and not getattr(config, "auto_map", None)
    if is_encoder_decoder(config) or reads_both_ways(config) or unknown:
        raise ConfigError(
            f"the teacher is no causal language model ({config.model_type})",
            teacher.name,
            "a causal language model; or sft on the texts that this teacher writes",
        )
    return config


def known_config(teacher: LocalTeacher) -> PretrainedConfig:
    """The config of a teacher that is loaded.

    Raises:
        ConfigError: it cannot be read.
    """
    from synthgen.training.student import loading

    assert teacher.source is not None
    with loading(teacher.name, "teacher"):
        return read_config(teacher.source)


def _memory_note(teacher: LocalTeacher, config: PretrainedConfig) -> str:
    """How much memory a teacher takes beside its student; "" where it cannot be made without weights."""
    model = without_weights(config)
    if model is None:
        return ""
    parameters = sum(weight.numel() for weight in model.parameters())
    bits = BITS[teacher.quantization] if teacher.quantization else 8 * teacher.number_format().itemsize
    return f"{teacher.name} has {parameters:,} parameters, which take {size(parameters * bits / 8)} more"


def copy_note(model: PreTrainedModel, name: str) -> str:
    """How much memory a student takes that is its own teacher, beside the one that is trained."""
    weights = list(model.parameters())
    taken = size(sum(weight.numel() * weight.element_size() for weight in weights))
    return f"its teacher is {name}: a copy, which takes {taken} more"


def tokenizer_faults(
    student: PreTrainedTokenizerBase, teacher: PreTrainedTokenizerBase, texts: Iterable[str], name: str
) -> list[Fault]:
    """The first difference between what two tokenizers make of texts; none where there is none.

    A teacher may have tokens that the student has not; the student's all have to mean the same to it.

    Args:
        student: the student's.
        teacher: the teacher's.
        texts: some of those that are learned, as the student reads them.
        name: the teacher's.
    """
    theirs = teacher.get_vocab()
    if not set(theirs) - set(teacher.all_special_tokens):  # transformers makes one of nothing
        return [Fault("the teacher comes without a tokenizer", name, "save the tokenizer beside the model")]
    for token, number in sorted(student.get_vocab().items(), key=lambda item: item[1]):
        if theirs.get(token) != number:
            other = f"{theirs[token]:,}" if token in theirs else "none"
            return [_differ(f"token {token!r} is {number:,} to the student and {other} to the teacher", name)]
    for text in texts:
        ours, read = (
            tokenizer(text, add_special_tokens=False)["input_ids"] for tokenizer in (student, teacher)
        )
        if ours != read:
            at = next(
                (at for at, (one, two) in enumerate(zip(ours, read, strict=False)) if one != two),
                min(len(ours), len(read)),
            )
            before = student.decode(ours[max(0, at - 5) : at + 3])
            return [
                _differ(f"they cut {before!r} into tokens in two ways, though these have the same ids", name)
            ]
    return []


def _differ(how: str, name: str) -> Fault:
    return Fault(f"teacher and student have different tokenizers: {how}", name, SAME_TOKENIZER)


def shared_vocabulary(student: int, teacher: int, tokens: int, name: str) -> tuple[int, str]:
    """How many logits are compared, and what a person should know of it.

    Args:
        student: rows of the student's head.
        teacher: rows of the teacher's head.
        tokens: the student's tokens.
        name: the teacher's.

    Raises:
        ConfigError: the teacher has no logit for a token of the student.
    """
    if teacher < tokens:
        raise ConfigError(
            f"the student has {tokens:,} tokens, but the teacher logits for {teacher:,}", name, SAME_TOKENIZER
        )
    shared = min(student, teacher)
    if student == teacher:
        return shared, ""
    return shared, (
        f"the student has {student:,} logits and the teacher {teacher:,}, for {tokens:,} tokens: the first "
        f"{shared:,} are compared"
    )


def template_note(student: PreTrainedTokenizerBase, teacher: PreTrainedTokenizerBase, name: str) -> str:
    """What a person should know where the teacher's own chat template writes another text; "" where not.

    The teacher reads the student's text, and knows best what it was trained on.
    """
    turns = [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "Two."}]
    if not teacher.chat_template:
        return ""
    try:
        ours, theirs = (rendered(tokenizer, turns, asked=False) for tokenizer in (student, teacher))
    except TemplateRefused:
        return ""
    if ours == theirs:
        return ""
    at = next(
        (at for at, (one, two) in enumerate(zip(ours, theirs, strict=False)) if one != two),
        min(len(ours), len(theirs)),
    )
    return (
        f"{name} reads the student's chat template, which is not its own: {ours[at : at + 30]!r} where its "
        f"own has {theirs[at : at + 30]!r}"
    )
