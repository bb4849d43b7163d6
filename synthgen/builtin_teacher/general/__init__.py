"""Simple instructions: written, and answered from their text alone."""

from __future__ import annotations

import random
import re

from synthgen.builtin_teacher import mistakes
from synthgen.builtin_teacher.general import words
from synthgen.builtin_teacher.general.template import Task
from synthgen.builtin_teacher.request import Asked

_FAMILIES = words.FAMILIES
_ALPACA = re.compile(r"### Instruction:\s*(?P<instruction>.*?)\s*(?:### Input:\s*(?P<input>.*?)\s*)?### Response:\s*\Z", re.DOTALL)


def make_task(rng: random.Random) -> Task:
    """A new instruction with input and output; the same state of `rng` gives the same task."""
    return rng.choice(_FAMILIES).make(rng)


def respond(text: str) -> str | None:
    """The answer to an instruction, alone or followed by a blank line and its input; None where it is not known."""
    framed = _ALPACA.search(text)
    if framed is not None:
        instruction, given = framed["instruction"], framed["input"] or ""
    else:
        instruction, _, given = text.strip().partition("\n\n")
    if instruction.startswith("Please "):
        instruction = instruction[7:8].upper() + instruction[8:]
    for family in _FAMILIES:
        output = family.respond(instruction, given.strip())
        if output is not None:
            return output
    return None


def reply(asked: Asked, sample: int, response: str) -> tuple[str, str, str | None]:
    """A response: text, finish_reason, and the mistake that was made."""
    mistake = mistakes.mistake_of(asked, sample, mistakes.IN_RESPONSES)
    rng = asked.rng(sample, "response")
    if mistake == "refusal":
        return mistakes.refuse(rng), "stop", mistake
    if mistake == "truncated" and len(response.split()) > 3:
        return mistakes.cut_short(response, rng), "length", mistake
    if mistake == "run_on":
        task = make_task(rng)
        return mistakes.run_on(response, task.instruction + (f"\n{task.input}" if task.input else ""), task.output, rng), "stop", mistake
    return response, "stop", None
