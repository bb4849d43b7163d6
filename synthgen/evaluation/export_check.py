"""Whether an exported folder is asked, and stops, as the student that it was made from.

Weights that lost a little show in the scores. A chat template with a space too many, or an end token that
got lost, shows there late or as something else; so both are compared before anything is asked, as plain
transformers loads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from synthgen.core.rows import Row
from synthgen.training.chat_tokenizer import ends_of
from synthgen.training.completions import question_prefix
from synthgen.training.gguf import FILE, described, gguf_file
from synthgen.training.prompting import student_prompt
from synthgen.training.templates import TemplateRefused, rendered, text_ids

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SHOWN_ROWS = 200
"""Prompts that are compared; a template differs in all of them or in those with a system turn, say."""
SHOWN_SIGNS = 30
"""Characters either side of the place where two prompts part."""
_ANSWER = {"role": "assistant", "content": "The answer is 1."}


def export_faults(
    student: Path, exported: Path, rows: Sequence[Row], completion: str = "output"
) -> list[str]:
    """What is broken in an exported folder, each with its name first; nothing where all is well.

    `chat_template`: it writes other prompts, or none. `tokens`: the same prompt becomes other tokens.
    `end_token`: generation stops elsewhere. `int4_without_groups`: whole rows of weights share a scale.

    Args:
        student: the folder that it was made from.
        exported: the folder.
        rows: test questions.
        completion: what the student learned to say.
    """
    from transformers import AutoTokenizer

    faults = []
    try:
        mine = AutoTokenizer.from_pretrained(str(student), local_files_only=True)
        other = AutoTokenizer.from_pretrained(str(exported), local_files_only=True)
    except Exception as fault:  # a damaged file raises anything that the reader of its format raises
        return [f"tokens: the tokenizer cannot be loaded: {' '.join(str(fault).split())[:200]}"]
    prefix = question_prefix(completion)
    turns = [student_prompt(row, prefix) for row in rows[:SHOWN_ROWS]]
    if broken := _prompt_fault(mine, other, turns):
        faults.append(broken)
    for where, before, now in zip(
        ("`generate`", "its tokenizer"), _ends(student, mine), _ends(exported, other), strict=True
    ):
        if before != now:
            faults.append(
                f"end_token: {where} ends at {_named(now, other)}, the student's at {_named(before, mine)}"
            )
    if broken := _scale_fault(exported):
        faults.append(broken)
    if gguf_file(exported):
        faults += _gguf_faults(exported / FILE, mine, _ends(student, mine)[0])
    return faults


def _gguf_faults(file: Path, mine: PreTrainedTokenizerBase, ends: frozenset[int]) -> list[str]:
    """What llama.cpp would ask with and stop at otherwise; it reads the file alone."""
    try:
        told = described(file)
    except (OSError, ValueError) as fault:
        return [f"gguf: the file cannot be read: {' '.join(str(fault).split())[:200]}"]
    faults, template = [], str(mine.chat_template)
    if told.template != template:
        what = f"another one: {_parting(template, told.template)}" if told.template else "none"
        faults.append(f"chat_template: model.gguf holds {what}")
    known = mine.convert_ids_to_tokens(list(range(len(mine))))
    other = next((at for at, token in enumerate(known) if list(told.tokens[at : at + 1]) != [token]), None)
    if other is not None:
        held = repr(told.tokens[other]) if other < len(told.tokens) else "nothing"
        faults.append(f"tokens: model.gguf holds {held} as token {other}, the student {known[other]!r}")
    if told.end not in ends:
        mark = _named(frozenset() if told.end is None else frozenset((told.end,)), mine)
        faults.append(f"end_token: model.gguf ends at {mark}, the student's at {_named(ends, mine)}")
    return faults


def _prompt_fault(
    mine: PreTrainedTokenizerBase, other: PreTrainedTokenizerBase, asked: Sequence[Sequence[dict[str, str]]]
) -> str:
    if not other.chat_template:
        return "chat_template: it has none"
    for prompt in asked:
        for turns, opened in ((prompt, True), ([*prompt, _ANSWER], False)):
            texts = []
            for tokenizer in (mine, other):
                try:
                    texts.append(rendered(tokenizer, turns, asked=opened))
                except TemplateRefused as fault:
                    texts.append(f"(refused: {fault.words})")
            if texts[0] != texts[1]:
                return f"chat_template: it writes another prompt: {_parting(*texts)}"
            if text_ids(mine, texts[0]) != text_ids(other, texts[1]):
                return f"tokens: the same prompt becomes other tokens: {texts[0][-80:]!r}"
    return ""


def _parting(before: str, now: str) -> str:
    """Where two prompts part, for a person."""
    signs = enumerate(zip(before, now, strict=False))
    place = next((at for at, (one, other) in signs if one != other), min(len(before), len(now)))
    shown = slice(place, place + SHOWN_SIGNS)
    return (
        f"after {before[max(0, place - SHOWN_SIGNS) : place]!r} comes {now[shown]!r}, not {before[shown]!r}"
    )


def _ends(folder: Path, tokenizer: PreTrainedTokenizerBase) -> tuple[frozenset[int], frozenset[int]]:
    """The tokens at which plain `generate` stops, and the tokenizer's own end token.

    They count apart: `generate` runs on where its settings have lost what the tokenizer still has.
    """
    from transformers import AutoConfig, GenerationConfig

    try:
        settings = GenerationConfig.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError):
        settings = GenerationConfig.from_model_config(
            AutoConfig.from_pretrained(str(folder), local_files_only=True)
        )
    own = tokenizer.eos_token_id
    return ends_of(settings), frozenset() if own is None else frozenset((int(own),))


def _named(ends: frozenset[int], tokenizer: PreTrainedTokenizerBase) -> str:
    return " and ".join(f"{tokenizer.decode([end])!r} ({end})" for end in sorted(ends)) or "nothing"


def _scale_fault(exported: Path) -> str:
    """The fault of 4-bit weights of which whole rows share a scale, as the folder's config says."""
    try:
        config = orjson.loads((exported / "config.json").read_bytes())
    except (OSError, orjson.JSONDecodeError) as fault:
        return f"config: it cannot be read: {fault}"
    quantised = config.get("quantization_config") or {}
    for name, scheme in (quantised.get("quant_type") or {}).items():
        if isinstance(scheme, dict) and _is_int4(scheme) and not _has_groups(scheme):
            return f"int4_without_groups: whole rows of 4-bit weights share one scale ({name})"
    return ""


def _is_int4(scheme: dict[str, Any]) -> bool:
    data = scheme.get("_data") or {}
    return (
        "int4" in str(scheme.get("_type", "")).lower() or "int4" in str(data.get("weight_dtype", "")).lower()
    )


def _has_groups(value: Any) -> bool:
    """Whether a scheme names a size of groups; torchao's classes keep it at different depths."""
    if not isinstance(value, dict):
        return False
    return bool(value.get("group_size")) or any(_has_groups(part) for part in value.values())
