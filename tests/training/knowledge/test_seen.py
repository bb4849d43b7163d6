"""A teacher that sees more than its student: where they meet, and the loss between them."""

import pytest
import torch
from torch.nn.functional import kl_div, log_softmax

from synthgen.training.encoding import IGNORED, TEACHER_PROMPT
from synthgen.training.knowledge.contract import lesson_of
from synthgen.training.knowledge.response import Comparison, ResponseOfModel
from synthgen.training.knowledge.seen import teacher_reads
from synthgen.training.taught_trainer import collated, lesson_sums, score_positions
from tests.training.knowledge.test_response import VOCABULARY, assert_equal_gradients, gradients, llama

ROWS = {
    "input_ids": [[5, 6, 7, 20, 21, 1], [8, 30, 31, 32, 33, 1], [4, 4]],
    "labels": [[IGNORED] * 3 + [20, 21, 1], [IGNORED, 30, 31, 32, 33, 1], [IGNORED] * 2],
    TEACHER_PROMPT: [[5, 6, 0, 9, 7], [8, 9, 10], []],  # a 0, which also fills rows
}


def lesson():
    return lesson_of(collated(ROWS, 0, (TEACHER_PROMPT,)), (TEACHER_PROMPT,))


def test_the_answers_of_the_student_stand_behind_the_prompts_of_the_teacher():
    made = lesson()
    inputs, learned = teacher_reads(made, 0)
    read = [
        ids[mask.bool()].tolist()
        for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"], strict=True)
    ]
    assert read[:2] == [[5, 6, 0, 9, 7, 20, 21, 1], [8, 9, 10, 30, 31, 32, 33, 1]]
    assert [row.nonzero().flatten().tolist() for row in learned] == [[4, 5, 6], [2, 3, 4, 5, 6], []]
    after = inputs["input_ids"][:, 1:][learned[:, :-1]]
    assert torch.equal(after, made.targets)


def test_a_teacher_that_sees_no_more_reads_what_the_student_reads():
    made = lesson_of(collated({name: ROWS[name] for name in ("input_ids", "labels")}, 0), ())
    inputs, learned = teacher_reads(made, 0)
    assert inputs is made.inputs and learned is made.learned


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_loss_and_gradient_are_those_of_each_row_by_itself(temperature):
    student, teacher = llama(16, 0), llama(24, 1).eval().requires_grad_(False)
    total, tokens = torch.zeros(()), 0
    for ids, labels, prompt in zip(*ROWS.values(), strict=True):
        answer = [label for label in labels if label != IGNORED]
        if not answer:
            continue
        ours = student(torch.tensor([ids])).logits[0, len(ids) - len(answer) - 1 : -1]
        theirs = teacher(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
        total = total + temperature**2 * kl_div(
            log_softmax(ours / temperature, -1),
            log_softmax(theirs / temperature, -1),
            reduction="sum",
            log_target=True,
        )
        tokens += len(answer)
    wanted = total / tokens
    wanted.backward()
    expected = gradients(student)
    student.zero_grad()
    score_positions(student)
    how = Comparison("forward_kl", 0.5, temperature, None, 1.0, VOCABULARY)
    knowledge, made = ResponseOfModel(teacher, how, (TEACHER_PROMPT,)), lesson()
    loss = knowledge.loss(lesson_sums(student, knowledge, made)) / len(made.targets)
    loss.backward()
    assert loss.item() == pytest.approx(wanted.item(), abs=1e-5)
    assert_equal_gradients(gradients(student), expected)
