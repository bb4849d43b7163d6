"""Memory, disk and hours of training stages, without a teacher, without weights, and without torch."""

from pathlib import Path

import orjson
import pytest

from synthgen.core.config import resolved
from synthgen.core.errors import ConfigError
from synthgen.core.progress import Reporter
from synthgen.operations.estimate import training as module
from synthgen.operations.estimate.estimate import estimate_pipeline, estimate_text
from synthgen.pipeline.file import load_pipeline
from synthgen.store.machine import host
from synthgen.store.manifest import Manifest, write_manifest

QUIET = Reporter("silent")
INIT = "init: {hidden_size: 32, layers: 2, heads: 2, vocab_size: 400}"
SFT = f"  - sft: {{student: {{{INIT}}}, max_length: 64, batch_size: 4}}\n"
PREFER = "  - prefer: {input: rows, student: {from: sft}, method: lora, max_length: 64, batch_size: 2}\n"


@pytest.fixture
def pipeline(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def made(stages=SFT):
        rows = [{"id": str(at), "instruction": "Why?", "output": "So."} for at in range(6)]
        Path("rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
        path = Path("p.yaml")
        path.write_text("name: p\nstages:\n  - load: {id: rows, sources: [rows.jsonl]}\n" + stages)
        return load_pipeline(path)

    return made


def trained(folder, pipeline, **changes):
    """What an earlier training of the stage left: 6 rows, 3 epochs, 600 tokens in 60 s."""
    spec = pipeline.stage("sft")
    config = {**resolved(spec.config), **changes}
    folder.mkdir(parents=True)
    write_manifest(
        folder,
        Manifest(
            stage="sft",
            kind="sft",
            writes="model",
            key="k",
            key_parts={},
            config=config,
            counts={"in": 6},
            extra={"training": {"tokens": 600}, "preflight": {"longest": 40}},
            seconds=60.0,
            host=host(),
        ),
    )


def test_a_pipeline_without_a_teacher_gets_memory_and_disk_of_its_training(pipeline):
    estimated = estimate_pipeline(pipeline(), reporter=QUIET)
    (entry,) = estimated["training"]
    assert (entry["stage"], entry["sequences"], entry["tokens"], entry["hours"]) == ("sft", 4, 64, None)
    assert entry["memory_bytes"] > 4 * 4 * entry["parameters"] and entry["disk_bytes"] > 0
    text = estimate_text(estimated)
    assert "sft: time: known after the first steps" in text and "max_length is taken for the longest" in text
    assert "total" not in estimated and not Path("data/runs/p").exists()


def test_a_student_of_a_stage_that_has_not_run_is_known_by_that_ones_sizes(pipeline):
    first, second = estimate_pipeline(pipeline(SFT + PREFER), reporter=QUIET)["training"]
    assert second["parameters"] > first["parameters"] > 0, "adapters are weights, too"
    assert second["trained"] == second["parameters"] - first["parameters"] and second["sequences"] == 4


def test_a_student_with_the_tokenizer_of_a_stage_has_as_many_tokens_as_that_one(pipeline):
    taken = SFT.replace("sft: {", "sft: {id: small, input: rows, ").replace(
        "vocab_size: 400", "tokenizer_of: sft"
    )
    first, second = estimate_pipeline(pipeline(SFT + taken), reporter=QUIET)["training"]
    assert first["parameters"] == second["parameters"]
    third = taken.replace("id: small", "id: third").replace("tokenizer_of: sft", "tokenizer_of: better")
    better = PREFER.replace("prefer: {", "prefer: {id: better, ")
    *_, last = estimate_pipeline(pipeline(SFT + better + third), reporter=QUIET)["training"]
    assert last["parameters"] == first["parameters"], "through the stage that it starts from"


def test_hours_follow_from_an_earlier_training_of_the_same_student(pipeline):
    made = pipeline()
    trained(Path("data/runs/p/sft"), made)
    longer = pipeline(SFT.replace("max_length", "epochs: 6, max_length"))
    (entry,) = estimate_pipeline(longer, reporter=QUIET)["training"]
    assert entry["hours"] == pytest.approx(120 / 3600) and entry["tokens"] == 40
    assert "time: about 2 min, at the 10 tokens/s of its last training" in entry["notes"]


def test_a_training_of_another_student_says_nothing_of_hours(pipeline):
    made = pipeline()
    trained(Path("data/runs/p/sft"), made, batch_size=64)
    assert estimate_pipeline(made, reporter=QUIET)["training"][0]["hours"] is None


def test_a_student_that_is_nowhere_here_is_said(pipeline):
    made = pipeline("  - sft: {student: {model: nobody/nothing-here}}\n")
    (entry,) = estimate_pipeline(made, reporter=QUIET)["training"]
    assert "not in the hub's cache yet, or cannot be read" in entry["notes"][0]


def test_without_torch_it_says_what_is_missing(pipeline, monkeypatch):
    monkeypatch.setattr(module, "can_count", lambda: False)
    estimated = estimate_pipeline(pipeline(), reporter=QUIET)
    assert "torch, transformers and peft are needed" in estimate_text(estimated)
    assert "memory_bytes" not in estimated["training"][0]


def test_a_pipeline_that_neither_asks_nor_trains_is_refused(pipeline):
    with pytest.raises(ConfigError, match="asks no teacher"):
        estimate_pipeline(pipeline(""), reporter=QUIET)


def test_no_sequence_is_longer_than_what_the_student_reads(pipeline):
    reads_64 = SFT.replace("vocab_size: 400", "vocab_size: 400, positions: 64")
    short, long = (
        estimate_pipeline(pipeline(text), reporter=QUIET)["training"][0]
        for text in (reads_64, reads_64.replace("max_length: 64", "max_length: 4096"))
    )
    assert "the 64 tokens that it reads are taken for the longest" in long["notes"][0]
    told = {name: value for name, value in short.items() if name != "notes"}
    assert told == {name: value for name, value in long.items() if name != "notes"}


BIG_INIT = "init: {hidden_size: 64, layers: 3, heads: 2, vocab_size: 400}"
BIG = f"  - sft: {{id: big, student: {{{BIG_INIT}}}, max_length: 64}}\n"
TAUGHT = "  - distill: {{input: rows, max_length: 64, student: {{{student}}}, {more}}}\n"


@pytest.mark.parametrize(
    ("more", "taken", "says"),
    [
        ("teacher: {from: big}", 4, "which take"),
        ("teacher: {from: big, dtype: bfloat16}", 2, "which take"),
        ("teacher: {init: {hidden_size: 64, layers: 3, heads: 2}, online: true}", 16, "are trained too"),
        ("teacher: {from: big}, knowledge: feature", 4, "projections of 6,336 weights"),
    ],
)
def test_memory_of_a_teacher_beside_its_student_is_told(pipeline, more, taken, says):
    made = pipeline(BIG + TAUGHT.format(student=INIT, more=more))
    big, taught = module.estimate_training(made, Path("runs"))
    projections = 16 * 6336 if "projections" in says else 0
    assert taught["teacher_bytes"] == taken * big["parameters"] + projections
    assert says in taught["notes"][1]


def test_a_student_that_is_its_own_teacher_takes_its_weights_once_more(pipeline):
    taught = module.estimate_training(
        pipeline(SFT + TAUGHT.format(student="from: sft", more="teacher: self")), Path("runs")
    )[1]
    assert taught["teacher_bytes"] == taught["memory"]["weights"]
    assert "a copy of it" in taught["notes"][1]


def test_a_teacher_that_is_not_loaded_or_not_here_takes_nothing_that_is_known(pipeline):
    stages = TAUGHT.format(student=INIT, more="teacher: {model: nobody/has-this}")
    (taught,) = module.estimate_training(pipeline(stages), Path("runs"))
    assert "teacher_bytes" not in taught and "parameters" in taught
