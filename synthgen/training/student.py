"""A student before training, loaded or made from scratch; and its untrained base, for comparison."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from logging import ERROR
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen.core.errors import ConfigError, Fault
from synthgen.training.architecture import (
    Source,
    convert,
    is_image_text,
    load_model,
    make_room,
    mend_generation_config,
    processor_files,
    read_config,
    route_quietly,
    stored_dtype,
)
from synthgen.training.chat_tokenizer import ends_of, open_tokenizer
from synthgen.training.folder_names import mistaken_name, unfit_folder
from synthgen.training.loading_check import config_faults, source_of, vocabulary_faults
from synthgen.training.student_options import InitOptions, StudentOptions
from synthgen.training.templates import fix_template

if TYPE_CHECKING:
    from transformers import LlamaConfig, PreTrainedModel, PreTrainedTokenizerBase

INSTALL = "pip install 'synthgen-pipeline[train]'"


@dataclass
class Student:
    """A model with its tokenizer; `end_ids` are the tokens at which generation stops."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    revision: str | None
    end_ids: frozenset[int]
    notes: tuple[str, ...] = ()
    source: Source | None = None
    """Where a model that exists is from."""
    stored: Any = None
    """The dtype that it is saved in, its base's; None where it keeps the one that it has."""
    new_tokens: tuple[int, ...] = ()
    """Ids of the tokens that it was given."""
    quantized: bool = False
    beside: dict[str, Student] = field(default_factory=dict)
    """What is trained with it and published beside it: folder -> model."""

    @property
    def parameters(self) -> int:
        """How many weights the model has."""
        return int(sum(weight.numel() for weight in self.model.parameters()))

    @property
    def origin(self) -> dict[str, Any]:
        """What it was and how large it is, as `card.model_card` takes it."""
        return {"base": self.name, "from_scratch": self.source is None, "parameters": self.parameters}


@dataclass(frozen=True)
class Base:
    """Where a student's untrained base is: a folder, or a hub id with its revision."""

    model: str
    revision: str | None = None


def base_model(folder: Path, config: Mapping[str, Any]) -> Base:
    """The untrained base of a published student, from its stage folder and its resolved options.

    A student from scratch left its first weights in `base/`; another names the model that it started from.
    Ask base and student with the student's tokenizer (`model/`), so that both see one chat template.
    """
    if (folder / "base").is_dir():
        return Base(str(folder / "base"))
    student = config["student"]
    return Base(str(student["model"]), student.get("revision"))


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keeps transformers, datasets and the hub client from drawing bars, logging and sending telemetry.

    Raises:
        ConfigError: the packages for training are not installed, with the line that installs them.
    """
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        import datasets
        import torch  # noqa: F401  (asked for here, where its absence is explained)
        import trl  # noqa: F401
        from transformers.utils import logging
    except ImportError as fault:
        raise ConfigError(
            f"training needs packages that are not installed ({fault.name or fault})", next=INSTALL
        ) from fault
    from huggingface_hub.utils import logging as hub_logging

    hub_verbosity = hub_logging.get_verbosity()
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    dataset_bars = datasets.are_progress_bars_disabled()
    logging.set_verbosity_error()
    hub_logging.set_verbosity(ERROR)  # a line for each time that it tries again
    logging.disable_progress_bar()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        hub_logging.set_verbosity(hub_verbosity)
        if bars:
            logging.enable_progress_bar()
        if not dataset_bars:
            datasets.enable_progress_bars()


def student_faults(options: StudentOptions, role: str = "student") -> list[Fault]:
    """What can be known to be wrong with a student without loading it; `role` names it in the faults."""
    if options.model is None:
        return []
    fault = mistaken_name(options.model, role) or unfit_folder(options.model, role)
    return [] if fault is None else [fault]


def open_student(
    options: StudentOptions, texts: Callable[[], Iterable[str]], seed: int, lora: bool
) -> Student:
    """The student before training.

    Args:
        options: which model.
        texts: gives the training data's texts, for a tokenizer from scratch.
        seed: of the first weights of a student from scratch.
        lora: whether the loaded weights stay frozen; a GPU then holds them in bfloat16.

    Returns:
        The student.

    Raises:
        ConfigError: the model cannot be loaded, or has no end token.
    """
    return _existing(options, lora) if options.init is None else _from_scratch(options, texts(), seed)


def _from_scratch(student: StudentOptions, texts: Iterable[str], seed: int) -> Student:
    import torch
    from transformers import LlamaForCausalLM

    options = student.init or InitOptions()
    tokenizer, notes = scratch_tokenizer(student, options, texts)
    torch.manual_seed(seed)
    config = scratch_config(options, len(tokenizer))
    config.eos_token_id, config.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
    model = LlamaForCausalLM(config)
    return Student(
        model,
        tokenizer,
        scratch_name(options),
        None,
        frozenset((tokenizer.eos_token_id,)),
        notes,
    )


def scratch_name(options: InitOptions) -> str:
    """How a model from scratch is made, for a person."""
    return f"Llama from scratch ({options.layers} layers of {options.hidden_size})"


def scratch_tokenizer(
    student: StudentOptions, options: InitOptions, texts: Iterable[str]
) -> tuple[PreTrainedTokenizerBase, tuple[str, ...]]:
    """The tokenizer of a student from scratch, made from texts or another model's, and notes on it.

    Args:
        student: whose chat template it gets, where it has one of its own.
        options: its sizes, with a folder for `tokenizer_of`.
        texts: the training data's.

    Raises:
        ConfigError: the other model's tokenizer cannot be loaded, or has no end token.
    """
    from synthgen.training.tokenizer import train_tokenizer

    if (folder := options.tokenizer_of) is None:
        made = train_tokenizer(texts, options.vocab_size, options.positions)
        fix_template(made, student.chat_template, student.chat_template_kwargs)
        return made, ()
    own = {"chat_template": student.chat_template, "chat_template_kwargs": student.chat_template_kwargs}
    with loading(folder, "tokenizer"):
        taken, notes = open_tokenizer(StudentOptions(model=folder, **own))
    taken.model_max_length = options.positions
    return taken, notes


def scratch_config(options: InitOptions, tokens: int) -> LlamaConfig:
    """The config of a model from scratch whose tokenizer has so many tokens."""
    from transformers import LlamaConfig

    return LlamaConfig(
        hidden_size=options.hidden_size,
        intermediate_size=options.intermediate_size or max(16, options.hidden_size * 8 // 3 // 16 * 16),
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        vocab_size=tokens,
        max_position_embeddings=options.positions,
        # "Small init" (Nguyen and Salazar 2019, arXiv 1910.05895); 0.02, the usual, is for widths of 1,000.
        initializer_range=(2 / (5 * options.hidden_size)) ** 0.5,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )


def _existing(options: StudentOptions, lora: bool) -> Student:
    import torch

    name = str(options.model)
    if faults := student_faults(options):
        raise ConfigError.of(faults)
    source = source_of(options)
    dtype = torch.bfloat16 if lora and torch.cuda.is_available() else torch.float32
    if options.dtype is not None:
        dtype = getattr(torch, options.dtype)
    with loading(name):
        config = read_config(source)
        tokenizer, notes = open_tokenizer(options)
        if faults := [*config_faults(config, name), *vocabulary_faults(config, tokenizer, options)]:
            raise ConfigError.of(faults)
        stored = stored_dtype(config, name)
        model = load_model(source, config, dtype=dtype, **loading_options(options, dtype))
    if options.add_tokens:
        make_room(model, len(tokenizer))
    ends = ends_of(model.generation_config)
    end_ids = ends | {int(tokenizer.eos_token_id)}
    if end_ids != ends:
        model.generation_config.eos_token_id = sorted(end_ids)
    if note := mend_generation_config(model):
        notes = (*notes, f"{name}: {note}")
    new = tuple(int(number) for number in tokenizer.convert_tokens_to_ids(list(options.add_tokens)))
    return Student(
        model,
        tokenizer,
        name,
        options.revision,
        end_ids,
        notes,
        source=source,
        stored=stored,
        new_tokens=new,
        quantized=options.quantization is not None,
    )


def loading_options(options: StudentOptions, dtype: Any) -> dict[str, Any]:
    """How a model's weights are loaded, where that was said; `dtype` is what it computes in."""
    chosen: dict[str, Any] = {}
    if options.attn_implementation is not None:
        chosen["attn_implementation"] = options.attn_implementation
    if options.quantization is not None:
        from transformers import BitsAndBytesConfig

        four = {
            "load_in_4bit": True,
            "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_use_double_quant": True,
            "bnb_4bit_compute_dtype": dtype,
        }
        kind = four if options.quantization == "4bit" else {"load_in_8bit": True}
        chosen["quantization_config"] = BitsAndBytesConfig(**kind)
    return chosen


@contextmanager
def loading(name: str, role: str = "student") -> Iterator[None]:
    """Raises ConfigError for what transformers raises where a model cannot be loaded."""
    try:
        yield
    except (OSError, ValueError, ImportError) as fault:
        first = str(fault).strip().splitlines()[0][:300]
        raise ConfigError(
            f"cannot load the {role} {name!r}: {first}",
            next=(
                "check the name, the revision and the network (HF_HUB_OFFLINE, HF_TOKEN), or give a "
                "folder that holds config.json, weights and tokenizer"
            ),
        ) from fault


def save(student: Student, folder: Path) -> None:
    """Writes model and tokenizer as a folder that `from_pretrained` loads, in the dtype of its base."""
    route_quietly(student.model)
    if student.stored is not None:
        convert(student.model, student.stored)
    student.model.save_pretrained(folder)
    student.tokenizer.save_pretrained(folder)
    if student.source is not None and is_image_text(student.model.config):
        for file in processor_files(student.source):
            shutil.copyfile(file, folder / file.name)
