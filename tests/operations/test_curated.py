"""Curation of rows in memory: what goes in, what comes back, and what is said of it."""

import pytest

import synthgen
from synthgen.core.errors import EmptyResult, InputError, SynthgenError
from synthgen.store.manifest import altered, read_manifest

ROWS = [
    {"instruction": "Name a bird.", "output": "A robin."},
    {"instruction": "Name a bird.", "output": "A robin."},
    {"instruction": "Name a fish.", "output": "", "note": None},
]


def as_list(rows):
    return rows


def as_generator(rows):
    return (row for row in rows)


def as_frame(rows):
    return pytest.importorskip("pandas").DataFrame(rows)


def as_dataset(rows):
    return pytest.importorskip("datasets").Dataset.from_list(rows)


@pytest.mark.parametrize("made", [as_list, as_generator, as_frame, as_dataset])
def test_rows_of_every_kind_are_curated_alike(in_tmp, made):
    result = synthgen.dedup(made(ROWS), methods=["exact"])
    assert result.counts["in"] == 3 and sum(result.counts["rejected"].values()) == 1
    assert [row["instruction"] for row in result.rows()] == ["Name a bird.", "Name a fish."]
    assert {row["meta"]["source"] for row in [*result.rows(), *result.rejected()]} == {"data[0]"}
    assert "note" not in next(result.rows())
    assert list(in_tmp.iterdir()) == []


def test_memory_and_files_go_together_into_a_folder(in_tmp):
    (in_tmp / "a.jsonl").write_text('{"instruction": "Name a tree.", "output": "Oak."}\n')
    result = synthgen.filter(
        "a.jsonl", ROWS, out="kept", rules=[{"length": {"field": "output", "min_words": 1}}]
    )
    assert result.folder.name == "kept" and result.counts["kept"] == 3
    assert [row["meta"]["source"] for row in result.rows()] == ["a.jsonl", "data[1]", "data[1]"]
    assert altered(in_tmp / "kept", read_manifest(in_tmp / "kept"), verify=True) == []


def test_what_is_kept_nowhere_goes_with_its_result():
    result = synthgen.dedup(ROWS, methods=["exact"])
    folder = result.folder
    assert folder.exists()
    del result
    assert not folder.exists()


def test_a_result_becomes_a_frame_and_a_dataset():
    result = synthgen.dedup(ROWS, methods=["exact"])
    frame, dataset = result.to_pandas(), result.to_dataset()
    assert list(frame["instruction"]) == list(dataset["instruction"]) == ["Name a bird.", "Name a fish."]
    assert frame["meta"][0]["source"] == "data[0]" and '"source"' in dataset["meta"][0]


def test_columns_and_other_rows_in_memory(in_tmp):
    (in_tmp / "test.jsonl").write_text('{"q": "name a bird"}\n')
    rows = [{"question": "Name a bird.", "gold": "Robin"}, {"question": "Name a tree.", "gold": "Oak"}]
    columns = {"instruction": "question", "reference": "gold"}
    result = synthgen.decontaminate(rows, columns=columns, against=[{"path": "test.jsonl", "field": "q"}])
    assert [row["reference"] for row in result.rows()] == ["Oak"]


def test_values_of_pandas_are_plain(in_tmp):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"instruction": ["a b c", "d e f"], "n": pandas.array([1, None], "Int64"), "x": [0.5, float("nan")]}
    )
    frame["at"] = [pandas.Timestamp("2026-01-02"), pandas.NaT]
    frame["parts"] = [[1, 2], None]
    one, two = synthgen.dedup(frame, methods=["exact"]).rows()
    assert (one["n"], one["x"], one["parts"]) == (1, 0.5, [1, 2]) and one["at"].startswith("2026-01-02")
    assert not {"n", "x", "at", "parts"} & two.keys()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([1], "row 0 is int, where a dict is wanted"),
        (7, "int holds no rows"),
        ({"train": ROWS}, "one mapping (train)"),
    ],
)
def test_what_holds_no_rows_is_told(data, said):
    with pytest.raises(InputError) as caught:
        synthgen.dedup(data)
    assert said in str(caught.value)


@pytest.mark.parametrize("value", ["\ud800", 2**70])
def test_what_no_file_can_hold_is_a_rejected_row_and_no_crash(value):
    rows = [{"instruction": "Name a bird.", "output": "A robin.", "more": value}, ROWS[0]]
    result = synthgen.dedup(rows, methods=["exact"])
    assert result.counts["in"] == 2 and result.counts["rejected"] == {"broken_line": 1}
    (refused,) = result.rejected()
    assert refused["rejection"]["rule"] == "broken_line"


def test_two_columns_of_one_name_are_refused_where_one_would_be_lost():
    frame = pytest.importorskip("pandas").DataFrame([["a", "b"]], columns=["output", "output"])
    with pytest.raises(InputError, match="several columns are called output"):
        synthgen.dedup(frame, methods=["exact"])


def test_an_error_names_the_place_in_memory(in_tmp):
    with pytest.raises(SynthgenError) as caught:
        synthgen.dedup(ROWS, methods=[{"rouge_l": {"field": "outputt"}}])
    assert "data[0]:1" in str(caught.value) and "synthgen-" not in str(caught.value)
    with pytest.raises(EmptyResult) as caught:
        synthgen.filter(ROWS, rules=[{"length": {"field": "output", "min_words": 99}}])
    assert "synthgen-" not in str(caught.value)


def test_what_a_notebook_shows_is_escaped():
    shown = synthgen.dedup(ROWS, methods=["exact"])._repr_html_()
    assert "<td>dedup</td>" in shown and "exact 1" in shown
    from synthgen.pipeline.notebook import html_of

    assert "<script>" not in html_of("<script>", {}) and "&lt;script&gt;" in html_of("<script>", {})


def test_the_page_shows_what_its_example_gives():
    from tests import ROOT

    page = (ROOT / "docs" / "python.md").read_text()
    example = page.partition("    rows = [")[2].partition("    print(clean.counts)\n\n")
    names: dict = {"synthgen": synthgen}
    exec("rows = [" + "\n".join(line[4:] for line in example[0].splitlines()), names)
    assert str(names["clean"].counts) == example[2].splitlines()[0].strip()
