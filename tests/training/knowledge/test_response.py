"""The loss of soft targets on whole models: beside a direct computation over all logits."""

import pytest
import torch
from torch.nn.functional import kl_div, log_softmax

from synthgen.training import token_logits
from synthgen.training.encoding import IGNORED
from synthgen.training.knowledge.contract import lesson_of
from synthgen.training.knowledge.response import Comparison, ResponseOfModel
from synthgen.training.taught_trainer import lesson_sums, score_positions
from synthgen.training.token_logits import logits_of, passed_through, require_known_head
from tests.training.families import SIZES, family

VOCABULARY = 90


def llama(hidden, seed, head=VOCABULARY, layers=2, **more):
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        hidden_size=hidden,
        intermediate_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        vocab_size=head,
        initializer_range=0.3,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=1,
        **more,
    )
    return LlamaForCausalLM(config)


def batch(left=False):
    """Three rows of unequal length, each a prompt of three tokens and a completion."""
    torch.manual_seed(5)
    rows = [torch.randint(2, VOCABULARY, (size,)).tolist() for size in (9, 5, 12)]
    width = max(map(len, rows))

    def filled(row, value):
        rest = [value] * (width - len(row))
        return rest + row if left else row + rest

    ids = torch.tensor([filled(row, 0) for row in rows])
    mask = torch.tensor([filled([1] * len(row), 0) for row in rows])
    labels = torch.tensor([filled([IGNORED] * 3 + row[3:], IGNORED) for row in rows])
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    return {"input_ids": ids, "attention_mask": mask, "position_ids": positions}, labels


def directly(student, teacher, inputs, labels, temperature, weight, shared=VOCABULARY):
    """Cross entropy and Hinton's loss as one would write them down, row by row."""
    ours, theirs = student(**inputs).logits, teacher(**inputs).logits.detach()
    text, apart, tokens = 0.0, 0.0, 0
    for row in range(len(labels)):
        for at in range(1, labels.shape[1]):
            if labels[row, at] == IGNORED:
                continue
            text = text - log_softmax(ours[row, at - 1], -1)[labels[row, at]]
            said = log_softmax(ours[row, at - 1, :shared] / temperature, -1)
            wanted = log_softmax(theirs[row, at - 1, :shared] / temperature, -1)
            apart = apart + temperature**2 * kl_div(said, wanted, reduction="sum", log_target=True)
            tokens += 1
    return ((1 - weight) * text + weight * apart) / tokens


def scored(student, teacher, inputs, labels, how):
    knowledge, lesson = ResponseOfModel(teacher, how), lesson_of({**inputs, "labels": labels}, ())
    sums = lesson_sums(student, knowledge, lesson)
    return knowledge.loss(sums) / len(lesson.targets), sums, len(lesson.targets)


def gradients(model):
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


def assert_equal_gradients(found, wanted, tolerance=1e-5):
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert torch.allclose(found[name], value, atol=tolerance), name


@pytest.mark.parametrize("parts", ["whole", "in parts"])
@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_loss_and_gradient_are_those_of_all_logits(temperature, left, parts, monkeypatch):
    if parts == "in parts":
        monkeypatch.setattr(token_logits, "LOGITS", 4 * VOCABULARY)  # four positions at a time
    student, teacher = llama(16, 0), llama(24, 1).eval().requires_grad_(False)
    inputs, labels = batch(left)
    wanted = directly(student, teacher, inputs, labels, temperature, 0.7)
    wanted.backward()
    expected = gradients(student)
    student.zero_grad()
    score_positions(student)
    how = Comparison("forward_kl", 0.5, temperature, None, 0.7, VOCABULARY)
    loss, sums, tokens = scored(student, teacher, inputs, labels, how)
    loss.backward()
    assert tokens == 6 + 2 + 9
    assert loss.item() == pytest.approx(wanted.item(), abs=1e-5)
    assert_equal_gradients(gradients(student), expected)
    said = student(**inputs).logits[:, :-1][labels[:, 1:] != IGNORED].log_softmax(-1)
    assert sums[2].item() == pytest.approx(-(said.exp() * said).sum().item(), rel=1e-5)
    right = (said.argmax(-1) == labels[:, 1:][labels[:, 1:] != IGNORED]).sum()
    assert sums[3].item() == right.item()


def test_logits_that_only_pad_a_vocabulary_are_left_out():
    student, teacher = llama(16, 0, VOCABULARY + 6), llama(24, 1, VOCABULARY + 38).eval()
    inputs, labels = batch()
    wanted = directly(student, teacher, inputs, labels, 1.0, 0.5, VOCABULARY + 6)
    score_positions(student)
    how = Comparison("forward_kl", 0.5, 1.0, None, 0.5, VOCABULARY + 6)
    loss, _, _ = scored(student, teacher, inputs, labels, how)
    assert loss.item() == pytest.approx(wanted.item(), abs=1e-5)


def test_adapters_learn_the_same():
    from peft import LoraConfig, get_peft_model

    teacher = llama(24, 1).eval().requires_grad_(False)
    inputs, labels = batch()
    found = []
    for direct in (True, False):
        student = llama(16, 0)
        torch.manual_seed(3)
        student = get_peft_model(
            student, LoraConfig(r=2, init_lora_weights=False, target_modules=["q_proj", "lm_head"])
        )
        if direct:
            loss = directly(student, teacher, inputs, labels, 1.0, 0.5)
        else:
            score_positions(student)
            loss, _, _ = scored(
                student, teacher, inputs, labels, Comparison("forward_kl", 0.5, 1.0, None, 0.5, VOCABULARY)
            )
        loss.backward()
        found.append((loss.item(), gradients(student)))
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-5)
    assert_equal_gradients(found[1][1], found[0][1])


def test_a_model_still_answers_as_before():
    model = llama(16, 0).eval()
    inputs, _ = batch(left=True)
    before = model.generate(**inputs, max_new_tokens=5, do_sample=False)
    score_positions(model)
    assert torch.equal(model.generate(**inputs, max_new_tokens=5, do_sample=False), before)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SIZES, "cohere", "granite"])
def test_the_head_of_a_family_is_known(name, tmp_path):
    from transformers import AutoModelForCausalLM

    more: dict = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
    extra: dict = {"cohere": {**more, "num_key_value_heads": 2}, "granite": {**more, "logits_scaling": 4.0}}
    model = AutoModelForCausalLM.from_pretrained(family(name, tmp_path, **extra.get(name, {}))).eval()
    require_known_head(model, name)


def test_an_unknown_head_is_refused(monkeypatch):
    from synthgen.core.errors import ConfigError

    model = llama(16, 0).eval()
    plain = model.forward

    def capped(*given, **named):
        output = plain(*given, **named)
        output.logits = output.logits * 0.5
        return output

    monkeypatch.setattr(model, "forward", capped)
    with pytest.raises(ConfigError, match="in a way that distill does not know"):
        require_known_head(model, "odd")
    every, ids = torch.ones(1, 3, dtype=torch.bool), torch.tensor([[3, 4, 5]])
    assert logits_of(model, passed_through(model, every, {}, input_ids=ids).head).shape == (3, VOCABULARY)
