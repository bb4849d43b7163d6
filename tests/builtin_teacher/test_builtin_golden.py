"""The builtin teacher's replies to a fixed set of requests, byte for byte.

Whoever changes them raises its VERSION, which is part of the ledger key.
"""

from typing import Any

import pytest

from synthgen.builtin_teacher import DEFAULT_RATES, VERSION
from synthgen.builtin_teacher.replies import reply_to
from synthgen.core.hashing import value_hash

RATES = {
    **DEFAULT_RATES,
    "wrong_answer": 0.3,
    "run_on": 0.2,
    "refusal": 0.1,
    "truncated": 0.2,
    "near_duplicate": 0.3,
    "malformed_list": 0.3,
}
SUM = "Leo has 3 boxes with 4 pens in each. He gives 5 of them to Mia. How many pens are left with Leo?"
PUZZLE = "Mira is taller than Otto. Otto is taller than Zara. Who is the shortest?"
PROMPTS = {
    "arithmetic": [f"Write {n} new questions.\n###\n1. Question: {SUM}\n1. Answer: 7" for n in range(10, 20)]
    + [f"Question: {SUM}", SUM],
    "logic": [f"Write {n} new questions.\n###\n1. Question: {PUZZLE}\n1. Answer: Zara" for n in range(10, 20)]
    + [f"Question: {PUZZLE}", PUZZLE],
    "general": [
        f"Write {n} new tasks.\n###\n1. Instruction: Name a river.\n1. Input:\n<noinput>\n1. Output:\nMekong"
        for n in range(10, 20)
    ]
    + [
        "Sort these words alphabetically: pear, moon, kettle.",
        "Task 1: Name a river.\n\nWrite tasks 2 to 9",
        "Task: Convert 5 feet to inches.",
    ],
}


def replies(prompt: str) -> list[Any]:
    made = reply_to({"messages": [{"role": "user", "content": prompt}], "n": 12, "mistakes": RATES})
    return [made.task, [[each.text, each.finish_reason, each.tokens, each.mistake] for each in made.samples]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("arithmetic", "539a2c4320e6327fce5c997b7b6aa571"),
        ("logic", "3617ec34642ad0a2c8f7c0cdaf2c44cb"),
        ("general", "1627a5fcf2976b4a90f31c77f94840c1"),
    ],
)
def test_replies_are_those_of_this_version(name: str, expected: str) -> None:
    digest = value_hash([replies(prompt) for prompt in PROMPTS[name]])
    assert (VERSION, digest) == (2, expected), (
        "the replies changed: raise VERSION in synthgen/builtin_teacher/__init__.py, then pin them anew"
    )
