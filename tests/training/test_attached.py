"""A module that is trained with a student: checkpoints hold it, and nothing that is published shows it."""

import json

import pytest
import torch
from safetensors.torch import load_file

from synthgen.core.errors import StageFailed
from synthgen.training import attached
from synthgen.training.adapters import lora_config, reach
from synthgen.training.lora_options import LoraOptions
from synthgen.training.restoring import require_attached, restore_weights, stored_under_other_names
from tests.training.families import family
from tests.training.knowledge.test_response import llama

pytestmark = pytest.mark.slow


class Widening(torch.nn.Module):  # type: ignore[misc]
    """Two linear layers, one of them under a name that the student has, too."""

    def __init__(self):
        super().__init__()
        self.q_proj, self.last = torch.nn.Linear(16, 24), torch.nn.Linear(16, 24)

    def forward(self, hidden):
        return self.q_proj(hidden) + self.last(hidden)


def student(method, part=None, **options):
    """A student as its trainer has it, with a part or without."""
    from peft import get_peft_model

    model = llama(16, 0)
    adapters = lora_config(model, LoraOptions(rank=2, **options)) if method == "lora" else None
    if part is not None:
        attached.attach(model, part, adapters)
    torch.manual_seed(3)
    return model if adapters is None else get_peft_model(model, adapters)


def moved(model):
    """One step of training, so that nothing is as it started."""
    ids = torch.arange(2, 10)[None]
    hidden = model(input_ids=ids, output_hidden_states=True).hidden_states[1]
    (attached.attached_to(model)(hidden).square().mean() + hidden.square().mean()).backward()
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    torch.optim.AdamW(trained, lr=0.1).step()
    return model


def weights(part):
    return {name: value.clone() for name, value in part.state_dict().items()}


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_what_is_drawn_depends_on_the_seed_alone_and_changes_nothing_else():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    with attached.seeded(1):
        one = Widening()
    assert torch.equal(torch.rand(3), expected)
    with attached.seeded(1):
        assert same(weights(one), weights(Widening()))
    with attached.seeded(2):
        assert not same(weights(one), weights(Widening()))


@pytest.mark.parametrize("method", ["full", "lora"])
def test_checkpoints_hold_it_and_a_student_with_or_without_it_takes_them(method, tmp_path):
    model = moved(student(method, Widening()))
    trained = weights(attached.attached_to(model))
    model.save_pretrained(tmp_path)
    again = student(method, Widening())
    restore_weights(again, tmp_path, method)
    assert same(weights(attached.attached_to(again)), trained)
    plain = student(method)
    assert method == "lora" or not stored_under_other_names(plain, tmp_path)
    restore_weights(plain, tmp_path, method)
    ids = torch.arange(2, 10)[None]
    assert torch.equal(plain(ids).logits, model(ids).logits)
    assert attached.attached_to(plain) is None


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_checkpoint_without_it_is_refused(method, tmp_path):
    student(method).save_pretrained(tmp_path)
    require_attached(student(method), tmp_path)
    with pytest.raises(StageFailed, match="lacks what is trained with the student: attached.q_proj.weight"):
        restore_weights(student(method, Widening()), tmp_path, method)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"targets": ("q_proj",)},
        {"targets": ".*_proj"},
        {"modules_to_save": ("lm_head",)},
    ],
    ids=lambda options: ",".join(options) or "all-linear",
)
def test_no_adapter_is_put_on_it_and_none_tells_of_it(options, tmp_path):
    model, plain = student("lora", Widening(), **options), student("lora", **options)
    part = attached.attached_to(model)
    assert not any("lora_" in name for name, _ in part.named_parameters())
    assert all(weight.requires_grad for weight in part.parameters())
    assert "attached" not in reach(model, LoraOptions())
    assert attached.take_off(model) is part
    for made, name in ((model, "with"), (plain, "without")):
        made.save_pretrained(tmp_path / name)
    first, second = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("with", "without"))
    assert same(first, second)
    configs = [
        json.loads((tmp_path / name / "adapter_config.json").read_text()) for name in ("with", "without")
    ]
    for config in configs:
        if isinstance(config["target_modules"], list):
            config["target_modules"].sort()
    assert configs[0] == configs[1]
    assert same(weights(model.merge_and_unload()), weights(plain.merge_and_unload()))


def test_a_model_is_saved_as_if_it_had_never_been_there(tmp_path):
    model, plain = student("full", Widening()), student("full")
    attached.take_off(model)
    assert attached.take_off(model) is None
    for made, name in ((model, "with"), (plain, "without")):
        made.save_pretrained(tmp_path / name)
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "with" / name).read_bytes() == (tmp_path / "without" / name).read_bytes()


def test_a_language_model_with_tied_weights_is_held(tmp_path):
    peer = llama(24, 1, tie_word_embeddings=True)
    model = student("full", peer)
    model.save_pretrained(tmp_path)
    again = student("full", llama(24, 2, tie_word_embeddings=True))
    restore_weights(again, tmp_path, "full")
    assert same(weights(again), weights(model))
    assert attached.attached_to(again).lm_head.weight is attached.attached_to(again).model.embed_tokens.weight
    attached.take_off(again)
    assert not any("attached" in name for name in again.all_tied_weights_keys)


def test_weights_that_a_family_stores_under_other_names_are_held(tmp_path):
    from transformers import AutoModelForCausalLM

    folder = family("mixtral", tmp_path / "base")
    model, again = (AutoModelForCausalLM.from_pretrained(folder) for _ in range(2))
    width = model.config.hidden_size
    for made in (model, again):
        attached.attach(made, torch.nn.Linear(width, 4), None)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1.0)
    model.save_pretrained(tmp_path / "checkpoint")
    assert stored_under_other_names(again, tmp_path / "checkpoint")
    restore_weights(again, tmp_path / "checkpoint", "full")
    assert same(weights(again), weights(model))


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("kept", [True, False], ids=["with", "without"])
def test_the_process_of_a_run_takes_what_its_ranks_left(method, kept, tmp_path):
    from synthgen.training.processes.train import load_trained
    from synthgen.training.student import Student

    ranks = moved(student(method, Widening()))
    ranks.save_pretrained(tmp_path)
    model = llama(16, 0)
    if kept:
        attached.attach(model, Widening(), None)
    run = Student(model, None, "tiny", None, frozenset())
    load_trained(run, tmp_path, method)
    ids = torch.arange(2, 10)[None]
    assert torch.equal(run.model(ids).logits, ranks(ids).logits)
    part = attached.take_off(run.model)
    assert same(weights(part), weights(attached.attached_to(ranks))) if kept else part is None
    if method == "lora":
        config = run.model.peft_config["default"]
        assert config.modules_to_save is None and "attached" not in str(config.target_modules)
