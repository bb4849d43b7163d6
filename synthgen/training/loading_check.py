"""What keeps a student from being loaded and trained, known from its config and packages: no weights."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from synthgen.core.errors import Fault, first_line
from synthgen.training.architecture import (
    Source,
    is_encoder_decoder,
    is_image_text,
    keeps_a_state,
    model_class,
    read_config,
    reads_both_ways,
    without_weights,
)
from synthgen.training.options import TrainingOptions
from synthgen.training.student_options import StudentOptions
from synthgen.training.templates import TemplateRefused, rendered, text_ids

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

FLASH = {
    "flash_attention_2": "flash_attn",
    "flash_attention_3": "flash_attn_interface",
    "flash_attention_4": "flash_attn",
}
NO_SUCH = "student: {model: …} takes a causal language model"


def source_of(options: StudentOptions, local_only: bool = False) -> Source:
    """Where a student that exists is read from."""
    return Source(str(options.model), options.revision, options.trust_remote_code, local_only)


def package_faults(student: StudentOptions, options: TrainingOptions) -> list[Fault]:
    """Packages that options of a training need, and that are not installed."""
    wanted: dict[str, str] = {}
    if student.quantization is not None:
        wanted["bitsandbytes"] = f"student: {{quantization: {student.quantization}}}"
    if (attention := student.attn_implementation) in FLASH:
        wanted[FLASH[attention]] = f"student: {{attn_implementation: {attention}}}"
    elif attention is not None and "/" in attention:
        wanted["kernels"] = f"student: {{attn_implementation: {attention}}}"
    if options.trainer.get("use_liger_kernel"):
        wanted["liger_kernel"] = "trainer: {use_liger_kernel: true}"
    if options.trainer.get("deepspeed"):
        wanted["deepspeed"] = "trainer: {deepspeed: …}"
    if "bnb" in str(options.trainer.get("optim", "")) or "8bit" in str(options.trainer.get("optim", "")):
        wanted["bitsandbytes"] = f"trainer: {{optim: {options.trainer['optim']}}}"
    for tracker in options.report_to:
        wanted[tracker] = f"report_to: {tracker}"
    if options.method == "lora":
        wanted["peft"] = "method: lora"
    if importlib.util.find_spec("torch") is None:
        return []  # the whole of training is missing, which is said elsewhere
    return [
        Fault(
            f"{package} is not installed",
            where,
            f"pip install {package.replace('_', '-')}, or leave that option out",
        )
        for package, where in wanted.items()
        if importlib.util.find_spec(package) is None
    ]


def loading_faults(student: StudentOptions, options: TrainingOptions) -> list[Fault]:
    """What keeps a student that exists from being trained; the hub is not asked, and no weights are loaded.

    Args:
        student: which model.
        options: how it is trained.

    Returns:
        The faults; none where the config is neither in a folder nor in the hub's cache, and none without
        transformers.
    """
    if student.model is None or importlib.util.find_spec("transformers") is None:
        return []
    name, source = str(student.model), source_of(student, local_only=True)
    try:
        config = read_config(source)
    except (OSError, ValueError, ImportError) as fault:
        first = first_line(fault)
        what = f"the student's config cannot be read: {first}"
        if "trust_remote_code" in str(fault):
            return [_remote(name)]
        return [Fault(what, name, NO_SUCH)] if Path(name).is_dir() else []
    faults = config_faults(config, name)
    if faults:
        return faults
    if model_class(config) is None and not (getattr(config, "auto_map", None) and student.trust_remote_code):
        faults.append(_remote(name) if getattr(config, "auto_map", None) else _no_class(config, name))
        return faults
    return [
        *method_faults(config, options),
        *_target_faults(config, options, name),
        *_generation_faults(source),
    ]


def positions_of(student: StudentOptions) -> int | None:
    """How many tokens a student reads, None where its config is not here or does not tell."""
    if student.init is not None:
        return student.init.positions
    if student.model is None or importlib.util.find_spec("transformers") is None:
        return None
    try:
        config = read_config(source_of(student, local_only=True))
    except (OSError, ValueError, ImportError):
        return None  # told by `loading_faults`
    return positions_in(config)


def positions_in(config: PretrainedConfig) -> int | None:
    """How many tokens a model reads, None where its config does not limit them."""
    return getattr(config.get_text_config(), "max_position_embeddings", None) or None


def config_faults(config: PretrainedConfig, name: str) -> list[Fault]:
    """What is wrong with the kind of model."""
    if is_encoder_decoder(config):
        return [
            Fault(
                f"the student is an encoder-decoder model ({config.model_type})",
                name,
                f"{NO_SUCH}, whose question and answer are one text",
            )
        ]
    if reads_both_ways(config):
        return [
            Fault(
                f"the student is a masked language model ({config.model_type}): tokens see those behind them",
                name,
                NO_SUCH,
            )
        ]
    return []


def _no_class(config: PretrainedConfig, name: str) -> Fault:
    return Fault(f"the student's kind of model ({config.model_type}) writes no text", name, NO_SUCH)


def _remote(name: str) -> Fault:
    return Fault(
        "the student comes with Python code of its own, which is not run",
        name,
        "read that code; if you trust it, say student: {trust_remote_code: true}",
    )


def vocabulary_faults(
    config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase, options: StudentOptions
) -> list[Fault]:
    """Tokens of a chat for which the model has no row; a tokenizer may have others that no text holds."""
    rows = int(getattr(config.get_text_config(), "vocab_size", 0) or 0)
    if not rows or len(tokenizer) <= rows or options.add_tokens:
        return []
    turns = [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "Two."}]
    used = {tokenizer.eos_token_id, tokenizer.pad_token_id}
    try:
        used |= set(text_ids(tokenizer, rendered(tokenizer, turns, asked=False)))
    except TemplateRefused:  # told by its own check
        pass
    return room_faults(tokenizer, {number for number in used if number is not None}, rows, str(options.model))


def room_faults(tokenizer: PreTrainedTokenizerBase, used: Iterable[int], rows: int, name: str) -> list[Fault]:
    """The fault of tokens beyond an embedding's rows."""
    beyond = [str(tokenizer.convert_ids_to_tokens(number)) for number in sorted(used) if number >= rows]
    if not beyond:
        return []
    named = ", ".join(repr(token) for token in beyond[:3])
    return [
        Fault(
            f"the student's tokenizer has {len(tokenizer):,} tokens, but its embedding {rows:,} rows: none "
            f"for {named}",
            name,
            f"student: {{add_tokens: [{named}]}} makes room for all of them",
        )
    ]


def method_faults(config: PretrainedConfig, options: TrainingOptions) -> list[Fault]:
    """Options that do not fit this kind of model."""
    faults = []
    if options.packing and keeps_a_state(config):
        faults.append(
            Fault(
                f"packing: layers of a {config.model_type} model carry a state from row to row",
                "packing: true",
                "leave packing out",
            )
        )
    if options.packing and is_image_text(config):
        faults.append(Fault("packing: not for image-text models", "packing: true", "leave packing out"))
    return faults


def _target_faults(config: PretrainedConfig, options: TrainingOptions, name: str) -> list[Fault]:
    """Targets of adapters that the model does not have, found on a model without weights."""
    if options.method != "lora" or importlib.util.find_spec("peft") is None:
        return []
    from synthgen.core.errors import ConfigError
    from synthgen.training.adapters import lora_config

    model = without_weights(config)
    if model is None:
        return []  # it is tried when it is loaded
    try:
        lora_config(model, options.lora)
    except ConfigError as fault:
        return [Fault(one.what, one.where or name, one.next) for one in fault.faults]
    return []


def _generation_faults(source: Source) -> list[Fault]:
    """Generation settings that cannot be read at all; those that contradict each other are mended."""
    from transformers import GenerationConfig

    file = Path(source.name) / "generation_config.json"
    if not file.is_file():
        return []
    try:
        GenerationConfig.from_pretrained(source.name, local_files_only=True)
    except Exception as fault:  # its reader raises what it meets
        first = first_line(fault)
        return [
            Fault(
                f"the student's generation_config.json is invalid: {first}",
                str(file),
                "mend it, or delete it",
            )
        ]
    return []
