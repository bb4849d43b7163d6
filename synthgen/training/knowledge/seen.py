"""What a teacher reads where its prompt is another than the student's, and where that meets the same answer.

A teacher that sees what the student does not (the worked steps, say) knows the answer better; the student
learns to know it without (Vapnik and Vashist 2009; Lopez-Paz et al. 2016, arXiv 1511.03643). Both go on with
the same tokens, so the teacher's distributions stand beside the student's one by one.

Imports torch: it is imported only once that is known to be there.
"""

from __future__ import annotations

import torch

from synthgen.training.encoding import IGNORED, TEACHER_PROMPT
from synthgen.training.knowledge.contract import Inputs, Lesson
from synthgen.training.validation_loss import padded


def teacher_reads(lesson: Lesson, pad: int) -> tuple[Inputs, torch.Tensor]:
    """The inputs of a teacher, and its positions that predict a learned token.

    Args:
        lesson: the batch; each row's learned tokens are one span, up to its end.
        pad: a token that fills rows.

    Returns:
        What it reads, [rows, its width] each; and where it predicts, [rows, its width], with as many
        positions a row as the lesson has. They are the lesson's own where the teacher sees no more.
    """
    if TEACHER_PROMPT not in lesson.others:
        return lesson.inputs, lesson.learned
    lengths = lesson.learned.sum(dim=1).tolist()
    answers = [part.tolist() for part in lesson.targets.split(lengths)]
    rows, learned = [], []
    for prompt, answer in zip(lesson.others[TEACHER_PROMPT].tolist(), answers, strict=True):
        seen = [token for token in prompt if token != IGNORED] or [pad]
        rows.append(seen + answer)
        learned.append([0] * (len(seen) - 1) + [1] * len(answer) + [0])
    device = lesson.learned.device
    inputs = {"input_ids": padded(rows, pad), "attention_mask": padded([[1] * len(row) for row in rows], 0)}
    there = {name: value.to(device) for name, value in inputs.items()}
    return there, padded(learned, 0).to(device).bool()
