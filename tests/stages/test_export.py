import json

import pytest

from synthgen.core.config import build
from synthgen.core.errors import EmptyResult
from synthgen.core.rows import Row
from synthgen.formats.containers.read import read_file
from synthgen.stages import export, load
from synthgen.store.reviews import append_mark
from tests.stages.curation import curate, options

ROWS: list[Row] = [
    {
        "id": "a" * 16,
        "instruction": "1+1?",
        "output": "2",
        "reasoning": "easy",
        "meta": {"source": "q.csv", "teacher": "host/model"},
    },
    {
        "id": "b" * 16,
        "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}],
        "topic": "greeting",
        "meta": {},
    },
    {"id": "c" * 16, "prompt": "q", "chosen": "good", "rejected": "bad", "meta": {}},
    {"id": "d" * 16, "instruction": "unanswered?", "meta": {}},
]


def exported(tmp_path, rows, raw):
    result = curate("export", tmp_path, rows, raw)
    name = options(export.STAGE, raw).file_name
    return result, [record.fields for record in read_file(result.out / name)]


@pytest.mark.parametrize(
    "name", ["data.jsonl", "train.json", "train.parquet", "train.jsonl.zst", "train.csv", "train.tsv.gz"]
)
def test_messages_into_every_kind_of_file(tmp_path, name):
    result, records = exported(tmp_path, ROWS, {"format": "messages", "file": name})
    turns = [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}]
    written = records[0]["messages"]
    assert (written if isinstance(written, list) else json.loads(written)) == turns
    assert [record["id"] for record in records] == ["a" * 16, "b" * 16]
    assert result.outcome.counts.plain() == {
        "in": 4,
        "kept": 2,
        "rejected": {"missing_field": 1, "shape": 1},
        "failed": {},
    }
    assert [row["id"] for row in result.rejected] == ["c" * 16, "d" * 16]
    assert result.outcome.files[name] == 2


@pytest.mark.parametrize("name", ["data.jsonl", "train.json", "train.parquet", "train.csv", "train.arrow"])
def test_what_people_said_goes_along_into_every_kind_of_file(tmp_path, name):
    path = tmp_path / "reviews.jsonl"
    for who, row, mark, more in (
        ("anna", "a", "grade", {"grade": 4}),
        ("anna", "a", "fix", {"field": "output", "text": "two"}),
        ("bert", "a", "note", {"text": "hm"}),
        ("bert", "a", "note", {"text": "<b>"}),
        ("bert", "b", "keep", {}),
        ("bert", "b", "undo", {}),
        ("bert", "elsewhere", "reject", {}),
    ):
        append_mark(path, {"who": who, "row": row * 16, "mark": mark, **more})
    given = {"format": "messages", "file": name, "reviews": str(path)}
    result, records = exported(tmp_path, ROWS, given)
    first, second = (record["reviews"] for record in records)
    anna, bert = json.loads(first) if isinstance(first, str) else first
    assert anna == {"who": "anna", "verdict": "fix", "grade": 4.0, "note": "", "fixed": ["output"]}
    assert bert == {"who": "bert", "verdict": "", "grade": None, "note": "hm\n<b>", "fixed": []}
    assert second in ([], "[]")
    assert "people marked 1 of them: see the field reviews" in result.outcome.table


def test_without_reviews_there_is_no_field_for_them(tmp_path):
    _, records = exported(tmp_path, ROWS, {"format": "messages"})
    assert all("reviews" not in record for record in records)


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("alpaca", {"id": "a" * 16, "instruction": "1+1?", "input": "", "output": "2"}),
        (
            "sharegpt",
            {
                "id": "a" * 16,
                "conversations": [{"from": "human", "value": "1+1?"}, {"from": "gpt", "value": "2"}],
            },
        ),
        (
            "prompt_completion",
            {
                "id": "a" * 16,
                "prompt": [{"role": "user", "content": "1+1?"}],
                "completion": [{"role": "assistant", "content": "2"}],
            },
        ),
    ],
)
def test_each_layout(tmp_path, name, record):
    assert exported(tmp_path, ROWS[:1], {"format": name})[1] == [record]


@pytest.mark.parametrize("raw", [{"format": "jsonl"}, {"format": "parquet"}])
def test_rows_as_they_are_load_again_as_they_were(tmp_path, raw):
    rows = [
        *ROWS,
        {"id": "e" * 16, "instruction": "x", "score": 1, "meta": {"scores": {"judge": [1, None]}}},
        {"id": "f" * 16, "instruction": "x", "score": "high", "meta": {}},
    ]
    result, _ = exported(tmp_path, rows, raw)
    again = curate("load", tmp_path, [], {"sources": str(result.out / options(export.STAGE, raw).file_name)})
    assert again.rows == rows


def test_what_stays_behind_is_counted_and_can_be_kept(tmp_path):
    result, _ = exported(tmp_path, ROWS[:1], {"format": "alpaca"})
    assert result.outcome.extra["left_out"] == {"reasoning": 1}
    assert (
        "reasoning (1)" in result.outcome.table
        and "`reasoning` of 1 row" in (result.out / "README.md").read_text()
    )
    kept, records = exported(tmp_path, ROWS[:1], {"format": "alpaca", "keep": ["reasoning", "output"]})
    assert records == [{"reasoning": "easy", "instruction": "1+1?", "input": "", "output": "2"}]
    assert kept.outcome.extra["left_out"] == {}


def test_the_card_says_where_rows_come_from_and_cannot_be_broken_out_of(tmp_path):
    row = {**ROWS[0], "meta": {"source": "evil`\n# Title\n---", "teacher": "host/model"}}
    result, _ = exported(tmp_path, [row], {"format": "alpaca"})
    card = (result.out / "README.md").read_text()
    assert "path: data.jsonl" in card and "teacher `host/model`: 1 row" in card
    assert "\n# Title" not in card and "evil' # Title ---" in card


def test_an_export_is_nothing_that_later_stages_read():
    assert export.STAGE.writes == "metrics"


def test_nothing_that_fits_is_a_failure(tmp_path):
    with pytest.raises(EmptyResult, match="preference"):
        curate("export", tmp_path, ROWS[:2], {"format": "preference"})


@pytest.mark.parametrize(
    ("rows", "name", "message"),
    [
        (
            [ROWS[3], {"id": "e", "instruction": "Why?", "meta": {}}],
            "alpaca",
            ["none of the 2 rows has an output", "{task: respond}", "format: jsonl"],
        ),
        ([ROWS[3], ROWS[2]], "alpaca", ["missing_field: 1, shape: 1", "what they lack: output (1)"]),
        (ROWS[:1], "preference", ["shape: 1", "jsonl and parquet take rows as they are"]),
        ([], "alpaca", ["there are no rows"]),
    ],
)
def test_what_the_rows_lack_is_reported(tmp_path, rows, name, message):
    with pytest.raises(EmptyResult) as caught:
        curate("export", tmp_path, rows, {"format": name})
    assert all(words in str(caught.value) for words in message), str(caught.value)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"format": "alpacca"}, "did you mean 'alpaca'"),
        ({"format": "alpaca", "file": "data.txt"}, "ending"),
        ({"format": "parquet", "file": "data.jsonl"}, "cannot be a .jsonl file"),
        (
            {"format": "jsonl", "file": "train.csv.gz"},
            "cannot be a .csv file: it writes rows as they are, into .jsonl (also .jsonl.gz or "
            ".jsonl.zst); preference, oasst_tree, dolly,",
        ),
        ({"format": "alpaca", "file": "../out.jsonl"}, "pattern"),
        ({"format": "jsonl", "keep": ["meta"]}, "keeps every field"),
        ({}, "missing option 'format'"),
    ],
)
def test_options_that_make_no_sense_are_refused(raw, message):
    misfits = []
    assert build(export.Config, raw, (), misfits) is None
    assert message in misfits[0].what


def test_every_exported_layout_is_recognised_when_loaded(tmp_path):
    for name in ("alpaca", "messages", "sharegpt", "prompt_completion"):
        result, _ = exported(tmp_path, ROWS[:2], {"format": name})
        assert (
            load.STAGE.version
            and len(curate("load", tmp_path, [], {"sources": str(result.out / "data.jsonl")}).rows) == 2
        )


def test_a_bad_answer_is_exported_with_its_label_or_not_at_all(tmp_path):
    rows = [{**ROWS[0], "label": True}, {**ROWS[0], "id": "bad", "label": False}]
    without, _ = exported(tmp_path, rows, {"format": "alpaca"})
    assert without.outcome.counts.rejected == {"not_to_learn": 1} and without.rejected[0]["id"] == "bad"
    for raw in (
        {"format": "unpaired"},
        {"format": "kto"},
        {"format": "sharegpt_kto"},
        {"format": "alpaca", "keep": ["label"]},
        {"format": "jsonl"},
    ):
        assert exported(tmp_path, rows, raw)[0].outcome.counts.kept == 2
