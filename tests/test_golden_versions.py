"""A component that decides otherwise than before must raise its VERSION, or old results would stand.

Each filter and dedup method judges a fixed set of rows; the hash of what it decided stands in
golden_versions.json beside its version. After a change that is meant: raise VERSION, then `make generate`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from synthgen.core import registry
from synthgen.core.config import build
from synthgen.core.hashing import value_hash
from synthgen.similarity.contract import BandMethod

PINS = Path(__file__).parent / "golden_versions.json"

TEXTS = [
    "",
    "Blue.",
    "The answer is 42.",
    "First 3 + 4 = 7. Then 7 * 2 = 14.\nThe answer is 14.",
    "First 3 + 4 = 8.\nThe answer is 8.",
    "I'm sorry, but I can't help with that.",
    "As an AI language model, I do not have feelings.",
    "I am sorry for your loss; grief takes time.",
    "The answer is 3.\n\nQ: Tom has 2 pens. How many?\nA: 2",
    "Once upon a time there was a king who",
    "noinput",
    "<insert name here>",
    "See https://example.com/a?b=c for more.",
    "Write to jane.doe@example.com or call +1 415 555 2671.",
    "Card 4111 1111 1111 1111, key AKIAIOSFODNN7EXAMPLE.",
    "good good good good good good good good " * 8,
    "1. Instruction: Name a bird.\n1. Input: <noinput>\n1. Output: A robin.\n###\n2. Instruction: "
    "Name a fish.",
    "Draw a picture of the attached image.",
    "def f(x):\n    return x + 1",
    "```python\nprint('x'\n```",
    "Der schnelle braune Fuchs springt über den faulen Hund und läuft dann weit weg in den Wald.",
    "快速的棕色狐狸跳过了懒狗。",
    "word " * 300,
    "Paris is the capital of France.",
    '{"a": 1}',
    "The cat sat on the mat. The dog lay on the rug. A bird sang in the tree, and nobody in the "
    "house was awake to hear it.",
]
ROWS = [
    {
        "id": f"r{at}",
        "instruction": "Paris is the capital of France."
        if at == 23
        else f"Question number {at % 19}: what is asked here, and of whom?",
        "output": text,
        **({"input": text} if at % 7 == 3 else {}),
        **({"reference": "14", "final_answer": "14" if at % 2 else "8"} if at % 5 == 3 else {}),
        "meta": {
            "finish_reason": "length" if at % 9 == 0 else "stop",
            "source": "a" if at % 2 else "b",
            "scores": {"judge": at % 6},
        },
    }
    for at, text in enumerate(TEXTS)
]

OPTIONS = {
    "filter/keyword": {"forbid": ["king"]},
    "filter/one_of": {"field": "meta.source", "values": ["a"]},
    "filter/schema": {"json_schema": {"type": "object"}},
    "filter/score": {"name": "judge", "min": 2},
    "filter/custom": {"function": "tests.toy.toystages:shorter_than_ten"},
    "filter/length": {"min_words": 2, "max_words": 100},
    "filter/length_ratio": {"min": 0.2, "max": 3.0},
}
NEEDS_A_SERVER_OR_MODEL = {"dedup method/semantic"}


def components() -> list[str]:
    return [
        f"{kind}/{name}"
        for kind in ("filter", "dedup method")
        for name in registry.names(kind)
        if f"{kind}/{name}" not in NEEDS_A_SERVER_OR_MODEL
    ]


def decided(component: str) -> dict[str, object]:
    """The component's version, and the hash of what it says of the fixed rows."""
    kind, name = component.split("/")
    found = registry.find(kind, name)
    misfits: list = []
    config = build(found.Config, OPTIONS.get(component, {}), (), misfits)
    assert config is not None, (
        f"{component} has options that must be given: give it some in OPTIONS of "
        f"tests/test_golden_versions.py ({misfits})"
    )
    if kind == "filter":
        said = [
            [decision.reject, repr(decision.value), repr(decision.threshold)]
            for decision in found(config).check(ROWS)
        ]
    else:
        method = found(config)
        keys = method.keys([row["instruction"] for row in ROWS] + TEXTS)
        if isinstance(method, BandMethod):
            said = [
                [
                    sorted(int(number) for number in numbers)
                    for numbers in method.bands([str(row["instruction"]) for row in ROWS] + TEXTS)
                ]
            ]
        else:
            index, said = method.index(), []
            for number, key in enumerate(keys):
                match = index.nearest(key) if key is not None else None
                said.append(None if match is None else [match.number, repr(match.score)])
                if key is not None and match is None:
                    index.add(key, number)
    return {"version": found.VERSION, "hash": value_hash(said)}


@pytest.mark.parametrize("component", components())
def test_a_component_that_decides_otherwise_has_a_new_version(component):
    pinned = json.loads(PINS.read_text()).get(component)
    assert pinned is not None, "a new component: `make generate` pins what it decides"
    now = decided(component)
    if now != pinned:
        assert now["version"] > pinned["version"], (
            f"{component} decides otherwise than before: raise its VERSION, then run `make generate`"
        )
        pytest.fail(f"{component} has a new version: `make generate` pins what it decides now")


if __name__ == "__main__":
    before = json.loads(PINS.read_text()) if PINS.exists() else {}
    pins = {component: decided(component) for component in components()}
    stale = [
        name
        for name, pin in pins.items()
        if name in before
        and pin["hash"] != before[name]["hash"]
        and pin["version"] <= before[name]["version"]
    ]
    if stale:
        sys.exit(f"raise VERSION first: {', '.join(stale)}")
    PINS.write_text(json.dumps(pins, indent=1, sort_keys=True) + "\n")
