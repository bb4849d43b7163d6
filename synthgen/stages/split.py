"""split: set test and validation questions aside.

The parts train, validation and test are drawn by group, before anything is asked or filtered.

Which part a group goes to depends on the seed and on the group's own text alone, so the order of the file
does not matter and added rows move few others. Memory: about 30 bytes a row; about 60 with `group_by`, and
with `near_duplicates` also its index (see `rouge_l`).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from synthgen.core.artefacts import Counts, Inputs
from synthgen.core.config import Component
from synthgen.core.errors import EmptyResult, Interrupted, StageFailed
from synthgen.stages.contract import Context, Need, Outcome, Stage, StageConfig, Whole

if TYPE_CHECKING:
    import numpy as np

    from synthgen.similarity.row_file import RowFile

PARTS = ("train", "validation", "test")
AT_ONCE = 1 << 16  # rows whose parts are looked up together

Size = int | float


class NearDuplicates(Component):
    """Also keep questions in one part that resemble each other (single linkage by ROUGE-L)."""

    field: str | tuple[str, ...] = Field("question", description="what is compared")
    threshold: float = Field(
        0.7,
        ge=0,
        lt=1,
        description=(
            "rows whose ROUGE-L F is above this go to one part, and so do all that are linked by such pairs"
        ),
    )
    tokenizer: Literal["ascii", "unicode"] = Field("unicode", description="as rouge_l has it")


class Config(StageConfig):
    """Options of `split`."""

    test: Size = Field(0.1, description="rows for the test part, or a share of all rows below 1")
    validation: Size = Field(0, description="rows for the validation part, or a share of all rows below 1")
    group_by: str | None = Field(
        None,
        description=(
            "a field or a path such as meta.document: rows that share its value go to one part; rows that "
            "ask the same question always do"
        ),
    )
    near_duplicates: NearDuplicates | None = Field(
        None,
        description=(
            "also keep questions in one part that resemble each other; fails where so many do that they "
            "are more than a part holds"
        ),
    )

    @field_validator("test", "validation", mode="before")
    @classmethod
    def _count_or_share(cls, value: Any) -> Any:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
            or value < 0
            or (isinstance(value, float) and value >= 1 and not value.is_integer())
        ):
            raise ValueError("a number of rows, or a share below 1")
        return int(value) if value >= 1 or value == 0 else value

    @model_validator(mode="after")
    def _some_part(self) -> Config:
        if not self.test and not self.validation:
            raise ValueError("split has nothing to split off: give test, validation or both")
        return self


def needs(config: Config) -> dict[str, Need]:
    """The rows to split."""
    return {"rows": Need("rows")}


def run(inputs: Inputs, config: Config, context: Context, out: Path) -> Outcome:
    """Writes the parts that are asked for, each in file order, byte for byte as the rows were.

    Raises:
        EmptyResult: there are no rows.
        StageFailed: the rows cannot be split so.
    """
    from synthgen.similarity.row_file import RowFile, write_lines
    from synthgen.store.jsonl import RowWriter

    artefacts = inputs["rows"]
    with (
        RowFile(*(artefact.file for artefact in artefacts)) as rows,
        context.reporter.stage(context.stage_id, sum(artefact.rows for artefact in artefacts)) as progress,
    ):
        keys = _keys(rows, config, context, progress)
        wanted = wanted_sizes(len(rows), config, context.stage_id, str(artefacts[0].file))
        parts = _assign(keys, wanted, config, context.stage_id)
        files: dict[str, int | None] = {}
        for index, part in enumerate(PARTS):
            if part != "train" and not wanted[part]:
                continue
            with RowWriter(out / f"{part}.jsonl") as writer:
                write_lines(
                    writer,
                    (
                        line
                        for line, of_line in zip(rows.reread(), parts.tolist(), strict=True)
                        if of_line == index
                    ),
                )
            files[writer.path.name] = writer.rows
    sizes = {part: files.get(f"{part}.jsonl") or 0 for part in PARTS}
    _check(sizes, wanted, config, context.stage_id)
    table = "  ".join(f"{part} {rows_:,}" for part, rows_ in sizes.items() if rows_)
    short = [f"{part} wanted {wanted[part]:,}" for part in PARTS[1:] if sizes[part] < wanted[part]]
    return Outcome(
        Counts(in_=len(keys), kept=sum(sizes.values())),
        files,
        extra={"parts": sizes},
        table=table + (f"  ({'; '.join(short)}: groups stay whole)" if short else ""),
    )


def _keys(rows: RowFile, config: Config, context: Context, progress: Any) -> np.ndarray[Any, Any]:
    """For each row its group's key, of the seed and what it is grouped by: uint64 of shape (rows,).

    Two rows have the same key if, and only if, they are in one group: it is the smallest hash there.
    """
    import numpy as np
    import xxhash

    from synthgen.similarity.fields import text_of
    from synthgen.similarity.linkage import SimilarPairs, join_groups
    from synthgen.similarity.methods.exact import normalised

    seed = context.seed & 0xFFFFFFFFFFFFFFFF
    questions, values = array("Q"), array("Q")
    nothing = 0
    near = None
    if options := config.near_duplicates:
        near = SimilarPairs(options.field, options.threshold, options.tokenizer)
    for number, line in enumerate(rows.lines()):
        row = rows.parse(line, number)
        # A row without a question is a group of its own, known by all its text.
        question = normalised(text_of(row, "question")).encode() or line
        questions.append(xxhash.xxh3_64_intdigest(question, seed))
        if config.group_by:
            value = text_of(row, config.group_by)
            nothing += not value
            values.append(
                xxhash.xxh3_64_intdigest(b"group\0" + value.encode(), seed) if value else questions[-1]
            )
        if near:
            near.add(row, number)
        if number % 4096 == 0:
            progress.update(done=number)
            if context.stopping():
                raise Interrupted(context.stopping())
    if not len(rows):
        raise EmptyResult(
            f"{context.stage_id}: there are no rows to split",
            str(rows.paths[0]),
            "look at the stage before it",
        )
    if config.group_by and nothing == len(rows):
        raise StageFailed(
            f"{context.stage_id}: no row has {config.group_by!r} to group by",
            str(rows.paths[0]),
            f"fields of the first row: {', '.join(rows.row(0))}",
        )
    columns = [np.frombuffer(column, np.uint64) for column in (questions, values) if len(column)]
    if len(columns) == 1 and not near:
        return columns[0]
    groups = join_groups(columns, near.pairs if near else [])
    keys = np.full(int(groups.max()) + 1, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(keys, groups, columns[-1])
    return keys[groups]


def wanted_sizes(rows: int, config: Config, stage: str, where: str) -> dict[str, int]:
    """How many rows each part is to hold.

    Args:
        rows: how many there are in all.
        config: the sizes that are asked for.
        stage: the stage's id.
        where: the file, for the error.

    Returns:
        Rows by part.

    Raises:
        StageFailed: nothing is left to train on.
    """
    wanted = {
        part: size if isinstance(size, int) else max(1, round(size * rows))
        for part, size in (("validation", config.validation), ("test", config.test))
    }
    if sum(wanted.values()) >= rows:
        asked = " and ".join(f"{part} {size:,}" for part, size in wanted.items() if size)
        raise StageFailed(
            f"{stage}: {asked} leave nothing to train on of {rows:,} rows",
            where,
            "ask for fewer (a share below 1 adapts to the data), or load more rows",
        )
    return {"train": rows - sum(wanted.values()), **wanted}


def _assign(
    keys: np.ndarray[Any, Any], wanted: dict[str, int], config: Config, stage: str
) -> np.ndarray[Any, Any]:
    """Assigns groups, in order of their keys, to test, then validation, while they have room.

    Returns:
        The position of each row's part in PARTS, int8 of shape (rows,).
    """
    import numpy as np

    in_order = np.sort(keys)
    smallest = min(size for size in wanted.values() if size)
    if config.near_duplicates and (largest := max(size for _, size in _runs(in_order))) > smallest:
        raise StageFailed(
            f"{stage}: {largest:,} rows resemble one another, more than the smallest part holds "
            f"({smallest:,})",
            next=(
                f"raise near_duplicates.threshold above {config.near_duplicates.threshold}, or make the "
                "part larger"
            ),
        )
    left = {part: wanted[part] for part in ("test", "validation")}
    chosen, of_chosen = array("Q"), array("b")
    for key, size in _runs(in_order):
        for part, room in left.items():
            if size <= room:
                chosen.append(key)
                of_chosen.append(PARTS.index(part))
                left[part] = room - size
                break
        if not any(left.values()):
            break
    parts = np.zeros(len(keys), np.int8)
    if chosen:
        known, part_of = np.frombuffer(chosen, np.uint64), np.frombuffer(of_chosen, np.int8)
        for start in range(0, len(keys), AT_ONCE):
            asked = keys[start : start + AT_ONCE]
            places = np.minimum(np.searchsorted(known, asked), len(known) - 1)
            parts[start : start + AT_ONCE] = np.where(known[places] == asked, part_of[places], 0)
    return parts


def _runs(in_order: np.ndarray[Any, Any]) -> Iterator[tuple[int, int]]:
    """Each of the sorted values once, with how often it is there."""
    import numpy as np

    start = 0
    while start < len(in_order):
        part = in_order[start : start + AT_ONCE]
        begins = np.flatnonzero(np.diff(part)) + 1
        if start + len(part) < len(in_order) and len(begins):
            part = part[: begins[-1]]  # the last run may go on
            begins = begins[:-1]
        elif start + len(part) < len(in_order):
            part = in_order[start : np.searchsorted(in_order, part[0], "right")]
        begins = np.concatenate([[0], begins])
        yield from zip(
            part[begins].tolist(), np.diff(np.concatenate([begins, [len(part)]])).tolist(), strict=True
        )
        start += len(part)


def _check(sizes: dict[str, int], wanted: dict[str, int], config: Config, stage: str) -> None:
    """Raises StageFailed where a part that is asked for has no row."""
    for part in PARTS:
        if wanted[part] and not sizes[part]:
            why = (
                f"every group by {config.group_by!r} is larger than that"
                if config.group_by
                else "every group of equal questions is larger than that"
            )
            raise StageFailed(
                f"{stage}: no row is left for {part} ({wanted[part]:,} wanted)",
                next=f"{why}; ask for more rows, or group by something finer",
            )


STAGE = Stage(
    config=Config,
    version=3,
    writes="split",
    seeded=True,
    needs=needs,
    run=run,
    sharding=Whole("its parts are drawn from all rows together"),
    may_add_rows=False,
    example="- split: {test: 200, validation: 0.05}",
)
