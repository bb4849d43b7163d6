"""Shards: the same bytes whatever their number; nothing is merged that is missing or out of date."""

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from synthgen.cli import app
from synthgen.core.errors import BudgetReached, ConfigError, InputError, RunLocked, StageFailed
from synthgen.core.progress import Reporter
from synthgen.core.resources import shipped
from synthgen.operations.merge import check_ids, merge
from synthgen.operations.shard import Shard, sharded
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.graph import Graph
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.plan import stage_state
from synthgen.pipeline.run import run_pipeline
from synthgen.stages.sharding.block import bounds
from synthgen.store.jsonl import read_rows, write_rows
from synthgen.store.ledger.ledger import open_ledger
from synthgen.store.lock import RunLock
from synthgen.store.manifest import read_manifest

CURATION = """
name: small
stages:
  - load: {sources: [{path: rows.jsonl}]}
  - split: {test: 4}
  - filter: {values: true, rules: [length: {field: output, min_words: 3}, echo]}
  - decontaminate: {fuzzy: 0.3}
  - dedup: {methods: [exact]}
"""
ASKING = """
name: small
teacher: {provider: builtin, base_url: "URL", limits: {concurrency: 4}}
stages:
  - load: {sources: [{path: rows.jsonl}]}
  - generate: {id: answers, task: rationale, samples: 2}
  - filter: {rules: [truncated, answer_match]}
"""


@pytest.fixture(scope="module")
def teacher():
    command = [
        sys.executable,
        "-c",
        "import sys; sys.argv=['synthgen','serve-builtin','--port','0']; from synthgen.cli import "
        "main; main()",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said = json.loads(process.stdout.readline())
    yield (
        next(value for value in said.values() if isinstance(value, str) and value.startswith("http"))
        .rstrip("/")
        .removesuffix("/v1")
        + "/v1"
    )
    process.terminate()
    process.wait(10)


def curation(text=CURATION, rows=60):
    made = [
        {
            "instruction": f"How many are {index // 3} and {index % 7}?",
            "output": "They are " + str(index) if index % 5 else "No",
        }
        for index in range(rows)
    ]
    Path("rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in made))
    Path("small.yaml").write_text(text)
    return load_pipeline(Path("small.yaml"))


def asking(url):
    """Questions that each come several times, so that one shard repeats what another has asked."""
    seeds = list(read_rows(shipped("data/seeds/arithmetic.jsonl")))[:3]
    made = [{"instruction": seed["instruction"], "reference": seed["reference"]} for seed in seeds] * 5
    Path("rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in made))
    Path("small.yaml").write_text(ASKING.replace("URL", url))
    return load_pipeline(Path("small.yaml"))


def run(pipeline, **options):
    return run_pipeline(pipeline, RunOptions(**options), Reporter("silent"))


def run_shard(pipeline, number, of, **options):
    made, chosen = sharded(pipeline, RunOptions(**options), Shard(number, of))
    return run_pipeline(made, chosen, Reporter("silent"))


def bytes_of(run_dir, *stages):
    return {
        f"{stage}/{path.name}": path.read_bytes()
        for stage in stages
        for path in sorted((Path(run_dir) / stage).glob("*.jsonl"))
    }


@pytest.mark.parametrize("of", [1, 3, 7, 70])
def test_curation_in_shards_is_the_same_bytes(in_tmp, of):
    pipeline = curation()
    whole = run(pipeline, runs=Path("whole"))
    run(pipeline, until="split")
    for number in range(of, 0, -1):
        done = run_shard(pipeline, number, of, only=("filter", "decontaminate"))
        assert done.run_dir == Path(f"data/runs/small/shards/{number}-of-{of}")
    merged = merge(pipeline, RunOptions(), reporter=Reporter("silent"))
    stages = ("filter", "decontaminate")
    assert bytes_of("data/runs/small", *stages) == bytes_of("whole/small", *stages)
    for stage in stages:
        ours, theirs = merged.stages[stage], whole.stages[stage]
        assert (ours.counts, ours.key) == (theirs.counts, theirs.key)
        assert {name: (file.sha256, file.rows) for name, file in ours.outputs.items()} == {
            name: (file.sha256, file.rows) for name, file in theirs.outputs.items()
        }
    assert (
        0 < whole.stages["filter"].counts["kept"] < whole.stages["filter"].counts["in"]
        and whole.stages["decontaminate"].outputs["report.jsonl"].rows
    )
    assert run(pipeline).done == {
        "load": "skipped",
        "split": "skipped",
        "filter": "skipped",
        "decontaminate": "skipped",
        "dedup": "ran",
    }
    assert bytes_of("data/runs/small", "dedup") == bytes_of("whole/small", "dedup")


def test_what_evaluate_reads_is_kept_out_in_shards_too(in_tmp):
    Path("benchmark.jsonl").write_bytes(
        b"".join(orjson.dumps({"instruction": f"How many are {index} and 1?"}) + b"\n" for index in range(20))
    )
    text = CURATION.replace(
        "stages:\n", "stages:\n  - load: {id: benchmark, sources: [{path: benchmark.jsonl}]}\n"
    ).replace(
        "  - dedup",
        "  - sft: {student: {model: x}}\n  - evaluate: {input: benchmark, models: [students]}\n  - dedup",
    )
    pipeline = curation(text)
    whole = run(pipeline, runs=Path("whole"), until="decontaminate")
    assert any(
        hit["rejection"]["value"]["evaluation"] == "benchmark"
        for hit in read_rows(Path("whole/small/decontaminate/rejected.jsonl"))
    )
    run(pipeline, until="filter")
    for number in (1, 2, 3):
        run_shard(pipeline, number, 3, only=("decontaminate",))
    merged = merge(pipeline, RunOptions(), reporter=Reporter("silent"))
    assert bytes_of("data/runs/small", "decontaminate") == bytes_of("whole/small", "decontaminate")
    assert merged.stages["decontaminate"].key == whole.stages["decontaminate"].key
    for entry in ("evaluation_rows", "not_compared", "not_looked_for", "reported"):
        of_merged, of_whole = (result.stages["decontaminate"].extra for result in (merged, whole))
        assert of_merged[entry] == of_whole[entry]


def test_what_was_not_compared_is_in_the_merged_table_too(in_tmp):
    Path("benchmark.jsonl").write_bytes(b'{"instruction": "Name a bird of the sea."}\n{"instruction": ""}\n')
    pipeline = curation(
        CURATION.replace("{fuzzy: 0.3}", "{against: [{path: benchmark.jsonl, field: instruction}]}")
    )
    run(pipeline, until="filter")
    for number in (1, 2):
        run_shard(pipeline, number, 2, only=("decontaminate",))
    extra = merge(pipeline, RunOptions(), reporter=Reporter("silent")).stages["decontaminate"].extra
    (warning,) = extra["warnings"]
    assert "1 of 2 evaluation rows of benchmark.jsonl" in warning
    assert extra["table"].splitlines()[1] == f"  WARNING: {warning}"


@pytest.mark.parametrize("of", [1, 3, 7])
def test_generation_in_shards_with_ledgers_of_their_own_is_the_same_bytes(teacher, in_tmp, of):
    pipeline = asking(teacher)
    whole = run(pipeline, runs=Path("whole"), ledger=Path("whole-ledger"))
    keys = [
        row["meta"]["request"]
        for file in ("rows.jsonl", "rejected.jsonl")
        for row in read_rows(whole.run_dir / "answers" / file)
    ]
    assert len(keys) == len(set(keys)) == 30  # a question that comes again is asked again
    run(pipeline, until="load")
    for number in range(1, of + 1):
        run_shard(pipeline, number, of, start="answers", until="filter", ledger=Path(f"ledger-{number}"))
    merged = merge(pipeline, RunOptions(), of, Reporter("silent"))
    assert bytes_of("data/runs/small", "answers", "filter") == bytes_of("whole/small", "answers", "filter")
    for stage in ("answers", "filter"):
        assert (merged.stages[stage].counts, merged.stages[stage].requests) == (
            whole.stages[stage].counts,
            whole.stages[stage].requests,
        )
    assert (
        merged.stages["answers"].usage["completion_tokens"]
        == whole.stages["answers"].usage["completion_tokens"]
    )
    assert merged.stages["answers"].extra["asked"] == 15
    assert merged.stages["filter"].extra["reasons"] == whole.stages["filter"].extra["reasons"]


def test_shards_run_by_processes_at_once(teacher, in_tmp):
    pipeline = asking(teacher)
    run(pipeline, runs=Path("whole"), ledger=Path("whole-ledger"))
    run(pipeline, until="load")
    command = [
        sys.executable,
        "-c",
        "import sys; from synthgen.cli import main; main()",
        "generate",
        "small.yaml",
        "--shard",
    ]
    processes = [
        subprocess.Popen([*command, f"{number}/3"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for number in (1, 2, 3)
    ]
    for process in processes:
        assert process.wait(120) == 0, process.stderr.read()
        process.stderr.close()
    merge(pipeline, RunOptions(), reporter=Reporter("silent"))
    assert bytes_of("data/runs/small", "answers") == bytes_of("whole/small", "answers")


def test_what_stands_before_a_shard_is_part_of_its_key(teacher, in_tmp):
    pipeline = asking(teacher)
    run(pipeline, until="load")
    run_shard(pipeline, 2, 2, only=("answers",))
    lines = Path("rows.jsonl").read_bytes().splitlines(keepends=True)
    Path("rows.jsonl").write_bytes(
        lines[0].replace(b'"reference":"', b'"reference":"1') + b"".join(lines[1:])
    )
    run(pipeline, until="load")
    made, chosen = sharded(pipeline, RunOptions(only=("answers",)), Shard(2, 2))
    run_pipeline(made, RunOptions(run_dir=chosen.run_dir, only=("answers-block",)), Reporter("silent"))
    assert "shard" in stage_state(made.stage("answers"), made, Graph(made, chosen.run_dir), limit=None).why


def test_missing_and_outdated_shards_are_told_by_number(in_tmp):
    pipeline = curation()
    run(pipeline, until="split")
    for number in (1, 3, 6):
        run_shard(pipeline, number, 7, only=("filter",))
    with pytest.raises(StageFailed, match=r"filter: shard 2, 4, 5, 7 of 7 has no result"):
        merge(pipeline, RunOptions(), reporter=Reporter("silent"))
    for number in (2, 4, 5, 7):
        run_shard(pipeline, number, 7, only=("filter",))
    changed = load_pipeline(Path("small.yaml"), (), {"filter.rules": ["echo"]})
    run_shard(changed, 4, 7, only=("filter",))
    with pytest.raises(StageFailed, match=r"shard 4 \(changed: option rules\) of 7 is not up to date"):
        merge(pipeline, RunOptions(), reporter=Reporter("silent"))
    assert not Path("data/runs/small/filter").exists()
    run_shard(pipeline, 4, 7, only=("filter",))
    assert merge(pipeline, RunOptions(), reporter=Reporter("silent")).done == {"filter": "ran"}
    assert merge(pipeline, RunOptions(), reporter=Reporter("silent")).done == {"filter": "skipped"}


def test_a_shard_of_rows_that_have_changed_since_is_outdated(in_tmp):
    pipeline = curation()
    run(pipeline, until="split")
    for number in (1, 2):
        run_shard(pipeline, number, 2, only=("filter",))
    curation(rows=61)
    with pytest.raises(StageFailed, match="load, which the shards read, is not ready: changed"):
        run_shard(pipeline, 1, 2, only=("filter",))
    run(pipeline, until="split")
    with pytest.raises(StageFailed, match=r"shard 1 \(changed: input rows\), 2 \(changed: input rows\) of 2"):
        merge(pipeline, RunOptions(), reporter=Reporter("silent"))


def test_several_divisions_and_none(in_tmp):
    pipeline = curation()
    with pytest.raises(InputError, match="no shards to merge"):
        merge(pipeline, RunOptions())
    run(pipeline, until="split")
    run_shard(pipeline, 1, 1, only=("filter",))
    run_shard(pipeline, 1, 2, only=("filter",))
    with pytest.raises(ConfigError, match="shards of 1 and of 2"):
        merge(pipeline, RunOptions())
    assert merge(pipeline, RunOptions(), 1, Reporter("silent")).done == {"filter": "ran"}


@pytest.mark.parametrize(
    ("text", "only", "said"),
    [
        (CURATION, "load", "equal rows are numbered"),
        (CURATION, "split", "drawn from all rows"),
        (CURATION.replace("values: true", "action: report"), "filter", "its report is over all rows"),
        (CURATION + "  - select: {sample: {size: 5}}\n", "select", "ranked and counted"),
        (CURATION + "  - export: {format: alpaca}\n", "export", "one data set"),
    ],
)
def test_what_cannot_be_sharded_says_why(in_tmp, text, only, said):
    pipeline = curation(text)
    with pytest.raises(ConfigError) as caught:
        run_shard(pipeline, 1, 2, only=(only,))
    assert (
        said in str(caught.value)
        and f"{only} cannot be sharded" in str(caught.value)
        and "--only" in str(caught.value)
    )


def test_stages_that_ask_are_refused_where_a_shard_cannot_know(teacher, in_tmp):
    asking(teacher)
    Path("chain.yaml").write_text(
        ASKING.replace("URL", teacher)
        + (
            "  - generate: {id: again, task: rationale}\n  - generate: {id: seeded, task: "
            "self_instruct, kind: question, seeds: rows.jsonl, num_rows: 5}\n"
        )
    )
    pipeline = load_pipeline(Path("chain.yaml"))
    run(pipeline, until="load")
    with pytest.raises(ConfigError, match="not known before filter is merged"):
        run_shard(pipeline, 1, 2, start="answers", until="again")
    with pytest.raises(ConfigError, match="self_instruct keeps depends on the replies before"):
        run_shard(pipeline, 1, 2, only=("seeded",))


def test_every_stage_that_cannot_is_told_at_once(in_tmp):
    curation()
    done = CliRunner().invoke(app, ["run", "small.yaml", "--shard", "1/2"])
    assert isinstance(done.exception, ConfigError) and len(done.exception.faults) == 3
    assert (
        "dedup cannot be sharded: it compares the rows of all shards, which are together only once "
        "decontaminate is merged" in str(done.exception)
    )
    assert (
        "shard filter, decontaminate with --only; shard dedup alone, once what it reads is merged; "
        "run the others whole" in str(done.exception)
    )


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "1/0", "a/b", "-1/3", "1/2/3", ""])
def test_odd_shards_are_refused(in_tmp, text):
    with pytest.raises(ConfigError, match="wants i/n"):
        Shard.parse(text)


def test_what_is_read_must_be_there(in_tmp):
    pipeline = curation()
    with pytest.raises(StageFailed, match="load, which the shards read, is not ready: has no result yet"):
        run_shard(pipeline, 1, 2, only=("filter",))
    with pytest.raises(ConfigError, match="--limit does not go"):
        run_shard(pipeline, 1, 2, only=("filter",), limit=3)


def test_a_shard_is_held_by_one_process_and_its_neighbour_is_free(in_tmp):
    pipeline = curation()
    run(pipeline, until="split")
    with RunLock(Path("data/runs/small/shards/1-of-2")):
        with pytest.raises(RunLocked):
            run_shard(pipeline, 1, 2, only=("filter",))
        run_shard(pipeline, 2, 2, only=("filter",))


def test_a_shard_has_its_part_of_the_cap(teacher, in_tmp):
    asking(teacher)
    pipeline = load_pipeline(Path("small.yaml"), (), {"budget": {"requests": 20, "usd": 3}})
    run(pipeline, until="load")
    made, options = sharded(pipeline, RunOptions(only=("answers",)), Shard(2, 4))
    assert (made.budget.requests, made.budget.usd, options.charged_run) == (5, 0.75, "small.shard-2-of-4")
    with pytest.raises(ConfigError, match="too small to be shared"):
        sharded(pipeline, RunOptions(only=("answers",)), Shard(1, 21))


def test_a_shard_stops_at_its_part_of_the_cap_and_is_charged_by_itself(teacher, in_tmp):
    asking(teacher)
    pipeline = load_pipeline(Path("small.yaml"), (), {"budget": {"requests": 8}})
    run(pipeline, until="load")
    with pytest.raises(BudgetReached):
        run_shard(pipeline, 1, 2, only=("answers",))
    with closing(open_ledger(Path("data/ledger"))) as ledger:
        assert ledger.spent("small.shard-1-of-2")[2] == 4 and ledger.spent("small")[2] == 0
    run_shard(load_pipeline(Path("small.yaml")), 1, 2, only=("answers",))  # without the cap it goes on


def test_the_resolved_file_of_a_shard_can_be_read(in_tmp):
    pipeline = curation()
    run(pipeline, until="split")
    done = run_shard(pipeline, 2, 3, start="filter", until="decontaminate")
    again = load_pipeline(done.run_dir / "pipeline.resolved.yaml")
    assert [spec.kind for spec in again.stages] == ["block", "filter", "decontaminate"]
    assert run_pipeline(again, RunOptions(run_dir=done.run_dir), Reporter("silent")).done == {
        "filter-block": "skipped",
        "filter": "skipped",
        "decontaminate": "skipped",
    }


def test_blocks_laid_end_to_end_are_the_input():
    for rows in (0, 1, 6, 7, 100):
        for of in (1, 3, 7, 11):
            ranges = [bounds(rows, number, of) for number in range(1, of + 1)]
            assert [row for first, last in ranges for row in range(first, last)] == list(range(rows))
            assert (
                max(last - first for first, last in ranges) - min(last - first for first, last in ranges) <= 1
            )


def test_rows_of_two_shards_with_one_id_are_found(tmp_path):
    for name, ids in (("a", ["x", "y", "y"]), ("b", ["z", "x"])):
        (tmp_path / name).mkdir()
        write_rows(tmp_path / name / "rows.jsonl", [{"id": id} for id in ids])
        write_rows(tmp_path / name / "rejected.jsonl", [{"id": "x", "rejection": {"kind": "failed"}}])
    with pytest.raises(StageFailed, match="shards 1 and 2 made rows with the same id x"):
        check_ids("answers", [tmp_path / "a", tmp_path / "b"])


def test_shard_and_merge_from_the_command_line(in_tmp):
    curation()
    dry = [
        "run",
        "small.yaml",
        "--only",
        "filter",
        "--shard",
        "1/2",
        "--dry-run",
    ]  # before there is any shard's folder
    for words in (
        ["run", "small.yaml", "--until", "split"],
        dry,
        ["filter", "small.yaml", "--shard", "1/2"],
        ["run", "small.yaml", "--only", "filter", "--shard", "2/2"],
    ):
        assert CliRunner().invoke(app, words).exit_code == 0
    done = CliRunner().invoke(app, ["merge", "small.yaml", "--set", "dedup.methods=[exact]"])
    assert "next: synthgen run small.yaml --set 'dedup.methods=[exact]'" in done.stderr
    assert done.exit_code == 0 and "rows of 2 shards" in done.stdout
    assert read_manifest(Path("data/runs/small/filter")).extra["shards"] == 2


def test_the_division_that_is_not_merged_yet_is_merged(in_tmp):
    pipeline = curation()
    run(pipeline, until="split")
    for number in (1, 2):
        run_shard(pipeline, number, 2, only=("filter",))
    for number in (1, 2, 3):
        run_shard(pipeline, number, 3, only=("filter",))
    with pytest.raises(ConfigError, match=r"there are shards of 2 and of 3\n"):
        merge(pipeline, RunOptions(), reporter=Reporter("silent"))
    merge(pipeline, RunOptions(), 3, Reporter("silent"))
    run(pipeline, only=("decontaminate",))
    for number in (1, 2):
        run_shard(pipeline, number, 2, only=("dedup",))
    result = merge(pipeline, RunOptions(), reporter=Reporter("silent"))
    assert result.stages["dedup"].extra["shards"] == 2
