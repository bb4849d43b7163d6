"""The two tasks of a row, and their training in two processes."""

import os
import subprocess
import sys

import pytest

from synthgen.training.objectives.multi_task import MultiTask, MultiTaskConfig

pytestmark = pytest.mark.slow

ROW = {
    "id": "a",
    "system": "Be brief.",
    "instruction": "What is 2 + 3?",
    "rationale": " First 2 + 3 = 5.\n",
    "final_answer": "5",
}


def test_a_row_makes_two_examples():
    objective = MultiTask(MultiTaskConfig())
    system = {"role": "system", "content": "Be brief."}
    assert objective.examples(ROW) == [
        {
            "prompt": [system, {"role": "user", "content": "predict: What is 2 + 3?"}],
            "completion": [{"role": "assistant", "content": "The answer is 5."}],
        },
        {
            "prompt": [system, {"role": "user", "content": "explain: What is 2 + 3?"}],
            "completion": [{"role": "assistant", "content": "First 2 + 3 = 5."}],
        },
    ]
    assert objective.missing_fields({**ROW, "rationale": None}) == ("rationale",)


def test_the_loss_on_validation_rows_is_weighed_as_in_training(monkeypatch):
    from synthgen.training.validation_loss import TaskLoss

    answers, rationales = TaskLoss(total=6.0, tokens=2), TaskLoss(total=10.0, tokens=10)
    monkeypatch.setattr(
        "synthgen.training.validation_loss.losses_by_task",
        lambda model, rows, pad, tasks, size: [answers, rationales],
    )
    objective = MultiTask(MultiTaskConfig(alpha=0.9))
    measured = objective.measure(None, None, 0, 8).of(None)
    assert measured == {"validation_loss": pytest.approx(0.9 * 3 + 0.1 * 1)}


def train_alone(folder, batch_size):
    """A training without a pipeline, as one of the processes of whoever launched it."""
    from synthgen.stages.contract import Context
    from synthgen.stages.sft import Config
    from synthgen.training.preflight import prepare
    from synthgen.training.student import open_student, quiet_libraries
    from tests.stages.sft_bench import OPTIONS, Listener, rows

    folder = folder / os.environ.get("RANK", "0")
    folder.mkdir(parents=True)
    two_tasks = {"completion": "multi_task", "multi_task": {"alpha": 0.8}}
    config = Config.model_validate({**OPTIONS, **two_tasks, "batch_size": batch_size, "epochs": 1})
    context = Context(folder, "student", folder, 0, None, Listener(), lambda: 0)
    with quiet_libraries():
        from synthgen.training.trainer import train

        made, arrow = rows(32), folder / "rows.arrow"
        texts = (row["instruction"] + row["rationale"] for row in made)
        student = open_student(config.student, lambda: texts, 0, False)
        prepare(
            made,
            arrow,
            objective=config.objective,
            tokenizer=student.tokenizer,
            end_ids=student.end_ids,
            max_length=256,
        )
        train(student, arrow, config, objective=config.objective, context=context)


TRAIN = """
import atexit, os, sys
from pathlib import Path

import torch
from tests.training.objectives.test_multi_task import train_alone

# Handlers run in reverse, so this one sees what the training's own left behind.
atexit.register(lambda: torch.distributed.is_initialized() and os._exit(9))
train_alone(Path(sys.argv[1]), 8)
"""


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(tmp_path):
    from synthgen.store.jsonl import read_log

    script = tmp_path / "train.py"
    script.write_text(TRAIN)
    train_alone(tmp_path / "one", 8)
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    done = subprocess.run(
        [sys.executable, *launcher, str(script), str(tmp_path / "two")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    one, two = (
        [entry["loss"] for entry in read_log(tmp_path / name / "0" / "metrics.jsonl")]
        for name in ("one", "two")
    )
    assert len(one) == 4
    assert one == pytest.approx(two, rel=1e-5)
