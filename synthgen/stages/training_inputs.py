"""What stages that train a student read, and their account of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from synthgen.stages.contract import Need, Outcome
from synthgen.training.options import TrainingOptions
from synthgen.training.run import TrainedStudent
from synthgen.training.start import STUDENT, TOKENIZER
from synthgen.training.student_options import StudentOptions

REHEARSED_STEPS = 2
"""The first step makes what the optimizer keeps. Only the second takes the memory and time of all others."""


T = TypeVar("T", bound=TrainingOptions)


def training_needs(student: StudentOptions, options: TrainingOptions) -> dict[str, Need]:
    """Rows to train on, a split's validation part where there is one, and what the student is made from."""
    measured = Need("split", part="validation", optional=True, wanted_by=options.measured_for)
    needed = {"rows": Need("rows"), "validation": measured}
    if student.start is not None:
        needed[STUDENT] = Need("model", choose=(student.start,), option=f"{STUDENT}.from")
    if student.tokenizer_of is not None:
        option = f"{STUDENT}.init.tokenizer_of"
        needed[TOKENIZER] = Need("model", choose=(student.tokenizer_of,), option=option)
    return needed


def refuse_weights(named: str | tuple[str, ...] | None, weights: tuple[float, ...]) -> None:
    """Raises ValueError where there is not one weight for each input that is named."""
    inputs = (named,) if isinstance(named, str) else named or ()
    if weights and len(weights) != len(inputs):
        raise ValueError(
            f"weights has {len(weights)} numbers for {len(inputs)} inputs: write input: [a, b] and weights: "
            "[2, 1]"
        )


def rehearsed(config: T) -> T:
    """A training's options for a few steps on one input of made-up rows, of which no tracker is told."""
    trainer = {**config.trainer, "max_steps": REHEARSED_STEPS}
    return config.model_copy(update={"trainer": trainer, "epochs": 1.0, "weights": (), "report_to": ()})


def training_outcome(
    trained: TrainedStudent,
    table: str,
    *,
    student: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
) -> Outcome:
    """What a training hands to the engine.

    Args:
        trained: what it left.
        table: what is printed of it.
        student: what the manifest says of the student beside its base and size.
        extra: what else the manifest has.
    """
    counts = trained.counts
    return Outcome(
        counts,
        {"rejected.jsonl": sum(counts.rejected.values()), "metrics.jsonl": None},
        extra={
            "student": {
                "base": trained.base,
                "revision": trained.revision,
                "parameters": trained.parameters,
                **student,
            },
            "preflight": trained.preflight.plain(),
            "training": dict(trained.figures),
            **(
                {"beside": {name: one.origin for name, one in trained.beside.items()}}
                if trained.beside
                else {}
            ),
            **(extra or {}),
            **_inputs_extra(trained),
        },
        table=table,
    )


def _inputs_extra(trained: TrainedStudent) -> dict[str, Any]:
    """What the manifest has of each input and, with `keep`, of each model beside the last one.

    Inputs are left out where there is one, and every row of it is shown once.
    """
    accounts = trained.mixture.plain()
    plain = len(accounts) == 1 and accounts[0]["shown"] == trained.preflight.kept
    kept = {} if trained.kept is None else {"checkpoints": [dict(one) for one in trained.kept]}
    return kept if plain else {"inputs": accounts, **kept}
