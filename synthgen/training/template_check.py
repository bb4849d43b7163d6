"""What a student's chat template cannot do, known from its tokenizer alone: before a teacher is paid."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from synthgen.core.errors import Fault, SynthgenError, first_line
from synthgen.training.architecture import read_config
from synthgen.training.completions import END_OF_THINKING, THINK, Completion
from synthgen.training.student_options import StudentOptions
from synthgen.training.templates import TemplateRefused, advice, prompt_ids

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

QUESTION, ANSWER = "What is one and one?", "One and one is two."
THOUGHT = f"{THINK}\nI count both.\n{END_OF_THINKING}\n{ANSWER}"
LONG = 1 << 20  # tokens; nothing is cut


def template_faults(options: StudentOptions, completion: Completion, systems: Iterable[str]) -> list[Fault]:
    """What keeps a student from being trained and asked with its chat template, tried on a made-up question.

    The hub is not asked and no weights are loaded. A student from scratch has a template that takes anything.

    Args:
        options: the student's.
        completion: what it learns to say.
        systems: system texts that it will be asked with.

    Returns:
        The faults; none where the tokenizer is neither in a folder nor in the hub's cache, and none without
        transformers.
    """
    if options.model is None or importlib.util.find_spec("transformers") is None:
        return []
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from synthgen.training.chat_tokenizer import end_ids_of, open_tokenizer
    from synthgen.training.loading_check import source_of, vocabulary_faults

    local = Path(options.model).is_dir()
    try:
        tokenizer, _ = open_tokenizer(options, local_only=True)
    except SynthgenError as fault:
        return list(fault.faults)
    except (OSError, ValueError) as fault:
        first = first_line(fault)
        what = f"the student's tokenizer cannot be loaded: {first}"
        return [Fault(what, options.model, "give a folder as save_pretrained writes it")] if local else []
    with suppress(OSError, ValueError):
        config = read_config(source_of(options, local_only=True))
        if faults := vocabulary_faults(config, tokenizer, options):
            return faults
    faults = _learning(tokenizer, end_ids_of(options, tokenizer), completion, options.model)
    return faults + [fault for system in dict.fromkeys(systems) for fault in _asking(tokenizer, system)]


def _learning(
    tokenizer: PreTrainedTokenizerBase, end_ids: frozenset[int], completion: Completion, where: str
) -> list[Fault]:
    """Whether a plain question and its answer can be learned."""
    from synthgen.training.encoding import encode
    from synthgen.training.fault_advice import advice_for
    from synthgen.training.thinking import require_tags

    if completion == "think_tags":
        try:
            require_tags(tokenizer)
        except SynthgenError as fault:
            return list(fault.faults)
    text = THOUGHT if completion == "think_tags" else ANSWER
    made = encode(
        {
            "prompt": [{"role": "user", "content": QUESTION}],
            "completion": [{"role": "assistant", "content": text}],
        },
        tokenizer,
        end_ids,
        LONG,
    )
    if made.fault is not None:
        what = (
            f"the student's chat template cannot be trained with ({made.fault}): {made.detail or made.fault}"
        )
        return [Fault(what, where, advice_for(made.fault, made.detail))]
    if QUESTION not in tokenizer.decode(made.input_ids):
        return [
            Fault(
                "the student's chat template leaves a question out that is plain text (template)",
                where,
                advice(""),
            )
        ]
    return []


def _asking(tokenizer: PreTrainedTokenizerBase, system: str) -> list[Fault]:
    """Whether the student can be asked with a system text."""
    turns = [{"role": "system", "content": system}, {"role": "user", "content": QUESTION}]
    try:
        asked = prompt_ids(tokenizer, turns)
    except TemplateRefused as refused:
        what = f"the student's chat template refuses `system` (template): {refused.words}"
    else:
        if system.strip() in tokenizer.decode(asked):
            return []
        what = "the student's chat template leaves `system` out of the prompt (template)"
    return [
        Fault(
            what,
            "evaluate: {system: …}",
            "leave `system` out of evaluate, and say in the questions what it says; or give a template that "
            "takes it: student: {chat_template: FILE}",
        )
    ]
