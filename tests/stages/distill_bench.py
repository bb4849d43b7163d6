"""Runs the distill stage in a folder of its own, from a tiny teacher with random weights."""

from pathlib import Path

from synthgen.core.artefacts import Artefact
from synthgen.stages.distill import run as distill
from synthgen.store.jsonl import read_rows
from synthgen.training.run import learned_texts
from synthgen.training.student import open_student, save
from synthgen.training.student_options import StudentOptions
from tests.stages.sft_bench import TINY, Bench, artefact

SURER = 6.0  # times: a random teacher that is sure of what it says has something to teach


def teacher(folder, data, **config):
    """A teacher as a training stage publishes it, with the tokenizer that a student of these rows gets."""
    folder = Path(folder) / "teacher"
    if not (folder / "model").exists():
        init = {**TINY["init"], "hidden_size": 32}
        made = open_student(StudentOptions(init=init), lambda: learned_texts(read_rows(data.file)), 9, False)
        for weight in made.model.model.layers.parameters():
            weight.data.mul_(SURER if weight.dim() > 1 else 1.0)
        made.model.config.update(config)
        save(made, folder / "model")
    options = {"student": {"init": {}}, "completion": "output"}
    return Artefact("teacher", "sft", "model", folder, folder / "model", "0" * 64, 0, config=options)


def bench(folder, made=None, **options):
    """A bench whose student learns from such a teacher."""
    made = Bench(folder, made, distill, **{"teacher": {"from": "teacher"}, **options})
    # Dropout would show in what it says, were it not in evaluation mode.
    made.more = {"teacher": (teacher(made.folder, artefact(made.data), attention_dropout=0.5),)}
    return made
