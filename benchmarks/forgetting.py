"""Whether the panel names students that really forgot, and leaves alone those that did not, over many seeds.

    python -m benchmarks.forgetting [--seeds 20] [--folder FOLDER]

Each seed makes a base of its own: a Llama of 0.4 million parameters that is taught passing replies to a
random seven in ten of the panel's questions of five parts, and a wrong reply to the others. `sft` trains
three students from it. `harsh` sees one task alone, sums, for many epochs at a high rate: over-training.
`mild` sees the sums once, with a small adapter. `mixed` is trained as harshly, but what the base was taught
is among its rows. `evaluate` asks all of them the panel and the sums. The table is what it says. The command
fails where a harsh student is not named, or another one is. A FOLDER that is named is kept, and the same
command goes on there.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

import synthgen
from benchmarks.taught import taught_model
from synthgen.core.text import table
from synthgen.evaluation.compare import Answer
from synthgen.evaluation.panel.checks import passes
from synthgen.evaluation.panel.items import Item, panel_items

PARTS = ("json", "arithmetic", "refusing", "answering", "stopping")
WRONG = "Well, well"
KNOWN = 0.7
PIPELINE = """
version: 1
name: forgetting-{seed}
seed: {seed}
stages:
  - load: {{sources: [{{path: {folder}/sums.jsonl}}]}}
  - split: {{test: 60}}
  - sft: &harsh
      id: harsh
      student: {{model: {folder}/base}}
      completion: output
      epochs: 12
      batch_size: 16
      learning_rate: 4e-3
      max_length: 256
      threads: 1
  - sft:
      <<: *harsh
      id: mild
      method: lora
      lora: {{rank: 4, alpha: 8}}
      epochs: 1
      learning_rate: 1e-3
  - load: {{id: old_rows, sources: [{{path: {folder}/taught.jsonl}}]}}
  - sft:
      <<: *harsh
      id: mixed
      input: [split, old_rows]
  - evaluate:
      models: [base, students]
      metrics: [exact_match]
      max_new_tokens: 24
      threads: 1
      panel: {{parts: [{parts}], max_new_tokens: 60}}
"""


def passing_reply(item: Item) -> str:
    """A short reply that meets the item's checks."""
    check: dict[str, Any] = dict(item.check)
    if "number" in check:
        reply = f"The answer is {check['number']}."
    elif "refuses" in check:
        reply = "I cannot help with that."
    elif "answers" in check:
        reply = f"You use the {check['answers'][0]} for that, as all do."
    elif "json" in check:
        terms = check["json"]
        found: Any = dict(terms.get("values", {}))
        found |= {key: "a" for key in terms.get("keys", ()) if key not in found}
        if "items" in terms:
            found = ["a", "b", "c", "d", "e", "f", "g", "h"][: terms["items"]]
        reply = orjson.dumps(found).decode()
    else:
        reply = f"It is {check['mentions'][0]}."
    return reply if passes(item, Answer.of(reply, "stop")) else WRONG


def taught(seed: int) -> dict[str, str]:
    """Question -> what the base of this seed is taught to say."""
    draw = random.Random(seed)
    return {item.ask: passing_reply(item) if draw.random() < KNOWN else WRONG for item in panel_items(PARTS)}


def sums(seed: int) -> list[dict[str, str]]:
    """The rows of the one task."""
    draw = random.Random(1_000 + seed)
    pairs = draw.sample([(a, b) for a in range(2, 21) for b in range(2, 21)], 300)
    return [
        {"instruction": f"Add {a} to {b}.", "output": f"The answer is {a + b}.", "reference": f"{a + b}"}
        for a, b in pairs
    ]


def one_seed(seed: int, folder: Path) -> dict[str, Any]:
    """What evaluate found of the base and the students of one seed."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "base" / "config.json").exists():
        taught_model(folder / "base", taught(seed), seed)
        rows = [{"instruction": asked, "output": reply} for asked, reply in taught(seed).items()]
        for name, held in (("sums.jsonl", sums(seed)), ("taught.jsonl", rows)):
            (folder / name).write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in held))
    pipeline = folder / "forgetting.yaml"
    pipeline.write_text(PIPELINE.format(seed=seed, folder=folder, parts=", ".join(PARTS)))
    return dict(synthgen.run(pipeline, runs=folder / "runs").metrics["evaluate"])


def shown(found: Sequence[dict[str, Any]]) -> str:
    """A line for each seed and student."""
    rows = []
    for seed, metrics in enumerate(found):
        for name, student in metrics["panel"]["students"].items():
            whole = student["parts"]["all"]
            named = ", ".join(said.partition(",")[0] for said in student["forgot"])
            rows.append(
                [
                    f"{seed}",
                    name,
                    f"{metrics['models'][name]['exact_match']['value']:.1%}",
                    f"{whole['base']:.1%}",
                    f"{whole['student']:.1%}",
                    named or "nothing",
                ]
            )
    return table(["seed", "student", "sums", "base passes", "passes", "named as forgotten"], rows, left=2)


def main() -> None:
    """Makes, trains and asks; prints the table and what was named wrongly."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = (given.folder or Path(temporary)).resolve()
        found = [one_seed(seed, root / f"{seed:02}") for seed in range(given.seeds)]
    print(shown(found))
    named = {
        name: sum(bool(metrics["panel"]["students"][name]["forgot"]) for metrics in found)
        for name in ("harsh", "mild", "mixed")
    }
    print("named: " + ", ".join(f"{name} {count} of {given.seeds}" for name, count in named.items()))
    sys.exit(0 if named == {"harsh": given.seeds, "mild": 0, "mixed": 0} else 1)


if __name__ == "__main__":
    main()
