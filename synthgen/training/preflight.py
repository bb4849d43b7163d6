"""Before training, every row is made into the tokens that are trained on, and faults are counted.

Rows are tokenised once, here, so that what was checked is what is trained on: the prompt as it is asked
later, and after it the answer as it was given (see `answer_turn`). TRL itself says nothing of faults: it cuts
long rows, a cut completion loses its end token (the student then never stops), a row whose prompt fills the
whole length teaches nothing, and a chat template may ask otherwise than it trains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from synthgen.core.errors import ConfigError, Interrupted, StageFailed
from synthgen.core.rows import Row, rejected
from synthgen.store.jsonl import RowWriter
from synthgen.training.encoding import (
    ABSENT,
    EXAMPLE_FAULTS,
    Encoded,
    ExampleFault,
    TokenFile,
    encode,
    encode_turns,
)
from synthgen.training.fault_advice import TURNS_FAULTS, advice_for
from synthgen.training.reply_room import CompletionLengths
from synthgen.training.thinking import require_tags

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from synthgen.training.objectives.contract import Objective

Unfit = Literal["fail", "drop", "keep"]

ALWAYS_SAID = frozenset(("truncated", "no_end_token", "nothing_to_learn"))
NOTES = {
    "after_opened_thought": (
        "without a thought, though the prompt opens one: they are learned right after it (completion: "
        "think_tags teaches thoughts; some templates take student: {chat_template_kwargs: {enable_thinking: "
        "false}})"
    ),
    "thought_kept": (
        "with a thought that the chat template cuts out or moves: they are learned as they were given"
    ),
}


@dataclass
class Preflight:
    """What preflight counted, in rows and tokens; `faults` counts rows by what is wrong with them."""

    rows: int = 0
    kept: int = 0
    sequences: int = 0
    """Of the rows that are trained on; more than they where a conversation has one a turn."""
    tokens: int = 0
    learned_tokens: int = 0
    longest: int = 0
    lengths: CompletionLengths = field(default_factory=CompletionLengths)
    """Of the completions that answer the question, the objective's first task."""
    bad_answers: int = 0
    """Rows whose label says that their answer is not to be learned."""
    lacking: int = 0
    """Rows without the fields that the completion is made of."""
    faults: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    """ExampleFault -> id of the first row that has it."""
    details: dict[str, str] = field(default_factory=dict)
    """ExampleFault -> what is wrong with that row, where the fault's name does not tell."""
    notes: dict[str, int] = field(default_factory=dict)
    """Rows whose answers follow a thought that the prompt opens, by how."""
    dropped: dict[str, int] = field(default_factory=dict)
    tasks: dict[str, dict[str, int]] = field(default_factory=dict)
    """Examples and learned tokens of each task, where the objective has several."""
    shown: str = ""
    """The examples of one row with their masks, for the log."""

    @property
    def longest_completion(self) -> int:
        """Tokens of the longest completion."""
        return self.lengths.holding(1.0)

    def plain(self) -> dict[str, Any]:
        """The figures as the manifest holds them."""
        figures: dict[str, Any] = {
            "rows": self.rows,
            "kept": self.kept,
            "tokens": self.tokens,
            "learned_tokens": self.learned_tokens,
            "longest": self.longest,
            "completion_tokens": self.lengths.plain(),
            "token_bins": self.lengths.bins(),
            **{name: self.faults.get(name, 0) for name in EXAMPLE_FAULTS},
            "missing_fields": self.lacking,
        }
        if self.sequences != self.kept:
            figures["sequences"] = self.sequences
        return {**figures, "tasks": self.tasks} if self.tasks else figures

    def line(self) -> str:
        """The figures as one line that a person reads."""
        faults = ", ".join(
            f"{self.faults.get(name, 0):,} {name.replace('_', ' ')}"
            for name in EXAMPLE_FAULTS
            if name in ALWAYS_SAID or name in self.faults
        )
        faults += "".join(f", {rows:,} {NOTES[name]}" for name, rows in sorted(self.notes.items()))
        if self.bad_answers:
            faults += f", {self.bad_answers:,} left out since their label is false"
        if self.lacking:
            faults += f", {self.lacking:,} without what they should be made of"
        tasks = "".join(
            f"; {name}: {counts['examples']:,} examples, {counts['learned_tokens']:,} tokens learned"
            for name, counts in self.tasks.items()
        )
        return (
            f"preflight: {self.rows:,} rows, {self.tokens:,} tokens of which {self.learned_tokens:,} "
            f"are learned, longest {self.longest:,}{tasks}; {faults}"
        )

    def count_row(self, examples: list[Encoded], row: Row) -> None:
        """Counts a row's tokens and faults."""
        self.tokens += sum(len(example.input_ids) for example in examples)
        self.learned_tokens += sum(example.learned for example in examples)
        self.longest = max(self.longest, *(example.length for example in examples))
        self.lengths.add(examples[0])
        if fault := _worst(examples):
            self.faults[fault] = self.faults.get(fault, 0) + 1
            self.first.setdefault(fault, str(row.get("id", self.rows)))
            detail = next(example.detail for example in examples if example.fault == fault)
            self.details.setdefault(fault, detail)
        elif note := next((example.note for example in examples if example.note), ""):
            self.notes[note] = self.notes.get(note, 0) + 1

    def keep_row(
        self, examples: list[Encoded], tasks: tuple[str, ...], tokenizer: PreTrainedTokenizerBase
    ) -> None:
        """Counts a row that is trained on; the first one is shown."""
        self.kept += 1
        self.sequences += 1 if len(tasks) > 1 else len(examples)
        self.shown = self.shown or "\n".join(
            _masked(example, tokenizer) for example in examples if example is not ABSENT
        )
        if len(tasks) > 1:
            for name, example in zip(tasks, examples, strict=True):
                counts = self.tasks.setdefault(name, {"examples": 0, "learned_tokens": 0})
                counts["examples"] += example is not ABSENT
                counts["learned_tokens"] += example.learned


def prepare(
    rows: Iterable[Row],
    arrow: Path,
    *,
    objective: Objective,
    tokenizer: PreTrainedTokenizerBase,
    end_ids: frozenset[int],
    max_length: int,
    unfit: Unfit = "fail",
    stage: str = "sft",
    rejects: RowWriter | None = None,
    stopping: Callable[[], int] = lambda: 0,
    kept: Callable[[int], None] = lambda sequences: None,
) -> Preflight:
    """Writes the rows' tokens to an Arrow file (see `TokenFile`) and counts what is wrong with them.

    Memory: `BLOCK` rows.

    Args:
        rows: what is trained on; answers that their label calls bad are left out, except by an objective
            that learns that they are.
        arrow: the file to write.
        objective: what examples are made of a row.
        tokenizer: the student's.
        end_ids: tokens at which the student's generation stops.
        max_length: tokens of prompt and completion together.
        unfit: what happens to rows with a fault. A row that leaves nothing to learn, lacks a field or has
            no place in the chat template is dropped even by "keep".
        stage: the stage's id, for rejections.
        rejects: where dropped rows are written.
        stopping: 0, or the number of the signal that asked to stop.
        kept: told of each row that is kept, by the number of its sequences of tokens.

    Returns:
        The figures.

    Raises:
        ConfigError: `unfit` is "fail" and rows lack fields; or the tokenizer loses the tags of `think_tags`.
        StageFailed: `unfit` is "fail" and there are rows with other faults.
        Interrupted: a signal asked to stop.
    """
    completion = objective.completion
    if completion == "think_tags":
        require_tags(tokenizer)
    preflight = Preflight()
    lacked = set[str]()

    def drop(row: Row, rule: str, value: Any, threshold: Any) -> None:
        preflight.dropped[rule] = preflight.dropped.get(rule, 0) + 1
        if rejects is not None:
            rejects.write(rejected(row, stage=stage, rule=rule, value=value, threshold=threshold))

    with TokenFile(arrow, len(objective.TASKS)) as tokens:
        for row in rows:
            preflight.rows += 1
            if row.get("label") is False and not objective.LEARNS_BAD:
                preflight.bad_answers += 1
                drop(row, "not_to_learn", "label: false", None)
                continue
            if missing := objective.missing_fields(row):
                preflight.lacking += 1
                preflight.first.setdefault("missing_fields", str(row.get("id", preflight.rows)))
                lacked.update(missing)
                drop(row, "missing_fields", list(missing), completion)
                continue
            examples = objective.checked(encoded_row(objective, row, tokenizer, end_ids, max_length))
            preflight.count_row(examples, row)
            if (reason := why_unfit(examples, max_length, keep=unfit == "keep")) is not None:
                drop(row, *reason)
                continue
            preflight.keep_row(examples, objective.TASKS, tokenizer)
            kept(1 if len(objective.TASKS) > 1 else len(examples))
            if tokens.add(examples):
                if stopping():
                    raise Interrupted(stopping())
                tokens.flush()
        tokens.flush()
    if preflight.lacking and unfit == "fail":
        raise _lacking(stage, objective.made_of(), preflight, lacked)
    if preflight.faults and unfit == "fail":
        raise _unfit(stage, preflight, max_length)
    return preflight


def encoded_row(
    objective: Objective,
    row: Row,
    tokenizer: PreTrainedTokenizerBase,
    end_ids: frozenset[int],
    max_length: int,
) -> list[Encoded]:
    """A row's examples as tokens; none of them where its turns cannot be learned at all."""
    wrong = objective.turns_fault(row)
    if wrong is not None and wrong[0] != "reasoning_left_out":
        return [Encoded([], [], wrong[0], 0, wrong[1])]
    examples = objective.examples(row)
    if len(objective.TASKS) > 1:
        made = [
            encode(example, tokenizer, end_ids, max_length) if example is not None else ABSENT
            for example in examples
        ]
    else:
        turns = [example for example in examples if example is not None]
        made = encode_turns(turns, tokenizer, end_ids, max_length)
    if wrong is None or made[0].fault is not None:
        return made
    return [replace(made[0], fault=wrong[0], detail=wrong[1]), *made[1:]]


class Reason(NamedTuple):
    """Why a row is not trained on: the fault, and what it is made of (a text, or tokens and their limit)."""

    rule: ExampleFault
    value: str | int
    threshold: int | None


def why_unfit(examples: list[Encoded], max_length: int, keep: bool) -> Reason | None:
    """Why a row's examples cannot be trained on; None where they can.

    Args:
        examples: the row as tokens.
        max_length: tokens that are kept.
        keep: whether a fault is put up with where each example leaves something to learn.
    """
    fault = _worst(examples)
    if fault is None or (keep and all(one.learned for one in examples if one is not ABSENT)):
        return None
    told = next(one.detail for one in examples if one.fault == fault)
    longest = max(one.length for one in examples)
    return Reason(fault, told, None) if told else Reason(fault, longest, max_length)


def _worst(examples: list[Encoded]) -> ExampleFault | None:
    """What is wrong with a row: the fault of an example that teaches nothing, else the first of any."""
    faults = [(example.learned > 0, example.fault) for example in examples if example.fault]
    return min(faults, key=lambda one: one[0])[1] if faults else None


def _masked(example: Encoded, tokenizer: PreTrainedTokenizerBase) -> str:
    """One example as a person reads it: what the student sees, and what it learns to say."""
    place, lines = 0, []
    for start, end in example.spans:
        seen = tokenizer.decode(example.input_ids[place:start])
        learned = tokenizer.decode(example.input_ids[start:end])
        lines.append(f"  masked:  {seen[:400]!r}\n  learned: {learned[:400]!r}")
        place = end
    return (
        f"one example, {len(example.input_ids) - example.learned} tokens masked, {example.learned} learned:\n"
        + "\n".join(lines)
    )


def _lacking(stage: str, made_of: tuple[str, str], preflight: Preflight, lacked: set[str]) -> ConfigError:
    used_for, needed = made_of
    return ConfigError(
        f"{stage}: {preflight.lacking:,} of {preflight.rows:,} rows have no "
        f"{' and no '.join(sorted(lacked))}, which {used_for}",
        f"row {preflight.first['missing_fields']}",
        f"{needed}, or leave those rows out with unfit: drop",
    )


def _unfit(stage: str, preflight: Preflight, max_length: int) -> StageFailed:
    counted = ", ".join(
        f"{number:,} {name.replace('_', ' ')}" for name, number in sorted(preflight.faults.items())
    )
    first = ", ".join(
        f"row {preflight.first[name]} ({name.replace('_', ' ')}{': ' if preflight.details[name] else ''}"
        f"{preflight.details[name]})"
        for name in sorted(preflight.faults)
    )
    refused = set(preflight.faults) <= {
        *("template", "prompt_not_prefix", "same_answers", "no_logprobs", "tool_calls", "turn_not_text"),
        "unaligned",
    }
    return StageFailed(
        f"{stage}: of {preflight.rows:,} rows, {counted}: "
        + (
            "the student cannot be trained on them" if refused else "the student would learn from broken text"
        ),
        first,
        f"{_advice(preflight, max_length)}, or say unfit: drop" + ("" if refused else ", or unfit: keep"),
    )


def _advice(preflight: Preflight, max_length: int) -> str:
    """What mends the faults, the one that a person would mend first."""
    others = ("template", "prompt_not_prefix", "answer_changed", "same_answers", "no_logprobs", "unaligned")
    for fault in (*TURNS_FAULTS, *others):
        if fault in preflight.faults:
            return advice_for(fault, preflight.details[fault])
    if preflight.longest > max_length:
        return f"raise max_length (it is {max_length:,}; the longest row has {preflight.longest:,} tokens)"
    return advice_for("no_end_token")
