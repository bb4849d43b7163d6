"""Every objective keeps the contract, and what trains a student knows none of them by name."""

import dataclasses
from pathlib import Path

import pytest

from synthgen.core import registry
from synthgen.training import objectives
from synthgen.training.objectives.contract import refusal
from synthgen.training.objectives.supervised import Supervised, SupervisedConfig
from synthgen.training.options import TrainingOptions

TRAINING = Path(objectives.__file__).parents[1]
EVALUATION = TRAINING.parent / "evaluation"
ANSWERED = {"instruction": "2 + 3?", "rationale": "2 + 3 = 5.", "final_answer": "5", "output": "Five."}
ROWS = {
    "preference": {"prompt": "2 + 3?", "chosen": "Five.", "rejected": "Six."},
    "odds_ratio": {"prompt": "2 + 3?", "chosen": "Five.", "rejected": "Six."},
    "unpaired": {"instruction": "2 + 3?", "output": "Five.", "label": True},
}


@pytest.mark.parametrize("name", registry.names("objective"))
def test_an_objective_makes_an_example_for_each_of_its_tasks(name):
    kind = registry.find("objective", name)
    objective = kind(kind.Config())
    row = ROWS.get(name, ANSWERED)
    assert len(objective.examples(row)) == len(objective.TASKS) == len(set(objective.TASKS)) >= 1
    assert objective.missing_fields(row) == () != objective.missing_fields({"instruction": "2 + 3?"})
    config, values = objective.config()
    assert values.keys() <= {field.name for field in dataclasses.fields(config)}
    assert values.keys() <= objective.REFUSED
    assert objective.TRAINED_WITH and objective.TAGS


@pytest.mark.parametrize(
    "file",
    [TRAINING / name for name in ("run.py", "trainer.py", "validation.py", "card.py", "preflight.py")]
    + sorted(EVALUATION.rglob("*.py")),
    ids=lambda file: file.name,
)
def test_what_trains_and_measures_names_no_objective(file):
    text = file.read_text(encoding="utf-8")
    assert not [name for name in registry.names("objective") if f'"{name}"' in text or f"`{name}`" in text]


def test_an_objective_refuses_what_would_change_its_loss():
    class Strict(Supervised):
        UNPACKABLE = "rows must stand alone"
        REFUSED = frozenset(("loss_type",))

    strict = Strict(SupervisedConfig())
    assert refusal(strict, TrainingOptions(packing=True), "x: y") == (
        "packing cannot be used with x: y: rows must stand alone; leave it out"
    )
    assert "loss_type cannot be used with x: y" in refusal(
        strict, TrainingOptions(trainer={"loss_type": "dft"}), "x: y"
    )
    assert refusal(Supervised(SupervisedConfig()), TrainingOptions(packing=True), "x: y") == ""
