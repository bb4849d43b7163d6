"""Tiny stages for tests of the engine: numbers in, numbers out, and a record of what ran."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from synthgen.core.artefacts import Counts
from synthgen.core.config import InputFile, Unhashed
from synthgen.core.rows import rejected
from synthgen.stages.contract import Ablation, Need, Outcome, Stage, StageConfig
from synthgen.store.jsonl import RowWriter, read_rows, write_rows

RAN: list[str] = []


class MakeConfig(StageConfig):
    rows: int = Field(3, ge=0)
    file: Annotated[Path | None, InputFile()] = None
    note: Annotated[str, Unhashed()] = ""


def run_make(inputs, config, context, out):
    RAN.append(context.stage_id)
    lines = config.file.read_text().split() if config.file else [str(number) for number in range(config.rows)]
    write_rows(out / "rows.jsonl", [{"id": f"r{at}", "instruction": line} for at, line in enumerate(lines)])
    return Outcome(Counts(in_=len(lines), kept=len(lines)), {"rows.jsonl": len(lines)})


Make = Stage(
    config=MakeConfig,
    version=1,
    writes="rows",
    needs=lambda config: {},
    run=run_make,
    example="- toystages:Make",
)


class KeepConfig(StageConfig):
    below: int = 100
    lose: bool = False
    fail: int = 0
    max_failed: Annotated[float, Unhashed()] = 1.0
    die: Annotated[bool, Unhashed()] = False


def run_keep(inputs, config, context, out):
    RAN.append(context.stage_id)
    counts = Counts()
    with RowWriter(out / "rows.jsonl") as kept, RowWriter(out / "rejected.jsonl") as dropped:
        for at, row in enumerate(read_rows(inputs["rows"][0].file)):
            counts.in_ += 1
            if config.die and at == 1:
                raise KeyboardInterrupt
            if at < config.fail:
                counts.fail("timeout")
                dropped.write(rejected(row, stage=context.stage_id, rule="timeout", kind="failed"))
            elif int(row["instruction"]) < config.below:
                counts.kept += not (config.lose and at == 0)
                kept.write(row)
            else:
                counts.reject("below")
                dropped.write(rejected(row, stage=context.stage_id, rule="below"))
    return Outcome(counts, {"rows.jsonl": counts.kept, "rejected.jsonl": dropped.rows}, asked=counts.in_)


Keep = Stage(
    config=KeepConfig,
    version=1,
    writes="rows",
    seeded=True,
    needs=lambda config: {"rows": Need("rows")},
    run=run_keep,
    ablation=Ablation(),
    may_add_rows=False,
    example="- toystages:Keep",
)


def shorter_than_ten(row, **options):
    """A filter of a user's own, for tests: says why a row must go, or None."""
    return None if len(row.get("output") or "") >= 10 else "short"


def louder_of(row, end=""):
    """For `map`: a field set, one removed, and two that cannot be."""
    return {"output": row["output"][:2].upper() + end, "level": None, "id": "x", "meta": None}


def nothing_of(row):
    """For `map`: no fields."""
    return None


def raises_of(row):
    """For `map`: a fault of the user's own."""
    return {"x": row["nope"]}


def odd_of(row):
    """For `map`: a value that no row can hold."""
    return {"x": {1, 2}}
