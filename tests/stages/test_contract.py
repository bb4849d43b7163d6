"""A stage is one file and one line: command, docs, schema, sharding and ablation follow from its value."""

from __future__ import annotations

import inspect
import sys
import textwrap
from pathlib import Path
from typing import get_args

import orjson
import pytest
import typer
import yaml
from typer.testing import CliRunner

from synthgen import stages
from synthgen.cli import main
from synthgen.cli.stages import StageCommands, register
from synthgen.core.config import resolved
from synthgen.core.errors import ConfigError
from synthgen.operations.ablate.plan import AblationPlan
from synthgen.operations.shard import Shard, sharded
from synthgen.pipeline.file import check_pipeline
from synthgen.pipeline.json_schema import pipeline_schema
from synthgen.pipeline.options import RunOptions
from synthgen.reports.pages.stages import stage_page
from synthgen.stages import INTERNAL_STAGES, STAGES
from synthgen.stages.contract import OnFiles, OverPairs, RowByRow, Stage, Whole, find_stage, purpose
from synthgen.training.objectives.odds_ratio import OddsLoss
from synthgen.training.objectives.preference import PairLoss
from synthgen.training.objectives.response import Divergence
from synthgen.training.objectives.unpaired import UnpairedLoss
from tests.stages.curation import options

SHORTEN = '''
"""shorten: cut outputs to a number of characters."""

from pydantic import Field

from synthgen.core.artefacts import Counts
from synthgen.stages.contract import Ablation, Need, OnFiles, Outcome, RowByRow, Stage, StageConfig
from synthgen.store.jsonl import read_rows, write_rows


class Config(StageConfig):
    """How long."""

    characters: tuple[int, ...] = Field((10,), description="characters that stay")


def run(inputs, config, context, out):
    rows = [row for artefact in inputs["rows"] for row in read_rows(artefact.file)]
    write_rows(out / "rows.jsonl", [{**row, "output": row["output"][: config.characters[0]]} for row in rows])
    return Outcome(Counts(in_=len(rows), kept=len(rows)), {"rows.jsonl": len(rows)}, table=f"{len(rows)} cut")


STAGE = Stage(
    config=Config,
    version=1,
    writes="rows",
    needs=lambda config: {"rows": Need("rows")},
    run=run,
    example="- shorten: {characters: [20]}",
    sharding=RowByRow(),
    ablation=Ablation(),
    may_add_rows=False,
    on_files=OnFiles("characters", "--characters", "N", "how many characters stay", read=int),
)
'''


@pytest.fixture
def shorten(tmp_path_factory, monkeypatch):
    """A stage as somebody adds it: its file among the stages, its line in STAGES."""
    folder = Path(stages.__file__).parent
    file = folder / "shorten_for_a_test.py"
    file.write_text(SHORTEN.strip() + "\n")
    try:
        for mapping in (STAGES, stages.EVERY_STAGE):
            monkeypatch.setitem(mapping, "shorten", "synthgen.stages.shorten_for_a_test:STAGE")
        yield find_stage("shorten")
    finally:
        file.unlink()
        sys.modules.pop("synthgen.stages.shorten_for_a_test", None)


def rows_file(path: Path, rows: int = 4) -> None:
    path.write_bytes(
        b"".join(
            orjson.dumps({"instruction": f"Tell of {number}.", "output": "abcdefgh" * number}) + b"\n"
            for number in range(1, rows + 1)
        )
    )


def call(monkeypatch, capsys, *words: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["synthgen", *words])
    with pytest.raises(SystemExit) as end:
        main()
        sys.exit(0)
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out + said.err


def test_an_added_stage_has_docs_a_schema_and_a_place_in_the_list(shorten, monkeypatch, capsys):
    assert "## shorten\n\nCut outputs to a number of characters.\n\n    - shorten:" in stage_page()
    assert any("shorten" in str(one) for one in pipeline_schema()["properties"]["stages"]["items"]["anyOf"])
    code, said = call(monkeypatch, capsys, "list", "stages", "shorten")
    assert code == 0 and "characters that stay" in said


def test_an_added_stage_can_be_sharded_and_taken_out(shorten, in_tmp):
    rows_file(Path("rows.jsonl"))
    tree = {
        "name": "short",
        "stages": [
            {"load": {"sources": ["rows.jsonl"]}},
            {"split": {"test": 1}},
            {"shorten": {"characters": [3]}},
            {"sft": {"student": {"init": {}}, "completion": "output"}},
            {"evaluate": {"models": ["students"]}},
        ],
    }
    pipeline = check_pipeline(Path("short.yaml"), tree, lambda path: "")
    assert "without shorten" in [variant.name for variant in AblationPlan(pipeline).variants]
    with pytest.raises(
        ConfigError, match="split cannot be sharded: its parts are drawn from all rows together"
    ):
        sharded(pipeline, RunOptions(only=("split", "shorten")), Shard(1, 2))


def test_an_added_stage_has_a_command_that_takes_files_and_its_own_flag(shorten, in_tmp):
    rows_file(Path("rows.jsonl"))
    app = typer.Typer(cls=StageCommands)
    register(app)
    asked = CliRunner().invoke(app, ["shorten", "--help"], env={"COLUMNS": "200"})
    assert "Cut outputs to a number of characters." in asked.output
    assert "how many characters stay" in asked.output and "--report" not in asked.output
    done = CliRunner().invoke(app, ["shorten", "rows.jsonl", "-o", "short", "--characters", "5"])
    assert done.exit_code == 0 and "4 cut" in done.output
    outputs = {orjson.loads(line)["output"] for line in Path("short/rows.jsonl").read_bytes().splitlines()}
    assert outputs == {"abcde"}


@pytest.mark.parametrize("kind", [*STAGES, *INTERNAL_STAGES])
def test_every_stage_says_what_it_is(kind):
    stage = find_stage(kind)
    assert isinstance(stage.version, int) and stage.version >= 1
    assert stage.writes in ("rows", "split", "model", "metrics")
    assert isinstance(stage.sharding, RowByRow | OverPairs | Whole)
    assert stage.internal == (kind in INTERNAL_STAGES)
    assert purpose(kind).endswith(".") and stage.internal == (not stage.example)


@pytest.mark.parametrize("kind", STAGES)
def test_the_help_line_is_the_first_of_the_module(kind):
    first = (inspect.getmodule(find_stage(kind).run).__doc__ or "").splitlines()[0]
    assert first.startswith(f"{kind}: ") and purpose(kind).lower() == first.removeprefix(f"{kind}: ").lower()


@pytest.mark.parametrize("kind", [kind for kind in STAGES if find_stage(kind).on_files])
def test_the_option_that_files_fill_is_one_of_the_stage(kind):
    on_files = find_stage(kind).on_files
    assert isinstance(on_files, OnFiles) and on_files.option in find_stage(kind).config.model_fields


@pytest.mark.parametrize("kind", STAGES)
def test_what_asks_a_teacher_can_be_previewed_and_held_to_max_failed(kind):
    stage = find_stage(kind)
    assert (stage.preview is None) == ("max_failed" not in stage.config.model_fields)
    if stage.preview is not None:
        assert stage.graceful, "it waits for replies, so it must look at context.stopping itself"


VARIANTS = [
    *(
        f"- prefer: {{input: pairs, student: {{from: sft}}, loss: {loss}, batch_size: 4}}"
        for loss in get_args(PairLoss) + get_args(OddsLoss) + get_args(UnpairedLoss)
        if loss != "exo_pair"
    ),
    *(
        f"- distill: {{student: {{from: sft}}, teacher: {{from: teacher}}, divergence: {divergence}}}"
        for divergence in get_args(Divergence)
    ),
    "- export: {format: jsonl}",
    "- load: {sources: [{path: rows.jsonl, format: unpaired}, {dataset: a/b}]}",
    "- prefer: {input: pairs, student: {from: sft}, loss: exo_pair, label_smoothing: 0.1}",
]
"""Options that are refused beside others: their defaults stand beside these in a resolved file, too."""


@pytest.mark.parametrize("entry", [find_stage(kind).example for kind in STAGES] + VARIANTS)
def test_options_with_all_defaults_filled_in_are_the_same_options(entry):
    ((kind, raw),) = yaml.safe_load(entry)[0].items()
    config = options(find_stage(kind), raw)
    assert options(find_stage(kind), resolved(config)) == config


def test_what_is_no_stage_is_refused_with_how_to_make_one(tmp_path, monkeypatch):
    (tmp_path / "old_stage.py").write_text(
        textwrap.dedent("""
            class Mine:
                VERSION = 1
        """)
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError) as caught:
        find_stage("old_stage:Mine")
    assert "is not a stage" in str(caught.value) and "Stage(config=" in str(caught.value)


def test_a_stage_is_frozen():
    with pytest.raises(AttributeError):
        find_stage("load").version = 9  # type: ignore[misc]
    assert isinstance(find_stage("load"), Stage)
