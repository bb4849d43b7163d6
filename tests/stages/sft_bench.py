"""Runs the sft stage in a folder of its own, on models small enough to train in a second."""

import hashlib
import random
import shutil
from pathlib import Path

from synthgen.builtin_teacher.arithmetic import make_problem, work_out
from synthgen.core.artefacts import Artefact
from synthgen.core.progress import Reporter
from synthgen.stages import sft
from synthgen.stages.contract import Context
from synthgen.store.jsonl import read_rows, write_rows

TINY = {"init": {"hidden_size": 16, "layers": 1, "heads": 2, "vocab_size": 400, "positions": 256}}
OPTIONS = {
    "student": TINY,
    "completion": "rationale_then_answer",
    "epochs": 2,
    "batch_size": 8,
    "learning_rate": 5e-3,
    "max_length": 256,
    "threads": 1,
    "save_every": 6,
}
STEPS = 24  # 96 rows, 8 a step, twice


class Listener(Reporter):
    def __init__(self):
        super().__init__("silent")
        self.lines, self.notes = [], []

    def show(self, progress, force=False):
        self.notes.append(progress.note)

    def say(self, text):
        self.lines.append(text)


def rows(number, seed=0, solved=True):
    rng = random.Random(seed)
    made = []
    for index in range(number):
        problem = make_problem(rng)
        working = work_out(problem.question)
        answered = (
            {
                "rationale": working.rationale,
                "final_answer": working.answer,
                "output": f"It is {working.answer}.",
            }
            if solved
            else {}
        )
        made.append(
            {
                "id": f"r{index}",
                "instruction": problem.question,
                **answered,
                "reference": problem.reference,
                "meta": {"teacher": "builtin", "model": "programmatic"},
            }
        )
    return made


def artefact(file, part=None):
    return Artefact(
        "data",
        "filter",
        "split" if part else "rows",
        file.parent,
        file,
        hashlib.sha256(file.read_bytes()).hexdigest(),
        len(list(read_rows(file))),
        part,
    )


def leaving(copy, bench, step):
    """A `stopping` that stops nothing: `copy` gets the files that `kill -9` at that step would leave."""
    counted = bench.stop_at(step, 1)

    def stopping():
        if counted() and not copy.exists():
            shutil.copytree(bench.folder, copy)
        return 0

    return stopping


class Bench:
    """Runs a training stage in a folder of its own: sft, or the one that `stage` names."""

    def __init__(self, folder, made=None, stage=sft, **options):
        self.folder, self.options = Path(folder), {**OPTIONS, **options}
        self.stage, self.more = stage, {}
        self.folder.mkdir(exist_ok=True)
        self.data, self.validation = self.folder / "rows.jsonl", None
        if not self.data.exists():
            write_rows(self.data, made if made is not None else rows(96))
        self.work, self.heard, self.noted = self.folder / "work", [], []
        self.outcome = None

    def run(self, name="out", stopping=lambda: 0, seed=0):
        out = self.folder / name
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        listener = Listener()
        self.heard, self.noted = listener.lines, listener.notes
        context = Context(
            run_dir=self.folder,
            stage_id="student",
            work=self.work,
            seed=seed,
            sessions=None,
            reporter=listener,
            stopping=stopping,
        )
        inputs = {
            "rows": (artefact(self.data),),
            "validation": (artefact(self.validation, "validation"),) if self.validation else (),
            **self.more,
        }
        outcome = self.stage.run(inputs, self.stage.Config.model_validate(self.options), context, out)
        outcome.counts.check("student")
        return outcome

    def stop_at(self, step, number):
        calls = iter(range(10**9))
        bench_preparing = len(list(read_rows(self.data))) // 512
        return lambda: number if next(calls) >= step - 1 + bench_preparing else 0

    def bytes(self, name="out"):
        out = self.folder / name
        return {
            path.relative_to(out).as_posix(): path.read_bytes()
            for path in sorted(out.rglob("*"))
            if path.is_file()
        }
