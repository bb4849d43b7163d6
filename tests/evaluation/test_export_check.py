"""Damage to an exported folder is named, and what changes nothing is not: 20 seeds of each."""

import json
import random
import re
import shutil

import pytest

from synthgen.evaluation.export_check import export_faults
from tests.evaluation.tiny_models import TEMPLATE, tiny_model

pytestmark = pytest.mark.slow

SEEDS = range(20)
QUESTIONS = ["What is 1 and 2?", "Wie viel ist 3 und 4?", "A line\nand another", "  spaces  ", "☃ 雪"]


def rows_of(draw):
    """Some test rows, as they come: with and without a system turn, or as a conversation."""
    return [
        draw.choice(
            [
                {"instruction": question},
                {"system": "Be brief.", "instruction": question},
                {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": "1"}]},
            ]
        )
        for question in draw.sample(QUESTIONS, 3)
    ]


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("student") / "model")


@pytest.fixture
def exported(student, tmp_path):
    return shutil.copytree(student, tmp_path / "exported")


def changed(file, **values):
    """Sets values of a JSON file; None takes one out."""
    content = json.loads(file.read_text())
    content |= values
    file.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))


def names(student, exported, rows):
    return {fault.partition(":")[0] for fault in export_faults(student, exported, rows)}


def lose_in_settings(folder, draw):
    changed(folder / "generation_config.json", eos_token_id=draw.choice([None, 0, 1, 77]))
    changed(folder / "config.json", eos_token_id=None)


def lose_in_tokenizer(folder, draw):
    changed(folder / "tokenizer_config.json", eos_token=draw.choice(["<pad>", "<|im_start|>"]))


def end_elsewhere_too(folder, draw):
    changed(folder / "generation_config.json", eos_token_id=[2, draw.randrange(3, 300)])


@pytest.mark.parametrize("seed", SEEDS)
def test_an_end_token_that_was_lost(student, exported, seed):
    draw = random.Random(seed)
    draw.choice([lose_in_settings, lose_in_tokenizer, end_elsewhere_too])(exported, draw)
    assert names(student, exported, rows_of(draw)) == {"end_token"}


def places_of(template):
    """The places of a template at which a space is written: not in a tag, not before one that eats it."""
    text, at = [], 0
    for tag in [*re.finditer(r"\{[%{].*?[%}]\}\n?", template), None]:
        end = len(template) if tag is None else tag.start()
        text += [place for place in range(at, end + 1) if template[at:place].strip()]
        at = end if tag is None else tag.end()
    return text


@pytest.mark.parametrize("seed", SEEDS)
def test_a_chat_template_with_a_space_too_many(student, exported, seed):
    draw = random.Random(seed)
    place = draw.choice(places_of(TEMPLATE))
    (exported / "chat_template.jinja").write_text(f"{TEMPLATE[:place]} {TEMPLATE[place:]}")
    (fault,) = export_faults(student, exported, rows_of(draw))
    assert fault.startswith("chat_template: it writes another prompt: after ") and " comes ' " in fault


def test_a_chat_template_that_breaks_earlier_answers_alone(student, exported):
    """The first question is asked as before; the second one, after an answer, is not."""
    broken = TEMPLATE.replace(
        "{{ turn.content }}", "{% if turn.role == 'assistant' %} {% endif %}{{ turn.content }}"
    )
    (exported / "chat_template.jinja").write_text(broken)
    assert names(student, exported, [{"instruction": "?"}]) == {"chat_template"}


def test_a_chat_template_that_was_lost(student, exported):
    (exported / "chat_template.jinja").unlink()
    assert names(student, exported, [{"instruction": "?"}]) == {"chat_template"}


def test_a_vocabulary_that_was_changed(student, exported):
    file = exported / "tokenizer.json"
    content = json.loads(file.read_text())
    vocabulary = content["model"]["vocab"]
    vocabulary["Z"], vocabulary["Q"] = vocabulary["Q"], vocabulary["Z"]
    file.write_text(json.dumps(content))
    assert names(student, exported, [{"instruction": "Zebra?"}]) == {"tokens"}


@pytest.mark.parametrize("file", ["tokenizer.json", "tokenizer_config.json", "config.json"])
def test_a_file_that_cannot_be_read_is_no_traceback(student, exported, file):
    (exported / file).write_text("{")
    assert export_faults(student, exported, [{"instruction": "What?"}])


def resave(folder, draw):
    from transformers import AutoTokenizer

    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)


def write_template_elsewhere(folder, draw):
    (folder / "chat_template.jinja").unlink()
    changed(folder / "tokenizer_config.json", chat_template=TEMPLATE)


def indent(folder, draw):
    for file in folder.glob("*.json"):
        file.write_text(json.dumps(json.loads(file.read_text()), indent=draw.choice([None, 0, 4])))


def list_the_end(folder, draw):
    changed(folder / "generation_config.json", eos_token_id=[2])


def settings_in_the_config(folder, draw):
    (folder / "generation_config.json").unlink()


def sampling(folder, draw):
    changed(folder / "generation_config.json", do_sample=True, temperature=draw.random() + 0.1)


HARMLESS = [resave, write_template_elsewhere, indent, list_the_end, settings_in_the_config, sampling]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_changes_nothing_is_not_named(student, exported, seed):
    draw = random.Random(seed)
    # Settings that are taken away are taken away last.
    for change in sorted(draw.sample(HARMLESS, 2), key=lambda change: change is settings_in_the_config):
        change(exported, draw)
    assert export_faults(student, exported, rows_of(draw)) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_int4_without_groups(student, tmp_path, seed):
    """Written by torchao itself, at sizes of several kinds; with groups, and in 8 bits, it is fine."""
    quantization = pytest.importorskip("torchao.quantization")
    granularity = pytest.importorskip("torchao.quantization.granularity")
    import torch
    from transformers import AutoModelForCausalLM, TorchAoConfig

    draw = random.Random(seed)
    group = draw.choice([8, 16, 24, 48])
    grouped = granularity.PerGroup(group)
    kind = draw.choice(
        [quantization.IntxWeightOnlyConfig, quantization.Int8DynamicActivationIntxWeightConfig]
    )
    word = "granularity" if kind is quantization.IntxWeightOnlyConfig else "weight_granularity"
    schemes = {
        "rows": kind(weight_dtype=torch.int4, **{word: granularity.PerAxis(0)}),
        "groups": kind(weight_dtype=torch.int4, **{word: grouped}),
        "eight": draw.choice(
            [
                quantization.Int8WeightOnlyConfig(),
                quantization.IntxWeightOnlyConfig(
                    weight_dtype=torch.int8, granularity=granularity.PerAxis(0)
                ),
            ]
        ),
    }
    for name, scheme in schemes.items():
        folder = shutil.copytree(student, tmp_path / name)
        dtype = draw.choice([torch.float32, torch.bfloat16])
        model = AutoModelForCausalLM.from_pretrained(
            student, dtype=dtype, quantization_config=TorchAoConfig(quant_type=scheme)
        )
        model.save_pretrained(folder)
        assert names(student, folder, rows_of(draw)) == ({"int4_without_groups"} if name == "rows" else set())
