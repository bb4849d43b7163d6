"""Before training: every row is made into the tokens that will be trained on, and what would go wrong silently is counted.

Rows are tokenised once, here, the way TRL does it for conversational prompt/completion rows, so that what was checked
is what is trained on. TRL itself cuts long rows without a word, a cut completion loses its end token (a student that
never stops), and a row whose prompt fills the whole length teaches nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from synthgen.errors import ConfigError, Interrupted, StageFailed
from synthgen.records import Row, rejected
from synthgen.store.jsonl import RowWriter
from synthgen.training.completions import NEEDED, Completion, example, missing_fields

IGNORED = -100  # the label of a token that is not learned
BLOCK = 512  # rows held in memory at a time
END_WITHIN = 3  # last tokens among which the end token must be: templates may add a line end after it

Fault = Literal["truncated", "no_end_token", "nothing_to_learn"]


@dataclass(frozen=True)
class Encoded:
    """A row as tokens: `labels` repeat `input_ids` where they are learned and are IGNORED elsewhere."""

    input_ids: list[int]
    labels: list[int]
    fault: Fault | None
    length: int
    """Tokens before any cut."""


@dataclass
class Preflight:
    """What was found, in rows and tokens; `faults` counts rows by what is wrong with them."""

    rows: int = 0
    kept: int = 0
    tokens: int = 0
    learned_tokens: int = 0
    longest: int = 0
    longest_completion: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    shown: str = ""
    """One example with its mask, for the log."""

    def plain(self) -> dict[str, Any]:
        """The figures as the manifest holds them."""
        return {
            "rows": self.rows, "kept": self.kept, "tokens": self.tokens, "learned_tokens": self.learned_tokens, "longest": self.longest,
            "truncated": self.faults.get("truncated", 0), "no_end_token": self.faults.get("no_end_token", 0), "nothing_to_learn": self.faults.get("nothing_to_learn", 0),
        }  # fmt: skip

    def line(self) -> str:
        """The figures as one line that a person reads."""
        bad = ", ".join(f"{self.faults.get(name, 0):,} {name.replace('_', ' ')}" for name in ("truncated", "no_end_token", "nothing_to_learn"))
        return f"preflight: {self.rows:,} rows, {self.tokens:,} tokens of which {self.learned_tokens:,} are learned, longest {self.longest:,}; {bad}"


def encode(row: Row, completion: Completion, tokenizer: Any, end_ids: frozenset[int], max_length: int) -> Encoded:
    """A row as tokens and labels, cut at `max_length`, and what is wrong with it, if anything.

    The completion starts where the tokens of prompt and of prompt with completion part, as TRL has it.
    """
    made = example(row, completion)
    prompt = tokenizer.apply_chat_template(made["prompt"], tokenize=True, add_generation_prompt=True, return_dict=False)
    whole = tokenizer.apply_chat_template(made["prompt"] + made["completion"], tokenize=True, return_dict=False)
    start = next((at for at, (one, other) in enumerate(zip(prompt, whole, strict=False)) if one != other), min(len(prompt), len(whole)))
    labels = [IGNORED] * start + whole[start:]
    ids, labels, length = whole[:max_length], labels[:max_length], len(whole)
    fault: Fault | None = None
    if all(label == IGNORED for label in labels):
        fault = "nothing_to_learn"
    elif length > max_length:
        fault = "truncated"
    elif not end_ids & {label for label in labels[-END_WITHIN:] if label != IGNORED}:
        fault = "no_end_token"
    return Encoded(ids, labels, fault, length)


def prepare(
    rows: Iterable[Row], arrow: Path, *, completion: Completion, tokenizer: Any, end_ids: frozenset[int], max_length: int,
    unfit: str = "fail", stage: str = "sft", rejects: RowWriter | None = None, stopping: Callable[[], int] = lambda: 0,
) -> Preflight:  # fmt: skip
    """Writes the rows' tokens to an Arrow file (columns input_ids and labels) and says what was found.

    Memory: `BLOCK` rows. Rows that are dropped go to `rejects`; one that leaves nothing to learn is always dropped
    unless `unfit` is "fail".

    Raises:
        ConfigError: rows lack the fields that this kind of completion is made of.
        StageFailed: `unfit` is "fail" and there are such rows.
    """
    import pyarrow as pa

    found = Preflight()
    lacking, first_lacking, lacks = 0, "", set[str]()
    schema = pa.schema([("input_ids", pa.list_(pa.int32())), ("labels", pa.list_(pa.int32()))])
    ids: list[list[int]] = []
    labels: list[list[int]] = []
    with pa.OSFile(str(arrow), "wb") as sink, pa.ipc.new_stream(sink, schema) as stream:
        for row in rows:
            found.rows += 1
            missing = missing_fields(row, completion)
            if missing:
                lacking, first_lacking = lacking + 1, first_lacking or str(row.get("id", found.rows))
                lacks.update(missing)
                continue
            made = encode(row, completion, tokenizer, end_ids, max_length)
            _count(found, made, row)
            if made.fault and (unfit != "keep" or made.fault == "nothing_to_learn"):
                found.dropped[made.fault] = found.dropped.get(made.fault, 0) + 1
                if rejects is not None:
                    rejects.write(rejected(row, stage=stage, rule=made.fault, value=made.length, threshold=max_length))
                continue
            found.kept += 1
            found.shown = found.shown or _masked(made, tokenizer)
            ids.append(made.input_ids)
            labels.append(made.labels)
            if len(ids) == BLOCK:
                if stopping():
                    raise Interrupted(stopping())
                stream.write_batch(pa.record_batch([pa.array(ids, schema.field(0).type), pa.array(labels, schema.field(1).type)], schema=schema))
                ids, labels = [], []
        if ids:
            stream.write_batch(pa.record_batch([pa.array(ids, schema.field(0).type), pa.array(labels, schema.field(1).type)], schema=schema))
    if lacking:
        raise _lacking(completion, lacking, found.rows, first_lacking, lacks)
    if found.faults and unfit == "fail":
        raise _unfit(found, max_length)
    return found


def _count(found: Preflight, made: Encoded, row: Row) -> None:
    learned = sum(label != IGNORED for label in made.labels)
    found.tokens += len(made.input_ids)
    found.learned_tokens += learned
    found.longest = max(found.longest, made.length)
    found.longest_completion = max(found.longest_completion, learned)
    if made.fault:
        found.faults[made.fault] = found.faults.get(made.fault, 0) + 1
        found.first.setdefault(made.fault, str(row.get("id", found.rows)))


def _masked(made: Encoded, tokenizer: Any) -> str:
    """One example as a person reads it: what the student sees, and what it learns to say."""
    start = next(at for at, label in enumerate(made.labels) if label != IGNORED)
    seen, learned = tokenizer.decode(made.input_ids[:start]), tokenizer.decode(made.input_ids[start:])
    return f"one example, {start} tokens masked, {len(made.input_ids) - start} learned:\n  masked:  {seen[:400]!r}\n  learned: {learned[:400]!r}"


def _lacking(completion: Completion, lacking: int, rows: int, first: str, lacks: set[str]) -> ConfigError:
    return ConfigError(
        f"{lacking:,} of {rows:,} rows have no {' and no '.join(sorted(lacks))}, which completion: {completion} is made of", f"row {first}",
        f"{completion} needs {' and '.join(NEEDED[completion])}; choose another completion, filter those rows out, or generate with task: rationale",
    )  # fmt: skip


def _unfit(found: Preflight, max_length: int) -> StageFailed:
    counted = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in sorted(found.faults.items()))
    first = ", ".join(f"row {found.first[name]} ({name.replace('_', ' ')})" for name in sorted(found.faults))
    advice = f"raise max_length (it is {max_length:,}; the longest row has {found.longest:,} tokens)" if found.longest > max_length else "name the token that the chat template writes after an answer with student: {eos_token: …}"
    return StageFailed(f"of {found.rows:,} rows, {counted}: the student would learn from broken text", first, f"{advice}, or say unfit: drop, or unfit: keep")
