"""Runs the prefer stage in a folder of its own, from a student that answers in tenths of a second."""

import random
import shutil
from pathlib import Path
from typing import Any

from synthgen.core.artefacts import Artefact
from synthgen.stages import prefer
from synthgen.stages.contract import Context
from synthgen.store.jsonl import read_rows, write_rows
from synthgen.training.student import open_student, save
from synthgen.training.student_options import StudentOptions
from tests.stages.sft_bench import Listener, artefact

OPTIONS = {
    "student": {"from": "start"},
    "batch_size": 8,
    "epochs": 2,
    "learning_rate": 3e-3,
    "max_length": 64,
    "threads": 1,
    "save_every": 4,
    "held_out": 0.2,
}
COLOURS = ("red", "green", "blue", "grey", "pink")
THINGS = ("cup", "boat", "door", "hat", "lamp", "shoe", "book", "tree")


def pairs(number, seed=0):
    """Questions whose right answer is a word of the question, and whose wrong answer is another word."""
    rng = random.Random(seed)
    made = []
    for index in range(number):
        colour, other = rng.sample(COLOURS, 2)
        question = f"The {rng.choice(THINGS)} of number {index} is {colour}. Which colour?"
        made.append(
            {
                "id": f"p{index}",
                "prompt": question,
                "chosen": f"It is {colour}.",
                "rejected": f"It is {other}, I guess.",
                "meta": {"teacher": "builtin", "model": "programmatic"},
            }
        )
    return made


def labelled(rows):
    """Single answers of pairs with a label, all good ones first."""
    return [
        {
            "id": f"{row['id']}-{side}",
            "instruction": row["prompt"],
            "output": row[side],
            "label": side == "chosen",
        }
        for side in ("chosen", "rejected")
        for row in rows
    ]


def start(folder, completion="output"):
    """A student as sft publishes it: a tiny model with random weights."""
    folder = Path(folder) / "start"
    if not (folder / "model").exists():
        texts = [text for row in pairs(40) for text in (row["prompt"], row["chosen"], row["rejected"])]
        init = {"hidden_size": 16, "layers": 1, "heads": 2, "vocab_size": 400, "positions": 128}
        save(open_student(StudentOptions(init=init), lambda: texts, 0, False), folder / "model")
    config = {"student": {"init": {}}, "completion": completion}
    return Artefact("start", "sft", "model", folder, folder / "model", "0" * 64, 0, config=config)


class Bench:
    """Runs the stage in a folder of its own."""

    def __init__(self, folder, made=None, completion="output", **options):
        self.folder, self.options = Path(folder), {**OPTIONS, **options}
        self.folder.mkdir(exist_ok=True)
        self.data, self.validation = self.folder / "rows.jsonl", None
        self.outcome: Any = None
        if not self.data.exists():
            write_rows(self.data, made if made is not None else pairs(64))
        self.others: tuple[Any, ...] = ()
        self.start = start(self.folder, completion)
        self.work, self.heard, self.noted = self.folder / "work", [], []

    def run(self, name="out", stopping=lambda: 0, seed=0):
        out = self.folder / name
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        listener = Listener()
        self.heard, self.noted = listener.lines, listener.notes
        context = Context(
            run_dir=self.folder,
            stage_id="better",
            work=self.work,
            seed=seed,
            sessions=None,
            reporter=listener,
            stopping=stopping,
        )
        config = prefer.Config.model_validate(self.options)
        inputs = {
            "rows": (artefact(self.data), *self.others),
            "validation": (artefact(self.validation, "validation"),) if self.validation else (),
            "student": (self.start,) if config.student.start else (),
        }
        outcome = prefer.run(inputs, config, context, out)
        outcome.counts.check("better")
        return outcome

    def stop_at(self, step, number):
        calls = iter(range(10**9))
        preparing = len(list(read_rows(self.data))) // 512
        return lambda: number if next(calls) >= step - 1 + preparing else 0

    def bytes(self, name="out"):
        out = self.folder / name
        return {
            path.relative_to(out).as_posix(): path.read_bytes()
            for path in sorted(out.rglob("*"))
            if path.is_file()
        }
