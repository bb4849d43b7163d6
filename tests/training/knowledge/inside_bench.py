"""The inside of a tiny Llama, computed without a hook, and losses beside a direct computation."""

import torch
from torch.nn.functional import cross_entropy

from synthgen.training import attached
from synthgen.training.encoding import IGNORED
from synthgen.training.knowledge.contract import lesson_of
from synthgen.training.taught_trainer import lesson_sums, score_positions

LAYERS = 3


def states(model, inputs):
    """Hidden states of the embeddings and of each block, and the logits, from the modules one by one."""
    norm, model.model.norm = model.model.norm, torch.nn.Identity()
    found = model.model(**inputs, output_hidden_states=True).hidden_states
    model.model.norm = norm
    return found, model.lm_head(norm(found[-1]))


def attention_parts(model, inputs, layer):
    """Queries, keys and values of a block, before positions are turned into them."""
    found, _ = states(model, inputs)
    block = model.model.layers[layer - 1]
    read = block.input_layernorm(found[layer - 1])
    return [getattr(block.self_attn, name)(read) for name in ("q_proj", "k_proj", "v_proj")]


def learned_places(labels):
    """(row, position) of each position that predicts a learned token, and the tokens, one by one."""
    places = [
        (row, at - 1)
        for row in range(len(labels))
        for at in range(1, labels.shape[1])
        if labels[row, at] != IGNORED
    ]
    return places, torch.tensor([labels[row, at + 1] for row, at in places])


def text_loss(logits, labels):
    places, targets = learned_places(labels)
    return cross_entropy(torch.stack([logits[row, at] for row, at in places]), targets, reduction="sum")


def scored(student, knowledge, inputs, labels):
    """The loss of a batch as the trainer has it, its figures, and its number of learned tokens."""
    lesson = lesson_of({**inputs, "labels": labels}, ())
    sums = lesson_sums(student, knowledge, lesson)
    return knowledge.loss(sums) / len(lesson.targets), sums, len(lesson.targets)


def prepared(student, part=None):
    """A student as its trainer has it."""
    if part is not None:
        attached.attach(student, part, None)
    score_positions(student)
    return student
