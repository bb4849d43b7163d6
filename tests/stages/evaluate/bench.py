"""Runs the evaluate stage in a run folder of its own, with scripted teachers."""

import hashlib
import shutil

import orjson

from synthgen.core.artefacts import Artefact
from synthgen.core.config import fingerprint
from synthgen.core.hashing import value_hash
from synthgen.core.progress import Reporter
from synthgen.stages.contract import Context
from synthgen.stages.evaluate import run as evaluate
from synthgen.store.jsonl import read_rows, write_rows
from synthgen.store.manifest import Manifest, record_outputs, write_manifest
from tests.stages.scripted_session import ScriptedSession

SUMS = [(1, 2), (3, 4), (5, 5), (2, 6), (7, 8), (9, 3)]
TEST = [
    {"id": f"q{index}", "instruction": f"What is {a} and {b}?", "reference": str(a + b)}
    for index, (a, b) in enumerate(SUMS)
]
TRAIN = [
    {"id": f"t{index}", "instruction": f"What is {a} and {b}?", "output": str(a + b)}
    for index, (a, b) in enumerate([(1, 9), (8, 8)])
]
LEAKED = [*TRAIN, {"id": "t9", "instruction": "what is 5  and 5?", "output": "10"}]


def said(row):
    return f"The answer is {row['reference']}."


def folder_artefact(run, stage_id, kind, writes, file, rows=0, part=None, inputs=None, config=None):
    folder = run / stage_id
    path = folder / file
    digest = (
        hashlib.sha256(
            b"".join(one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file())
        ).hexdigest()
        if path.is_dir()
        else hashlib.sha256(path.read_bytes()).hexdigest()
    )
    return Artefact(stage_id, kind, writes, folder, path, digest, rows, part, inputs or {}, config or {})


class Bench:
    """A run folder with test rows, training rows and students, in which evaluate is run."""

    def __init__(self, run, checkpoints, test=TEST, train=TRAIN, students=("good", "poor"), dedup=None):
        self.run_dir = run
        (run / "split").mkdir(parents=True)
        write_rows(run / "split" / "test.jsonl", test)
        (run / "dedup").mkdir()
        write_rows(run / "dedup" / "rows.jsonl", train)
        self.questions = folder_artefact(run, "split", "split", "split", "test.jsonl", len(test), "test")
        rows = folder_artefact(
            run,
            "dedup",
            "dedup",
            "rows",
            "rows.jsonl",
            len(train),
            config={"methods": dedup or ["exact", {"rouge_l": {"threshold": 0.9}}]},
        )
        self.students = []
        for name in students:
            shutil.copytree(checkpoints / name, run / name / "model")
            shutil.copytree(checkpoints / "base", run / name / "base")
            outputs = record_outputs(run / name, {})
            write_manifest(
                run / name,
                Manifest(
                    stage=name, kind="sft", writes="model", key=name, key_parts={}, config={}, outputs=outputs
                ),
            )
            self.students.append(
                folder_artefact(
                    run,
                    name,
                    "sft",
                    "model",
                    "model",
                    inputs={"rows": (rows,)},
                    config={"student": {"init": {}}},
                )
            )

    @property
    def inputs(self):
        return {"questions": (self.questions,), "students": tuple(self.students)}

    def context(self, sessions, config, **more):
        work = (
            self.run_dir / ".work" / "evaluate" / value_hash(fingerprint(config))
        )  # as the engine does: by what can change the output
        return Context(
            run_dir=self.run_dir,
            stage_id="evaluate",
            work=work,
            seed=0,
            sessions=sessions,
            reporter=Reporter("silent"),
            stopping=more.pop("stopping", lambda: 0),
            **more,
        )

    def run(self, out, sessions=None, *, inputs=None, stopping=lambda: 0, accept_partial=False, **options):
        folder = self.run_dir / out
        folder.mkdir()
        batches = {} if "through" in options else {"batch_size": 4}
        config = evaluate.STAGE.config(**{"max_new_tokens": 24, **batches, **options})
        outcome = evaluate.run(
            inputs or self.inputs,
            config,
            self.context(sessions, config, stopping=stopping, accept_partial=accept_partial),
            folder,
        )
        outcome.counts.check("evaluate")
        assert (
            outcome.files["rejected.jsonl"]
            == sum(outcome.counts.rejected.values()) + sum(outcome.counts.failed.values())
            == len(list(read_rows(folder / "rejected.jsonl")))
        )
        return (
            outcome,
            orjson.loads((folder / "metrics.json").read_bytes()),
            list(read_rows(folder / "answers.jsonl")),
        )


def scripted(**answers):
    """A teacher that is right but for the questions named."""
    right = {row["instruction"]: said(row) for row in TEST}
    return ScriptedSession(
        lambda request, number: answers.get(
            request.messages[-1]["content"].replace(" ", "_").rstrip("?"),
            right[request.messages[-1]["content"]],
        )
    )
