"""A student measured on the validation rows while it trains: by loss, or by accuracy without completions.

Imports torch: it is imported only once that is known to be there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets import Dataset

from synthgen.answers.extract import answers_equal, extract_answer, gold_answer
from synthgen.core.errors import ConfigError, StageFailed
from synthgen.core.rows import Row
from synthgen.store.jsonl import read_rows
from synthgen.training.answer_turn import student_lead, without_lead
from synthgen.training.architecture import minds_padding
from synthgen.training.completions import Completion, answer_part, question_prefix
from synthgen.training.encoding import end_texts
from synthgen.training.follow import Measure
from synthgen.training.objectives.contract import measured_as
from synthgen.training.preflight import Unfit, prepare
from synthgen.training.prompting import student_prompt
from synthgen.training.student import Student
from synthgen.training.templates import TemplateRefused, advice, prompt_ids, rendered
from synthgen.training.validation_loss import BATCH, measuring, padded
from synthgen.training.watched import tell_measured

if TYPE_CHECKING:
    from torch.nn import Module

    from synthgen.training.objectives.contract import Objective

ROOM = 16  # tokens that an answer may be longer than the longest one trained on


def measure_on(
    file: Path,
    student: Student,
    *,
    objective: Objective,
    max_length: int,
    longest_completion: int,
    work: Path,
    unfit: Unfit = "keep",
    batch_size: int = BATCH,
) -> Measure:
    """How a student is measured on a file of rows: by loss if they can all be learned from, else by accuracy.

    Args:
        file: the validation rows.
        student: what is trained.
        objective: what it learns; the loss is that of the objective, or what that is measured as.
        max_length: tokens of prompt and completion together.
        longest_completion: tokens of the longest answer that is trained on.
        work: where the rows' tokens are written.
        unfit: "fail" refuses rows that the chat template refuses; others are left out, or count as wrong
            where the student is asked.
        batch_size: rows of a training batch, as many as are measured at a time.

    Returns:
        The measure, to be taken again and again during training.

    Raises:
        ConfigError: some rows carry neither a completion nor a reference.
        StageFailed: `unfit` is "fail", and the chat template refuses some rows.
    """
    objective = measured_as(objective)
    carrying = referenced = rows = 0
    for row in read_rows(file):
        rows += 1
        carrying += not objective.missing_fields(row)
        referenced += row.get("reference") is not None and bool(str(row["reference"]).strip())
    if rows and carrying == rows:
        arrow = work / "validation.arrow"
        prepared = prepare(
            read_rows(file),
            arrow,
            objective=objective,
            tokenizer=student.tokenizer,
            end_ids=student.end_ids,
            max_length=max_length,
            unfit="keep",
        )
        if unfit == "fail" and "template" in prepared.faults:
            raise _refused(
                prepared.faults["template"], rows, prepared.first["template"], prepared.details["template"]
            )
        held = Dataset.from_file(str(arrow))
        pad = student.tokenizer.pad_token_id
        return objective.measure(student.model, held, pad, batch_size)
    if rows and referenced == rows:
        new_tokens = longest_completion + ROOM
        if unfit == "fail":
            _try_all(student, read_rows(file), objective.completion, rows)
        return Measure(
            "validation_accuracy",
            True,
            lambda model: {
                "validation_accuracy": _accuracy(
                    model, student, read_rows(file), objective.completion, new_tokens, rows
                )
            },
        )
    raise ConfigError(
        f"of {rows:,} validation rows {carrying:,} carry a completion and {referenced:,} a reference",
        str(file),
        "all must carry one of the two; leave validation out of split, or set input: to rows without it",
    )


def _accuracy(
    model: Module,
    student: Student,
    rows: Iterable[Row],
    completion: Completion,
    new_tokens: int,
    number: int,
) -> float:
    """Share of so many rows whose greedy answer equals their reference."""
    right = asked = 0
    pad = student.tokenizer.pad_token_id
    with measuring(model):
        lead = student_lead(student.tokenizer, end_texts(student.tokenizer, student.end_ids))
        for block in _blocks(rows, 1 if minds_padding(_plain(model)) else BATCH):
            tell_measured(asked, number)
            asked += len(block)
            batch, prompts = [], []
            for row in block:
                with suppress(TemplateRefused):
                    prompts.append(
                        prompt_ids(student.tokenizer, student_prompt(row, question_prefix(completion)))
                    )
                    batch.append(row)
            if not batch:
                continue
            ids = padded(prompts, pad, left=True).to(model.device)  # [rows, width]
            attention = padded([[1] * len(prompt) for prompt in prompts], 0, left=True).to(model.device)
            replies = model.generate(  # [rows, width + new tokens]
                input_ids=ids,
                attention_mask=attention,
                do_sample=False,
                max_new_tokens=new_tokens,
                pad_token_id=pad,
                eos_token_id=sorted(student.end_ids),
            )
            for row, tokens in zip(batch, replies[:, ids.shape[1] :], strict=True):
                reply = student.tokenizer.decode(
                    without_lead(student.tokenizer, tokens.tolist(), lead), skip_special_tokens=True
                )
                answer = extract_answer(answer_part(reply, completion))
                gold = row["reference"] if isinstance(row["reference"], list) else [row["reference"]]
                right += answer is not None and any(answers_equal(answer, gold_answer(each)) for each in gold)
    return right / max(asked, 1)


def _plain(model: Module) -> Any:
    """The model without its adapters."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _try_all(student: Student, rows: Iterable[Row], completion: Completion, number: int) -> None:
    """Refuses rows that the chat template refuses."""
    refused, first, words = 0, "", ""
    for row in rows:
        try:
            rendered(student.tokenizer, student_prompt(row, question_prefix(completion)), asked=True)
        except TemplateRefused as fault:
            refused += 1
            first, words = first or str(row.get("id", refused)), words or fault.words
    if refused:
        raise _refused(refused, number, first, words)


def _refused(refused: int, rows: int, first: str, words: str) -> StageFailed:
    return StageFailed(
        f"of {rows:,} validation rows, {refused:,} template: the chat template refuses them",
        f"row {first}: {words}",
        f"{advice(words)}; or say unfit: drop",
    )


def _blocks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    source = iter(rows)
    while block := list(islice(source, size)):
        yield block
