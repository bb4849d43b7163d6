"""What is known of a teacher and a student that exist before anything runs: no weights are loaded."""

import json

import pytest

from synthgen.core.errors import ConfigError
from synthgen.stages.evaluate import run as evaluate
from synthgen.training.local_teacher import LocalTeacher, local_teacher, open_teacher
from synthgen.training.student_options import StudentOptions
from synthgen.training.teacher_check import (
    foreseen_kind_faults,
    foreseen_teacher_faults,
    shared_vocabulary,
    teacher_notes,
)
from synthgen.training.teacher_options import LocalTeacherOptions
from tests.training.families import family


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return family("llama", folder / "student"), family("qwen3", folder / "teacher")


def foreseen(student, teacher):
    return foreseen_teacher_faults(
        LocalTeacherOptions(model=str(teacher)), StudentOptions(model=str(student))
    )


def changed(model, folder, change):
    """A copy of a model's folder whose tokenizer.json was changed."""
    folder.mkdir()
    for file in model.iterdir():
        if file.suffix == ".json":
            (folder / file.name).write_bytes(file.read_bytes())
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    change(tokenizer)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


def test_models_of_one_tokenizer_have_no_faults(models):
    assert foreseen(*models) == []


def test_a_token_with_another_id_is_named(models, tmp_path):
    def swap(tokenizer):
        vocabulary = tokenizer["model"]["vocab"]
        first, second = sorted(vocabulary, key=vocabulary.get)[20:22]
        vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]

    (fault,) = foreseen(models[0], changed(models[1], tmp_path / "other", swap))
    assert "different tokenizers: token " in fault.what
    assert "sft on the texts" in fault.next


def test_what_is_not_here_yet_is_not_judged(models):
    assert foreseen(models[0], "somebody/unheard-of-1B") == []
    assert foreseen("somebody/unheard-of-1B", models[1]) == []


def test_a_teacher_whose_folder_is_not_there_is_told_though_its_student_is_yet_to_be_made():
    student = StudentOptions(init={"hidden_size": 32})
    (fault,) = foreseen_teacher_faults(LocalTeacherOptions(model="./nowhere"), student)
    assert fault.what == "the teacher's folder does not exist" and fault.where == "./nowhere"


def test_a_folder_without_a_tokenizer_is_named(models, tmp_path):
    (tmp_path / "config.json").write_bytes((models[1] / "config.json").read_bytes())
    (fault,) = foreseen(models[0], tmp_path)
    assert fault.what == "the teacher comes without a tokenizer"


def test_an_encoder_decoder_does_not_teach(models, tmp_path):
    folder = changed(models[1], tmp_path / "t5", lambda tokenizer: None)
    (folder / "config.json").write_text(json.dumps({"model_type": "t5", "vocab_size": 500}))
    (fault,) = foreseen(models[0], folder)
    assert "no causal language model (t5)" in fault.what


@pytest.mark.parametrize("kind", ["vit", "clip", "whisper", "bert", "t5"])
def test_what_writes_no_text_is_told_without_a_student(models, tmp_path, kind):
    folder = changed(models[1], tmp_path / kind, lambda tokenizer: None)
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    (fault,) = foreseen_kind_faults(LocalTeacherOptions(model=str(folder)))
    assert f"no causal language model ({kind})" in fault.what and foreseen(models[0], folder) == [fault]
    assert foreseen_kind_faults(LocalTeacherOptions(model=str(models[1]))) == []
    (missing,) = foreseen_kind_faults(LocalTeacherOptions(model="./not-there"))
    assert "does not exist" in missing.what
    assert foreseen_kind_faults(LocalTeacherOptions(model="nobody/nothing")) == [], "not here yet"


def test_evaluate_says_so_before_a_student_is_trained(models, tmp_path):
    folder = changed(models[1], tmp_path / "vit", lambda tokenizer: None)
    (folder / "config.json").write_text(json.dumps({"model_type": "vit"}))
    config = evaluate.STAGE.config.model_validate({"likelihood": {"teacher": {"model": str(folder)}}})
    (fault,) = evaluate.STAGE.foresees(config, [])
    assert "no causal language model (vit)" in fault.what


def test_another_template_is_said(models, tmp_path):
    from transformers import AutoTokenizer

    folder = changed(models[1], tmp_path / "other", lambda tokenizer: None)
    theirs = AutoTokenizer.from_pretrained(folder)
    theirs.chat_template = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}"
    theirs.save_pretrained(folder)
    student = AutoTokenizer.from_pretrained(models[0])
    student.chat_template = "{% for m in messages %}<{{ m.role }}> {{ m.content }}{% endfor %}"
    teacher = LocalTeacher("big", local_teacher(LocalTeacherOptions(model=str(folder)), None).source)
    (note,) = teacher_notes(teacher, student, 1 << 20, ["One text."])[-1:]
    assert "reads the student's chat template" in note and "'<user>" in note and "'[user]" in note


def test_vocabularies_that_differ_in_padding_share_the_shorter():
    shared, note = shared_vocabulary(151_936, 152_064, 151_665, "big")
    assert shared == 151_936
    assert "151,936 logits and the teacher 152,064" in note
    assert shared_vocabulary(400, 400, 400, "big") == (400, "")
    with pytest.raises(ConfigError, match="has 400 tokens, but the teacher logits for 399"):
        shared_vocabulary(400, 399, 400, "big")


@pytest.mark.parametrize("device", ["potato", "cuda:999", "meta"])
def test_a_device_that_is_not_here_is_named(models, device):
    named = local_teacher(LocalTeacherOptions(model=str(models[1]), device=device), None)
    with pytest.raises(ConfigError) as caught:
        open_teacher(named, "cpu")
    message = str(caught.value)
    assert f"the teacher's device '{device}' cannot be used: " in message
    assert "this machine has cpu" in message and "where the student is trained" in message
