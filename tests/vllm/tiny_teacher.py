"""A teacher of 0.4M parameters that synthgen trains in half a minute: it adds digits and writes sums.

It adds step by step, and writes lists of sums as JSON; anything else it answers with noise. Its folder is
what an sft stage publishes, and real vLLM serves it.
"""

from __future__ import annotations

import random
from pathlib import Path

import orjson

from synthgen.core.progress import Reporter
from synthgen.core.resources import shipped
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.stages.load import Config as LoadConfig
from synthgen.tasks.recipes.evolve import OPERATIONS

PAIRS = [(a, b) for a in range(1, 10) for b in range(1, 10)]
FORMS = (
    "Ann has {a} pens and gets {b} more. How many does Ann have?",
    "Ben puts {a} red and {b} blue cups into a box. How many are in it?",
    "How much is {a} + {b}?",
)
LISTS = 60
TASKS = 3  # sums in a list

_LOAD = load_pipeline(shipped("pipelines/rationale_vllm.yaml")).stage("load").config
assert isinstance(_LOAD, LoadConfig)
SYSTEM = _LOAD.sources[0].system
"""The system turn that the pipeline gives its student; the tiny teacher is given it too."""
QUESTION_PROMPT = (
    "purpose: the question as it is, which is how the tiny teacher was taught to be asked\nsource: "
    f"this test\nsystem: '{SYSTEM}'\nuser: |\n  {{{{ question }}}}\n"
)
LIST_PROMPT = (
    "purpose: a few sums, as the tiny teacher was taught to be asked for them\nsource: this "
    "test\nuser: |\n  Write {{ num_tasks }} sums like: {{ demonstrations[0].question }}\n"
)

TEACH = """
version: 1
name: teach
stages:
- load: {sources: [taught.jsonl]}
- sft:
    id: teacher
    student: {init: {hidden_size: 128, layers: 2, heads: 2, vocab_size: 512, positions: 8192}}
    completion: output
    epochs: 16
    batch_size: 16
    learning_rate: 2.0e-3
    max_length: 256
    threads: 1
"""


def questions() -> list[tuple[str, str, str]]:
    """All that it can be asked: (question, the reply word for word, the answer)."""
    return [
        (form.format(a=a, b=b), f"{a} + {b} = {a + b}\nThe answer is {a + b}.", str(a + b))
        for a, b in PAIRS
        for form in FORMS
    ]


def teach(folder: Path) -> Path:
    """Trains it in `folder`; returns the model's folder.

    Heads are 64 wide: vLLM's attention on CPU has no narrower ones.
    """
    draw = random.Random(0)
    rows = [
        {"system": SYSTEM, "instruction": question, "output": reply} for question, reply, _ in questions()
    ]
    for _ in range(LISTS):
        (a, b), *others = draw.sample(PAIRS, 1 + TASKS)
        listed = {
            "questions": [{"question": FORMS[2].format(a=c, b=d), "answer": str(c + d)} for c, d in others]
        }
        rows.append(
            {
                "instruction": f"Write {TASKS} sums like: {FORMS[2].format(a=a, b=b)}",
                "output": orjson.dumps(listed).decode(),
            }
        )
    draw.shuffle(rows)
    (folder / "taught.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    (folder / "teach.yaml").write_text(TEACH)
    pipeline = load_pipeline(folder / "teach.yaml", (), [f"load.sources=[{folder}/taught.jsonl]"])
    run_pipeline(pipeline, RunOptions(runs=folder / "runs", ledger=folder / "ledger"), Reporter("silent"))
    return folder / "runs" / "teach" / "teacher" / "model"


def lay_out_questions(folder: Path) -> None:
    """Its questions as `questions.csv` with gold answers, its seeds, and the prompts by which it is asked."""
    asked = questions()
    random.Random(1).shuffle(asked)
    (folder / "questions.csv").write_text(
        "question,gold\n" + "".join(f'"{question}",{answer}\n' for question, _, answer in asked)
    )
    seeds = [
        {"question": question, "answer": answer}
        for question, _, answer in asked
        if question.startswith("How much")
    ][:20]
    (folder / "sums.jsonl").write_bytes(b"".join(orjson.dumps(seed) + b"\n" for seed in seeds))
    (folder / "question.yaml").write_text(QUESTION_PROMPT)
    (folder / "list.yaml").write_text(LIST_PROMPT)
    for operation in OPERATIONS:
        own = folder / "prompts" / "evolve" / f"{operation}.yaml"
        own.write_text(QUESTION_PROMPT.replace("{{ question }}", "{{ instruction }}"))
