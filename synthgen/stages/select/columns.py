"""One pass over the rows of `select`: what its steps need to know of each row, as numpy columns."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from synthgen.core.errors import Interrupted, StageFailed
from synthgen.core.rows import Row, value_at
from synthgen.similarity.contract import Array
from synthgen.similarity.fields import text_of
from synthgen.similarity.methods.exact import normalised
from synthgen.stages.contract import Context
from synthgen.stages.select.options import Config, PerGroup

if TYPE_CHECKING:
    from synthgen.core.progress import Progress
    from synthgen.similarity.row_file import RowFile

STEPS = ("", "per_group", "mix", "diverse", "sample")
EVERY = 4096  # rows between two checks whether to stop


@dataclass
class Labels:
    """A column of names as small numbers, in the order in which the names come up; absent is the name ""."""

    by: str
    names: dict[str, int] = field(default_factory=dict)
    codes: array[int] = field(default_factory=lambda: array("i"))

    def add(self, row: Row) -> None:
        """Adds the row's name."""
        name = text_of(row, self.by)
        self.codes.append(self.names.setdefault(name, len(self.names)))

    @property
    def all_absent(self) -> bool:
        """Whether no row has a name."""
        return not any(self.names)


@dataclass
class Columns:
    """What is known of each row, and which step dropped it; all arrays have shape (rows,)."""

    hashes: Array
    """uint64, seeded: the smallest are drawn."""
    groups: Array
    """int64: what `per_group` groups by; empty without that step."""
    scores: Array
    """float64: what `per_group` prefers, NaN for none; empty without that step."""
    answers: Array
    """int64: a hash of the final answer, 0 for none; empty unless `per_group` prefers `agreement`."""
    mix: Labels | None
    strata: Labels | None
    step: Array
    """int8: the position in STEPS of the step that dropped the row; 0 where it is kept."""
    rank: Array
    """The row's rank in its group; empty without that step."""
    best: Array
    """The number of the best row of its group; empty without that step."""

    @property
    def left(self) -> Array:
        """Which rows no step has dropped so far."""
        return np.asarray(self.step == 0)

    def drop(self, step: str, dropped: Array) -> int:
        """Notes the rows that a step drops, bool of shape (rows,); returns how many."""
        self.step[dropped] = STEPS.index(step)
        return int(dropped.sum())


def read_columns(rows: RowFile, config: Config, context: Context, progress: Progress) -> Columns:
    """Reads all rows once.

    Args:
        rows: the files, unread.
        config: the steps.
        context: of the run.
        progress: is told how many rows were read.

    Returns:
        The columns, with no row dropped.

    Raises:
        StageFailed: no row has the score or the field that a step needs.
        Interrupted: a signal asked us to stop.
    """
    per_group, seed = config.per_group, context.seed & 0xFFFFFFFFFFFFFFFF
    groups, scores, answers, hashes = array("q"), array("d"), array("q"), array("Q")
    mix = Labels(config.mix.by) if config.mix else None
    strata = Labels(config.sample.stratify_by) if config.sample and config.sample.stratify_by else None
    labels = [column for column in (mix, strata) if column]
    scored = 0
    for number, line in enumerate(rows.lines()):
        row = rows.parse(line, number)
        hashes.append(xxhash.xxh3_64_intdigest(str(row["id"]).encode() if "id" in row else line, seed))
        if per_group:
            group = _positive_hash(normalised(text_of(row, per_group.by)))
            groups.append(-1 - number if group is None else group)
            score = _score(row, per_group)
            scored += score == score
            scores.append(score)
            if per_group.prefer == "agreement":
                answers.append(_positive_hash(normalised(str(row.get("final_answer") or ""))) or 0)
        for column in labels:
            column.add(row)
        if number % EVERY == 0:
            progress.update(done=number)
            if context.stopping():
                raise Interrupted(context.stopping())
    if per_group and len(rows) and not scored and per_group.prefer != "agreement":
        raise StageFailed(
            f"{context.stage_id}: no row has a score {per_group.prefer!r}",
            rows.where(0),
            "prefer: shortest, longest, first, agreement, or a name in meta.scores",
        )
    for column in labels:
        if len(rows) and column.all_absent:
            raise StageFailed(
                f"{context.stage_id}: no row has {column.by!r}",
                rows.where(0),
                f"fields of the first row: {', '.join(rows.row(0))}",
            )
    return Columns(
        np.frombuffer(hashes, np.uint64),
        np.frombuffer(groups, np.int64),
        np.frombuffer(scores, np.float64),
        np.frombuffer(answers, np.int64),
        mix,
        strata,
        np.zeros(len(rows), np.int8),
        np.zeros(0, np.int32),
        np.zeros(0, np.int32),
    )


def _positive_hash(text: str) -> int | None:
    """A hash of 63 bits; None for no text."""
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass")) >> 1 if text else None


def _score(row: Row, per_group: PerGroup) -> float:
    """What `prefer` ranks by, the higher the better; NaN where the row has none."""
    prefer = per_group.prefer
    if prefer in ("first", "agreement"):
        return 0.0
    if prefer in ("shortest", "longest"):
        is_whole_answer = per_group.field == "answer" and "answer" not in row
        text = _answer(row) if is_whole_answer else text_of(row, per_group.field)
        if not text.strip():
            return float("nan")  # no answer is not the shortest one: such rows come last
        return float(len(text) if prefer == "longest" else -len(text))
    score: Any = value_at(row, f"meta.scores.{prefer}")
    score = value_at(row, prefer) if score is None else score
    return float(score) if isinstance(score, int | float) else float("nan")


def _answer(row: Row) -> str:
    """The rationale and output of a row, or what the assistant says in it."""
    if row.get("messages"):
        turns = (turn for turn in row["messages"] if turn.get("role") == "assistant")
        return "\n".join(str(turn.get("content") or "") for turn in turns)
    return "\n".join(str(row[part]) for part in ("rationale", "output", "chosen") if row.get(part))
