"""The tokenizer of a model that exists, with the template, end and padding that it is trained with."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from synthgen.core.errors import ConfigError
from synthgen.training.architecture import read_config
from synthgen.training.loading_check import source_of
from synthgen.training.student_options import StudentOptions
from synthgen.training.templates import fix_template, rendered

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def open_tokenizer(
    options: StudentOptions, local_only: bool = False
) -> tuple[PreTrainedTokenizerBase, tuple[str, ...]]:
    """The tokenizer of a model that exists, with the template, end and padding that it is trained with.

    Args:
        options: which model.
        local_only: whether the hub is not to be asked.

    Returns:
        The tokenizer, and what a person should know of it.

    Raises:
        ConfigError: it has no end token, or its template knows no such option.
        OSError, ValueError: it cannot be loaded.
        TemplateRefused: its template refuses a plain question.
    """
    from transformers import AutoTokenizer

    name = str(options.model)
    tokenizer = AutoTokenizer.from_pretrained(name, **source_of(options, local_only).arguments())
    if options.add_tokens:
        tokenizer.add_tokens(list(options.add_tokens), special_tokens=False)
    notes = []
    if fix_template(tokenizer, options.chat_template, options.chat_template_kwargs):
        notes.append(f"{name} has no chat template; it gets a plain one (User: … Assistant: …)")
    if options.eos_token is not None:
        if options.eos_token not in tokenizer.get_vocab():
            raise ConfigError(
                f"{options.eos_token!r} is no token of {name}",
                next="student.eos_token must be in the tokenizer's vocabulary",
            )
        tokenizer.eos_token = options.eos_token
    elif (written := written_end(tokenizer)) not in (None, tokenizer.eos_token):
        notes.append(
            f"the chat template of {name} ends an answer with {written}, so that is where the student "
            f"learns to stop (its tokenizer's own end token is {tokenizer.eos_token})"
        )
        tokenizer.eos_token = written
    if tokenizer.eos_token_id is None:
        raise ConfigError(
            f"the tokenizer of {name} has no end token", next="name one with student: {eos_token: …}"
        )
    if tokenizer.pad_token_id is None:
        # Safe here: our labels decide what is learned, never the padding token.
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token_id == tokenizer.eos_token_id:
        notes.append(
            f"{name} fills batches with its end token, {tokenizer.eos_token}; the end of each answer is "
            "learned all the same, since what is learned goes by places and not by tokens"
        )
    return tokenizer, tuple(notes)


def end_ids_of(
    options: StudentOptions, tokenizer: PreTrainedTokenizerBase, local_only: bool = True
) -> frozenset[int]:
    """Where a model that exists will stop, without its weights.

    Args:
        options: which model.
        tokenizer: as `open_tokenizer` gives it.
        local_only: whether the hub is not to be asked.
    """
    from transformers import GenerationConfig

    name, ends = str(options.model), frozenset[int]()
    try:
        generation = GenerationConfig.from_pretrained(
            name, revision=options.revision, local_files_only=local_only
        )
        ends = ends_of(generation)
    except (OSError, ValueError):
        with suppress(OSError, ValueError):  # loaded with its weights, it would be made of the config
            config = read_config(source_of(options, local_only))
            ends = ends_of(GenerationConfig.from_model_config(config))
    return ends | {int(tokenizer.eos_token_id)}


def ends_of(generation: Any) -> frozenset[int]:
    """The ids of the tokens at which generation settings stop."""
    known = generation.eos_token_id
    return frozenset(known if isinstance(known, list) else [] if known is None else [known])


def written_end(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """The special token that the chat template writes right after an answer, or None where it writes none."""
    marker = "synthgen"
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": marker}]
    shown = rendered(tokenizer, turns, asked=False)
    after = shown.rpartition(marker)[2].strip()
    special = sorted(
        (
            str(token)
            for token in tokenizer.added_tokens_decoder.values()
            if token.special and after.startswith(str(token))
        ),
        key=len,
    )
    return special[-1] if special else None
