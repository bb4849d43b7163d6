"""Soft targets from a store: beside a direct computation, and beside the teacher whose words they are."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import log_softmax

from synthgen.core.errors import ConfigError, StageFailed
from synthgen.store.token_logprobs import Distributions, LogprobsWriter, TokenLogprobs, Told, rest_of
from synthgen.training import token_logits
from synthgen.training.encoding import IGNORED, Encoded
from synthgen.training.knowledge.contract import lesson_of
from synthgen.training.knowledge.response import Comparison
from synthgen.training.knowledge.stored_response import ResponseOfStore, texts_of
from synthgen.training.objectives.contract import measured_as
from synthgen.training.objectives.response import ResponseConfig
from synthgen.training.objectives.stored_response import StoredResponse
from synthgen.training.objectives.supervised import Supervised
from synthgen.training.taught_trainer import lesson_sums, score_positions
from tests.training.knowledge.test_response import (
    VOCABULARY,
    assert_equal_gradients,
    batch,
    gradients,
    llama,
    scored,
)

KINDS = [("forward_kl", 0.5), ("reverse_kl", 0.5), ("jsd", 0.3)]


def texts(inputs, labels):
    """Each row's tokens, and which of them are learned."""
    for row in range(len(labels)):
        there = inputs["attention_mask"][row].bool()
        yield inputs["input_ids"][row][there].tolist(), (labels[row][there] != IGNORED).tolist()


def told(teacher, ids, learned, top):
    """What a server would tell of a text."""
    with torch.no_grad():
        logits = teacher(input_ids=torch.tensor([ids])).logits[0].double()
    every = log_softmax(logits, -1).numpy()
    places = [at for at, one in enumerate(learned) if one]
    rows = every[[at - 1 for at in places]]
    said = rows[np.arange(len(rows)), [ids[at] for at in places]].astype(np.float32)
    if top is None:
        return Distributions(rows.astype(np.float32), said)
    chosen = np.argsort(-rows, axis=-1, kind="stable")[:, :top]
    listed = np.take_along_axis(rows, chosen, -1)
    return Distributions(listed.astype(np.float32), said, chosen, rest_of(listed).astype(np.float32))


def stored(folder, teacher, inputs, labels, top):
    with LogprobsWriter(folder, Told(VOCABULARY, top)) as writer:
        for ids, learned in [*texts(inputs, labels)][::-1]:
            writer.add(ids, learned, told(teacher, ids, learned, top))
    return TokenLogprobs(folder)


class Exact:
    """A store that rounds nothing."""

    def __init__(self, teacher, top):
        self.teacher, self.told = teacher, Told(VOCABULARY, top)

    def find(self, ids, learned):
        return told(self.teacher, ids, learned, self.told.top)


def models():
    return llama(16, 0), llama(24, 1).eval().requires_grad_(False)


def comparison(kind, beta=0.5, temperature=1.0, top_k=None, weight=0.7):
    return Comparison(kind, beta, temperature, top_k, weight, VOCABULARY)


def learned_from(store, student, inputs, labels, how):
    knowledge, lesson = ResponseOfStore(store, how), lesson_of({**inputs, "labels": labels}, ())
    sums = lesson_sums(student, knowledge, lesson)
    return knowledge.loss(sums) / len(lesson.targets)


def kl(left, right):
    return (left.exp() * (left - right)).sum()


def directly(student, store, inputs, labels, kind, beta, temperature, top_k, weight):
    """The loss as one would write it down from what the files hold, token by token."""
    ours, total, tokens = student(**inputs).logits, 0.0, 0
    rows = [row.nonzero().flatten().tolist() for row in inputs["attention_mask"]]
    for row, (ids, learned) in enumerate(texts(inputs, labels)):
        found = store.find(ids, learned)
        for order, at in enumerate(at for at, one in enumerate(learned) if one):
            logits = ours[row, rows[row][at - 1]]
            said = log_softmax(logits / temperature, -1)
            if found.ids is None:
                wanted = log_softmax(torch.tensor(found.logprobs[order]) / temperature, -1)
                number = top_k or VOCABULARY
                chosen = wanted.topk(number).indices
            else:
                number = top_k or len(found.ids[order])
                chosen = torch.tensor(found.ids[order][:number])
                left = np.concatenate([found.logprobs[order][number:], found.rest[order : order + 1]])
                few = np.concatenate(
                    [found.logprobs[order][:number], [np.log(np.exp(left.astype(np.float64)).sum())]]
                )
                wanted = torch.tensor(few - np.log(np.exp(few.astype(np.float64)).sum())).float()
            if number < VOCABULARY:
                others = torch.ones(VOCABULARY, dtype=torch.bool)
                others[chosen] = False
                said = torch.cat([said[chosen], said[others].exp().sum().log()[None]])
                if found.ids is None:
                    wanted = torch.cat([wanted[chosen], wanted[others].exp().sum().log()[None]])
            if kind == "jsd":
                mixture = (beta * wanted.exp() + (1 - beta) * said.exp()).log()
                apart = beta * kl(wanted, mixture) + (1 - beta) * kl(said, mixture)
            else:
                apart = kl(wanted, said) if kind == "forward_kl" else kl(said, wanted)
            text = -log_softmax(logits, -1)[ids[at]]
            total = total + (1 - weight) * text + weight * temperature**2 * apart
            tokens += 1
    return total / tokens


@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
@pytest.mark.parametrize(("kind", "beta"), KINDS)
@pytest.mark.parametrize(
    ("top", "top_k", "temperature"), [(5, None, 1.0), (20, 8, 1.0), (None, None, 2.0), (None, 6, 2.0)]
)
def test_loss_and_gradient_are_those_of_what_the_files_hold(
    tmp_path, monkeypatch, top, top_k, temperature, kind, beta, left
):
    monkeypatch.setattr(token_logits, "LOGITS", 4 * VOCABULARY)  # four positions at a time
    student, teacher = models()
    inputs, labels = batch(left)
    store = stored(tmp_path, teacher, inputs, labels, top)
    wanted = directly(student, store, inputs, labels, kind, beta, temperature, top_k, 0.7)
    wanted.backward()
    expected = gradients(student)
    student.zero_grad()
    score_positions(student)
    loss = learned_from(store, student, inputs, labels, comparison(kind, beta, temperature, top_k))
    loss.backward()
    assert loss.item() == pytest.approx(wanted.item(), abs=1e-5)
    assert_equal_gradients(gradients(student), expected)


@pytest.mark.parametrize(("kind", "beta"), KINDS)
@pytest.mark.parametrize(("top", "temperature"), [(5, 1.0), (None, 1.0), (None, 3.0)])
def test_it_is_the_loss_of_the_teacher_itself_up_to_the_rounding(tmp_path, kind, beta, top, temperature):
    student, teacher = models()
    inputs, labels = batch()
    score_positions(student)
    found = []
    for one in ("local", "exact", "stored"):
        student.zero_grad()
        if one == "local":
            how = comparison(kind, beta, temperature, top)
            loss, _, _ = scored(student, teacher, inputs, labels, how)
        else:
            store = Exact(teacher, top) if one == "exact" else stored(tmp_path, teacher, inputs, labels, top)
            loss = learned_from(store, student, inputs, labels, comparison(kind, beta, temperature))
        loss.backward()
        found.append((loss.item(), gradients(student)))
    assert found[1][0] == pytest.approx(found[0][0], abs=1e-5)
    assert_equal_gradients(found[1][1], found[0][1])
    assert found[2][0] == pytest.approx(found[0][0], abs=2e-3)
    assert_equal_gradients(found[2][1], found[0][1], tolerance=2e-3)


def test_packed_texts_are_found_like_any_others(tmp_path):
    student, teacher = models()
    inputs, labels = batch()
    store = stored(tmp_path, teacher, inputs, labels, 5)
    score_positions(student)
    plain = learned_from(store, student, inputs, labels, comparison("forward_kl"))
    mask = inputs["attention_mask"].bool()
    packed = {
        "input_ids": inputs["input_ids"][mask][None],
        "position_ids": inputs["position_ids"][mask][None],
    }
    one = learned_from(store, student, packed, labels[mask][None], comparison("forward_kl"))
    assert one.item() == pytest.approx(plain.item(), abs=1e-5)


def test_a_batch_without_anything_to_learn_has_no_loss(tmp_path):
    student, teacher = models()
    inputs, labels = batch()
    for top in (5, None):
        (tmp_path / str(top)).mkdir()
        store = stored(tmp_path / str(top), teacher, inputs, labels, top)
        score_positions(student)
        lesson = lesson_of({**inputs, "labels": torch.full_like(labels, IGNORED)}, ())
        sums = lesson_sums(student, ResponseOfStore(store, comparison("forward_kl")), lesson)
        assert sums.tolist() == [0, 0, 0, 0]
        sums.sum().backward()


def test_rows_that_only_fill_a_batch_are_no_texts():
    inputs, labels = batch()
    labels[1] = IGNORED
    assert [len(ids) for ids, _ in texts_of(lesson_of({**inputs, "labels": labels}, ()))] == [9, 12]


def test_a_text_that_nobody_was_asked_about_is_an_error(tmp_path):
    student, teacher = models()
    inputs, labels = batch()
    store = stored(tmp_path, teacher, inputs, labels, 5)
    inputs["input_ids"][1, 1] += 1
    score_positions(student)
    with pytest.raises(StageFailed, match="a text of 5 tokens that the teacher was not asked about"):
        learned_from(store, student, inputs, labels, comparison("forward_kl"))


def test_the_objective_leaves_out_what_was_not_asked_about(tmp_path):
    _, teacher = models()
    inputs, labels = batch()
    objective = StoredResponse(ResponseConfig(), stored(tmp_path, teacher, inputs, labels, 5))
    (ids, learned), *_ = texts(inputs, labels)
    known = Encoded(ids, [one if is_ else IGNORED for one, is_ in zip(ids, learned, strict=True)], None, 9)
    other = Encoded([5, *ids[1:]], known.labels, None, 9)
    cut = Encoded([5, *ids[1:]], known.labels, "truncated", 90)
    found = objective.checked([known, other, cut])
    assert found[0] is known
    assert (found[1].fault, found[1].learned) == ("no_logprobs", 0)
    assert (found[2].fault, found[2].learned) == ("truncated", 0)
    assert isinstance(measured_as(objective), Supervised)


@pytest.mark.parametrize(
    ("options", "top", "words"),
    [
        ({"temperature": 2.0}, 5, "temperature 2 needs the whole vocabulary"),
        ({"top_k": 6}, 5, "top_k is 6, but the teacher has told its 5"),
        ({}, 5, "the student's tokens are not those"),
        ({"temperature": 2.0}, None, "the student's tokens are not those"),
    ],
)
def test_what_was_not_told_is_refused(tmp_path, options, top, words):
    student, teacher = models()
    inputs, labels = batch()
    objective = StoredResponse(ResponseConfig(**options), stored(tmp_path, teacher, inputs, labels, top))
    other: Any = SimpleNamespace(get_vocab=lambda: {"a": 0})
    whole: Any = SimpleNamespace(model=student, tokenizer=other, name="s")
    with pytest.raises(ConfigError, match=words):
        objective.meet(whole, [])
