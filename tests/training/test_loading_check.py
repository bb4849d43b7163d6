import importlib.util

import orjson
import pytest

from synthgen.core.config import build
from synthgen.stages import sft
from synthgen.training.loading_check import loading_faults, package_faults
from synthgen.training.lora_options import LoraOptions
from synthgen.training.options import TrainingOptions
from synthgen.training.student_options import StudentOptions
from synthgen.training.template_check import template_faults
from tests.training.families import SIZES, family


def config_only(name, folder):
    """A folder with a config and no weights: weights are not asked for."""
    from transformers import AutoConfig

    folder.mkdir()
    config = AutoConfig.for_model(name, **SIZES.get(name, {}))
    config.save_pretrained(folder)
    return StudentOptions(model=str(folder))


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("t5", {}, "encoder-decoder"),
        ("bart", {}, "encoder-decoder"),
        ("vit", {}, "writes no text"),
        ("diffusion_gemma", {}, "writes no text"),
        ("bert", {}, "masked language model"),
        ("xlm", {}, "masked language model"),
        ("xlnet", {}, "masked language model"),
        ("mamba", {"method": "lora", "lora": LoraOptions(targets=("q_proj",))}, "no module 'q_proj'"),
        ("mamba", {"method": "lora", "lora": LoraOptions(targets=("out_proj",))}, "would do nothing"),
        ("mamba2", {"packing": True}, "state"),
        ("falcon_h1", {"packing": True}, "state"),
    ],
)
def test_what_cannot_work_is_known_from_the_config(name, options, says, tmp_path):
    (fault,) = loading_faults(config_only(name, tmp_path / "m"), TrainingOptions(**options))
    assert says in fault.what and fault.next


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("llama", {"method": "lora", "packing": True}),
        ("gpt_neox", {}),
        ("mamba", {"method": "lora"}),
        ("mamba", {"method": "lora", "lora": LoraOptions(targets=("in_proj", "embeddings"))}),
        ("qwen3_moe", {"method": "lora"}),
        ("falcon_h1", {"method": "lora", "lora": LoraOptions(targets=("q_proj", "in_proj"))}),
    ],
)
def test_what_works_has_no_fault(name, options, tmp_path):
    assert loading_faults(config_only(name, tmp_path / "m"), TrainingOptions(**options)) == []


def test_a_model_with_code_of_its_own_is_not_run_unless_that_was_said(tmp_path):
    folder = tmp_path / "m"
    folder.mkdir()
    config = {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig"}}
    (folder / "config.json").write_bytes(orjson.dumps(config))
    (folder / "own.py").write_text("raise SystemExit('it was run')")
    (fault,) = loading_faults(StudentOptions(model=str(folder)), TrainingOptions())
    assert "not run" in fault.what and "trust_remote_code" in fault.next


def test_a_generation_config_that_cannot_be_read_is_a_fault(tmp_path):
    student = config_only("llama", tmp_path / "m")
    (tmp_path / "m" / "generation_config.json").write_text('{"temperature": ')
    (fault,) = loading_faults(student, TrainingOptions())
    assert "generation_config.json is invalid" in fault.what


def test_a_model_that_is_not_here_is_not_asked_for():
    assert loading_faults(StudentOptions(model="nobody/nothing"), TrainingOptions()) == []


def test_missing_packages_are_named_before_training(monkeypatch):
    there = importlib.util.find_spec

    def without(name, *rest):
        return (
            None
            if name in ("bitsandbytes", "deepspeed", "liger_kernel", "flash_attn")
            else there(name, *rest)
        )

    monkeypatch.setattr(importlib.util, "find_spec", without)
    student = StudentOptions(model="a/b", quantization="4bit", attn_implementation="flash_attention_2")
    options = TrainingOptions(method="lora", trainer={"use_liger_kernel": True, "deepspeed": "zero3.json"})
    faults = package_faults(student, options)
    assert [fault.what.split()[0] for fault in faults] == [
        "bitsandbytes", "flash_attn", "liger_kernel", "deepspeed",
    ]  # fmt: skip
    assert all("pip install" in fault.next for fault in faults)
    assert package_faults(StudentOptions(model="a/b"), TrainingOptions()) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"student": {"model": "a/b", "quantization": "4bit"}}, "goes with method: lora"),
        (
            {"student": {"model": "a/b", "quantization": "8bit", "dtype": "float32"}, "method": "lora"},
            "leave dtype out",
        ),
        ({"student": {"init": {}, "add_tokens": ["<a>"]}}, "belong to model"),
        ({"student": {"model": "a/b"}, "lora": {"dora": True, "init": "pissa"}}, "cannot be used together"),
        (
            {"student": {"model": "a/b"}, "lora": {"parameters": ["x"], "dora": True}},
            "plain adapters only",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, says):
    misfits = []
    assert build(sft.Config, options, (), misfits) is None
    assert any(says in misfit.what for misfit in misfits), misfits


def test_a_chat_token_without_a_row_is_a_fault_and_others_are_none(tmp_path):
    from tests.training.families import small_tokenizer

    small = family("llama", tmp_path / "small", vocab_size=200)  # marks fit, letters do not
    (fault,) = template_faults(StudentOptions(model=str(small)), "output", ())
    assert "embedding 200 rows" in fault.what and "add_tokens" in fault.next
    unused = family("llama", tmp_path / "unused")
    tokenizer = small_tokenizer()
    tokenizer.add_tokens(["<never written>"])
    tokenizer.save_pretrained(unused)
    assert template_faults(StudentOptions(model=str(unused)), "output", ()) == []


@pytest.mark.parametrize(
    "change",
    [
        {"layer_types": ["a", "b"]},
        {"hidden_size": "abc"},
        {"num_hidden_layers": 126, "layer_types": ["full_attention"] * 2},
        {"dtype": "float99"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_config_that_transformers_refuses_is_a_fault(change, tmp_path):
    student = config_only("qwen2", tmp_path / "m")
    file = tmp_path / "m" / "config.json"
    file.write_bytes(orjson.dumps({**orjson.loads(file.read_bytes()), **change}))
    (fault,) = loading_faults(student, TrainingOptions())
    assert fault.what.startswith("the student's config cannot be read: ") and "\n" not in fault.what
