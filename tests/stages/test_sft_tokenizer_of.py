"""A student from scratch with the tokenizer of another stage's model, so that this one can teach it."""

import pytest

from synthgen.core.artefacts import Artefact
from synthgen.core.config import fingerprint
from synthgen.core.errors import ConfigError
from synthgen.stages import sft
from synthgen.stages.distill import run as distill
from synthgen.training.student_options import InitOptions
from tests.stages.distill_bench import bench, teacher
from tests.stages.sft_bench import TINY, Bench, artefact, rows
from tests.training.families import TEMPLATE, family

TAKEN = {"init": {"hidden_size": 16, "layers": 1, "heads": 2, "positions": 250, "tokenizer_of": "teacher"}}


def config(student=TAKEN, stage=sft, **options):
    return stage.Config.model_validate({"student": student, **options})


def test_the_stage_is_read_and_only_its_model_counts_for_the_key():
    need = sft.needs(config())["tokenizer"]
    assert (need.kind, need.choose, need.option) == ("model", ("teacher",), "student.init.tokenizer_of")
    assert "tokenizer" in distill.needs(config(stage=distill, teacher={"from": "teacher"}))
    assert "tokenizer" not in sft.needs(config(TINY))
    named = {**TAKEN["init"], "tokenizer_of": "other"}
    assert fingerprint(config()) == fingerprint(config({"init": named}))
    assert "tokenizer_of" not in fingerprint(config(TINY))["student"]["init"], "older results keep their key"


def test_a_vocabulary_is_refused_beside_it_unless_it_is_the_default_that_a_resolved_file_names():
    with pytest.raises(ValueError, match="vocab_size is of a tokenizer that is made from the data"):
        InitOptions(tokenizer_of="teacher", vocab_size=400)
    assert InitOptions(tokenizer_of="teacher", vocab_size=1024).tokenizer_of == "teacher"


@pytest.mark.slow
def test_a_scratch_student_of_other_rows_reads_the_teachers_tokens(tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    of_others = Bench(tmp_path / "others", rows(60, seed=5))
    taught = teacher(tmp_path, artefact(of_others.data))
    own = Bench(tmp_path / "own", rows(16), student={"init": {**TINY["init"], "vocab_size": 420}})
    made = Bench(tmp_path / "taken", rows(16), student=TAKEN, epochs=1)
    made.more = {"tokenizer": (taught,)}
    for one in (own, made):
        one.run()
    theirs, taken, of_own_rows = (
        AutoTokenizer.from_pretrained(folder)
        for folder in (taught.file, made.folder / "out" / "model", own.folder / "out" / "model")
    )
    assert taken.get_vocab() == theirs.get_vocab() != of_own_rows.get_vocab()
    assert taken.chat_template == theirs.chat_template and taken.eos_token == theirs.eos_token
    model = AutoModelForCausalLM.from_pretrained(made.folder / "out" / "model")
    assert model.config.vocab_size == len(theirs) and model.config.hidden_size == 16
    assert taken.model_max_length == model.config.max_position_embeddings == 250


@pytest.mark.slow
def test_distill_takes_a_teacher_of_other_rows_by_it_and_refuses_it_without(tmp_path):
    of_others = Bench(tmp_path / "others", rows(60, seed=5))
    taught = teacher(tmp_path, artefact(of_others.data))
    without = bench(tmp_path / "without", rows(8), student={"init": {**TINY["init"], "vocab_size": 420}})
    without.more = {"teacher": (taught,)}
    with pytest.raises(ConfigError, match="different tokenizers"):
        without.run()
    made = bench(tmp_path / "taken", rows(8), student=TAKEN, epochs=1)
    made.more = {"teacher": (taught,), "tokenizer": (taught,)}
    outcome = made.run()
    assert outcome.counts.kept == 8 and not any("compared" in line for line in made.heard)


@pytest.mark.slow
def test_the_template_the_end_and_the_padding_are_those_of_the_other_model(tmp_path):
    from transformers import AutoTokenizer

    folder = family("llama", tmp_path / "real")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.save_pretrained(folder)
    real = Artefact("real", "sft", "model", tmp_path, folder, "0" * 64, 0, config={"student": {}})
    made = Bench(tmp_path / "taken", rows(8), student=TAKEN, epochs=1)
    made.more = {"tokenizer": (real,)}
    made.run()
    taken = AutoTokenizer.from_pretrained(made.folder / "out" / "model")
    assert taken.chat_template.startswith(TEMPLATE) and taken.pad_token == taken.eos_token
    assert any("<|im_start|>assistant" in line for line in made.heard), "the masked example is shown in it"


@pytest.mark.slow
def test_a_folder_without_a_tokenizer_is_told(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    made = Bench(tmp_path / "taken", rows(8), student=TAKEN, epochs=1)
    made.more = {"tokenizer": (Artefact("real", "sft", "model", empty, empty, "0" * 64, 0, config={}),)}
    with pytest.raises(ConfigError, match="cannot load the tokenizer"):
        made.run()
