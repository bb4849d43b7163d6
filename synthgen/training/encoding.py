"""An example as tokens and labels: the prompt's are those that are asked, the rest is learned."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from synthgen.training.answer_turn import Note, answer_turn, turn_ids
from synthgen.training.completions import Example
from synthgen.training.templates import TemplateRefused
from synthgen.training.turns import TurnsFault

if TYPE_CHECKING:
    import pyarrow as pa
    from transformers import PreTrainedTokenizerBase

IGNORED = -100  # the label of a token that is not learned
TEACHER_PROMPT = "teacher_prompt"
"""What an example calls the turns that its teacher reads in the place of the prompt; a column holds them."""
BLOCK = 512  # rows held in memory at a time

ExampleFault = (
    Literal[
        "truncated",
        "no_end_token",
        "nothing_to_learn",
        "template",
        "prompt_not_prefix",
        "answer_changed",
        "same_answers",
        "no_logprobs",
        "unaligned",
    ]
    | TurnsFault
)
EXAMPLE_FAULTS: tuple[ExampleFault, ...] = (
    "truncated",
    "no_end_token",
    "nothing_to_learn",
    "template",
    "prompt_not_prefix",
    "answer_changed",
    "tool_calls",
    "turn_not_text",
    "reasoning_left_out",
    "same_answers",
    "no_logprobs",
    "unaligned",
)


@dataclass(frozen=True)
class Encoded:
    """An example as tokens: `labels` repeat `input_ids` where they are learned and are IGNORED elsewhere."""

    input_ids: list[int]
    labels: list[int]
    fault: ExampleFault | None
    length: int
    """Tokens before any cut."""
    detail: str = ""
    """What is wrong, where the fault's name does not tell."""
    note: Note = ""
    """How the answer follows a thought that the prompt opens."""
    others: Mapping[str, list[int]] = field(default_factory=dict)
    """Columns of the token file beside these two: name -> what stands there."""

    @property
    def learned(self) -> int:
        """How many tokens are learned."""
        return sum(label != IGNORED for label in self.labels)

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Where what is learned begins and ends, once for each turn."""
        ends = [IGNORED, *self.labels, IGNORED]
        edges = [at for at in range(len(ends) - 1) if (ends[at] == IGNORED) != (ends[at + 1] == IGNORED)]
        return list(zip(edges[::2], edges[1::2], strict=True))


def learned_tokens(sequence: Encoded) -> list[bool]:
    """Of each token whether it is learned; nothing comes before the first one, so that it never is."""
    return [bool(at) and label != IGNORED for at, label in enumerate(sequence.labels)]


def encode_turns(
    examples: list[Example], tokenizer: PreTrainedTokenizerBase, end_ids: frozenset[int], max_length: int
) -> list[Encoded]:
    """The examples of a row as sequences, those of a conversation in one where its template allows it.

    A turn joins the sequence before it if its prompt begins with that sequence, token by token. Templates
    that write earlier turns otherwise (without their thoughts, say) have a sequence a turn.

    Args:
        examples: one for each turn that is learned.
        tokenizer: the student's.
        end_ids: tokens at which the student's generation stops.
        max_length: tokens that are kept of a sequence.

    Returns:
        At least one sequence, each with its worst fault.
    """
    if len(examples) == 1:
        return [encode(examples[0], tokenizer, end_ids, max_length)]
    joined: list[Encoded] = []
    for example in examples:
        turn = encode(example, tokenizer, end_ids, sys.maxsize)
        before = joined[-1] if joined else None
        if before is not None and before.length and turn.input_ids[: before.length] == before.input_ids:
            labels = before.labels + turn.labels[before.length :]
            # An end that TRL would not see at the last place was checked with its own turn.
            joined[-1] = replace(
                turn, labels=labels, fault=before.fault or turn.fault, detail=before.detail or turn.detail
            )
        else:
            joined.append(turn)
    return [_cut(sequence, max_length) for sequence in joined]


def _cut(sequence: Encoded, max_length: int) -> Encoded:
    """A sequence cut at `max_length`."""
    if sequence.length <= max_length:
        return sequence
    ids, labels = sequence.input_ids[:max_length], sequence.labels[:max_length]
    fault: ExampleFault = "nothing_to_learn" if all(label == IGNORED for label in labels) else "truncated"
    return replace(sequence, input_ids=ids, labels=labels, fault=sequence.fault or fault)


ABSENT = Encoded([], [], None, 0)
"""In the place of an example that a row does not have."""


def encode(
    example: Example, tokenizer: PreTrainedTokenizerBase, end_ids: frozenset[int], max_length: int
) -> Encoded:
    """An example as tokens and labels, cut at `max_length`, and what is wrong with it, if anything.

    Args:
        example: chat messages of prompt and completion.
        tokenizer: the student's.
        end_ids: tokens at which the student's generation stops; one must end the completion.
        max_length: tokens that are kept.

    Returns:
        The example's tokens, with its worst fault; none where the template refuses it.
    """
    (completion,) = example["completion"]
    try:
        turn = answer_turn(tokenizer, example["prompt"], completion["content"], end_texts(tokenizer, end_ids))
    except TemplateRefused as refused:
        return Encoded([], [], "template", 0, refused.words)
    ids, start = turn_ids(tokenizer, turn)
    labels = [IGNORED] * start + ids[start:]
    length = len(ids)
    ids, labels = ids[:max_length], labels[:max_length]
    fault: ExampleFault | None = turn.fault
    if fault in (None, "no_end_token"):
        if all(label == IGNORED for label in labels):
            fault = "nothing_to_learn"
        elif length > max_length:
            fault = "truncated"
        elif labels[-1] not in end_ids:
            fault = "no_end_token"
    made = Encoded(ids, labels, fault, length, turn.detail, turn.note)
    if TEACHER_PROMPT not in example or not made.learned:
        return made
    return _seen_by_teacher(made, example, turn.learned, tokenizer, end_ids)


def _seen_by_teacher(
    made: Encoded,
    example: Example,
    learned: str,
    tokenizer: PreTrainedTokenizerBase,
    end_ids: frozenset[int],
) -> Encoded:
    """An example with the tokens of another prompt, which only the teacher sees before the same answer.

    Both have to go on with the same tokens: else it is `unaligned`.
    """
    (completion,) = example["completion"]
    try:
        turn = answer_turn(
            tokenizer, example[TEACHER_PROMPT], completion["content"], end_texts(tokenizer, end_ids)
        )
    except TemplateRefused as refused:
        return unaligned(made, refused.words)
    ids, start = turn_ids(tokenizer, turn)
    own = [token for token in made.labels if token != IGNORED]
    if turn.learned != learned or ids[start : start + len(own)] != own:
        detail = "behind the teacher's prompt the answer has other tokens than behind the student's"
        return unaligned(made, detail)
    return replace(made, others={TEACHER_PROMPT: ids[:start]})


def unaligned(example: Encoded, why: str) -> Encoded:
    """An example of which nothing is learned, so that it is left out even where faults are put up with."""
    nothing = replace(example, labels=[IGNORED] * len(example.labels))
    return nothing if example.fault else replace(nothing, fault="unaligned", detail=why)


def end_texts(tokenizer: PreTrainedTokenizerBase, end_ids: frozenset[int]) -> tuple[str, ...]:
    """The texts of the tokens at which generation stops."""
    return tuple(tokenizer.decode([token]) for token in sorted(end_ids))


class TokenFile:
    """An Arrow file of rows' tokens that is being written, `BLOCK` rows at a time.

    Its columns are input_ids and labels, and those in `others` of its examples. They hold a list of numbers a
    row; with several tasks, a list of such lists, so that all examples of a row come into one batch.
    """

    def __init__(self, path: Path, tasks: int) -> None:
        import pyarrow as pa

        self._nested = tasks > 1
        numbers = pa.list_(pa.int32())
        self._column = pa.list_(numbers) if self._nested else numbers
        self._block: list[list[Encoded]] = []
        self._file = pa.OSFile(str(path), "wb")
        self._stream: pa.ipc.RecordBatchStreamWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *fault: object) -> None:
        self._opened().close()
        self._file.close()

    def add(self, examples: list[Encoded]) -> bool:
        """Adds a row, or a row's sequences; returns whether the block is full and should be flushed."""
        self._block.extend([examples] if self._nested else [[example] for example in examples])
        return len(self._block) >= BLOCK

    def flush(self) -> None:
        """Writes the rows that were added since the last time."""
        import pyarrow as pa

        if not self._block:
            return
        stream = self._opened()
        arrays = []
        for name in self._schema.names:
            column = [[_column(example, name) for example in row] for row in self._block]
            arrays.append(pa.array(column if self._nested else [row[0] for row in column], self._column))
        stream.write_batch(pa.record_batch(arrays, schema=self._schema))
        self._block.clear()

    def _opened(self) -> pa.ipc.RecordBatchStreamWriter:
        """The stream, whose columns the first rows decide."""
        import pyarrow as pa

        if self._stream is None:
            others = self._block[0][0].others if self._block else ()
            names = ("input_ids", "labels", *others)
            self._schema = pa.schema([(name, self._column) for name in names])
            self._stream = pa.ipc.new_stream(self._file, self._schema)
        return self._stream


def _column(example: Encoded, name: str) -> list[int]:
    values: list[int] = example.others[name] if name in example.others else getattr(example, name)
    return values
