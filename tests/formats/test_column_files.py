"""Files of columns, opened by the library that they are for."""

import pytest

from synthgen.formats.containers.read import read_file
from synthgen.formats.reading import open_rows
from synthgen.formats.writing import kind_of_file, write_file

datasets = pytest.importorskip("datasets")

RECORDS = [
    {"id": "a", "messages": [{"role": "user", "content": "Hi"}], "n": 1, "odd": {"k": [1]}, "good": True},
    {"id": "b", "messages": [{"role": "user", "content": "Ho"}], "n": 2, "odd": "text"},
    {"id": "c", "turn": {"from": "gpt", "value": "x"}, "share": 0.5},
]


@pytest.mark.parametrize("name", ["data.arrow", "saved"])
def test_datasets_opens_what_was_written(tmp_path, name):
    assert write_file(tmp_path / name, lambda: RECORDS) == 3
    load = datasets.load_from_disk if name == "saved" else datasets.Dataset.from_file
    opened = load(str(tmp_path / name))
    assert opened.column_names == ["id", "messages", "n", "odd", "good", "turn", "share"]
    assert opened[0]["messages"] == RECORDS[0]["messages"] and opened[2]["turn"] == RECORDS[2]["turn"]
    assert opened["n"][:] == [1, 2, None] and opened["odd"][:] == ['{"k":[1]}', '"text"', None]


def test_load_reads_an_arrow_file_back_value_by_value(tmp_path):
    write_file(tmp_path / "a.arrow", lambda: RECORDS)
    read = [
        {name: value for name, value in record.fields.items() if value is not None}
        for record in read_file(tmp_path / "a.arrow")
    ]
    assert read == RECORDS


def test_load_reads_a_saved_folder_of_ours_and_of_theirs(tmp_path):
    rows = [{"instruction": f"{number}?", "output": str(number)} for number in range(1500)]
    write_file(tmp_path / "ours", lambda: rows)
    datasets.Dataset.from_list(rows).save_to_disk(str(tmp_path / "theirs"))
    ours, theirs = ([row["output"] for row in open_rows([tmp_path / name])] for name in ("ours", "theirs"))
    assert ours == theirs == [row["output"] for row in rows]


def test_the_same_records_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write_file(tmp_path / name, lambda: RECORDS)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a", "folder"), ("a.arrow", "arrow"), ("a.arrow.gz", None), ("a.csv.zst", "csv"), ("a.txt", None)],
)
def test_a_name_says_what_is_written(name, kind):
    assert kind_of_file(name) == kind
