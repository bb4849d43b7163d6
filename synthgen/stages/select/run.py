"""select: keep the best, or a sample, of the rows.

Each row that goes names the one that was preferred to it.

Steps in this order, each only where it is asked for: the best of each group, the mix of sources, the most
diverse, the sample to a size. Rows keep their order. Memory: about 50 bytes a row at the peak; `diverse`
adds 4 bytes a number of each row's vector.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen.core.artefacts import Counts, Inputs
from synthgen.core.errors import EmptyResult
from synthgen.core.rows import rejected
from synthgen.core.text import amount
from synthgen.stages.contract import Ablation, Context, Need, Outcome, Stage, Whole
from synthgen.stages.select.options import Config

if TYPE_CHECKING:
    from synthgen.similarity.row_file import RowFile
    from synthgen.stages.select.columns import Columns
    from synthgen.store.jsonl import RowWriter

RULE = "select"


def needs(config: Config) -> dict[str, Need]:
    """The rows to choose from."""
    return {"rows": Need("rows")}


def run(inputs: Inputs, config: Config, context: Context, out: Path) -> Outcome:
    """Writes the chosen rows, byte for byte as they were, and the others with the step that dropped them.

    Raises:
        EmptyResult: there are no rows, or none is chosen.
        StageFailed: a step cannot be done with these rows.
    """
    from synthgen.similarity.row_file import RowFile
    from synthgen.stages.select.columns import read_columns

    artefacts = inputs["rows"]
    with (
        RowFile(*(artefact.file for artefact in artefacts)) as rows,
        context.reporter.stage(context.stage_id, sum(artefact.rows for artefact in artefacts)) as progress,
    ):
        columns = read_columns(rows, config, context, progress)
        if not len(rows):
            raise EmptyResult(
                f"{context.stage_id}: there are no rows to choose from",
                str(artefacts[0].file),
                "look at the stage before it",
            )
        steps = _take_steps(rows, columns, config, context.stage_id)
        counts = _write(rows, columns, context, out)
    if not counts.kept:
        raise EmptyResult(
            f"{context.stage_id}: no row was chosen of {counts.in_:,}",
            next="loosen its steps: " + "; ".join(steps),
        )
    lines = [
        f"{amount(counts.in_, 'row')}, {counts.kept:,} kept ({counts.kept / counts.in_:.1%})",
        *(f"  {step}" for step in steps),
    ]
    return Outcome(
        counts,
        {"rows.jsonl": counts.kept, "rejected.jsonl": counts.in_ - counts.kept},
        table="\n".join(lines),
    )


def _take_steps(rows: RowFile, columns: Columns, config: Config, stage: str) -> list[str]:
    """Drops rows step by step; a line for people of each step."""
    from synthgen.stages.select.steps import keep_best, keep_diverse, keep_sample, mix_sources

    lines = []
    if config.per_group is not None:
        lines.append(keep_best(columns, config.per_group))
    if config.mix is not None:
        lines.append(mix_sources(columns, config.mix, stage))
    if config.diverse is not None:
        lines.append(keep_diverse(rows, columns, config.diverse))
    if config.sample is not None:
        lines.append(keep_sample(columns, config.sample))
    return lines


def _write(rows: RowFile, columns: Columns, context: Context, out: Path) -> Counts:
    """Writes `rows.jsonl` and `rejected.jsonl`."""
    from synthgen.similarity.row_file import write_lines
    from synthgen.store.jsonl import RowWriter

    counts = Counts(in_=len(rows))

    def kept_lines(dropping: RowWriter) -> Iterator[bytes]:
        for number, (line, step) in enumerate(zip(rows.reread(), columns.step.tolist(), strict=True)):
            if not step:
                yield line
                continue
            counts.reject(RULE)
            reason = _reason(rows, columns, number, step)
            dropping.write(rejected(rows.parse(line, number), stage=context.stage_id, rule=RULE, **reason))

    with RowWriter(out / "rows.jsonl") as keeping, RowWriter(out / "rejected.jsonl") as dropping:
        write_lines(keeping, kept_lines(dropping))
    counts.kept = keeping.rows
    return counts


def _reason(rows: RowFile, columns: Columns, number: int, step: int) -> dict[str, Any]:
    """Why a row is dropped: the step, and of `per_group` the row's place, its score and the best row."""
    from synthgen.stages.select.columns import STEPS

    if STEPS[step] != "per_group":
        return {"value": {"step": STEPS[step]}, "matched_id": None, "score": None}
    score = float(columns.scores[number])
    return {
        "value": {"step": STEPS[step], "place": int(columns.rank[number]) + 1},
        "matched_id": rows.row(int(columns.best[number])).get("id"),
        "score": None if score != score else score,
    }


STAGE = Stage(
    config=Config,
    version=3,
    writes="rows",
    seeded=True,
    needs=needs,
    run=run,
    sharding=Whole("rows are ranked and counted together"),
    ablation=Ablation(),
    may_add_rows=False,
    example="- select: {per_group: {n: 1, prefer: shortest}}",
)
