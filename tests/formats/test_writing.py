import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthgen.core.errors import ConfigError
from synthgen.formats.containers.read import read_file
from synthgen.formats.writing import write_file

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
VALUES = st.recursive(
    st.one_of(
        TEXT,
        st.integers(-(2**63), 2**63 - 1),
        st.booleans(),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=5,
)
RECORDS = st.lists(
    st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES, min_size=1), min_size=1, max_size=6
)
SAME_FOLDER = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def written(path, records):
    path.unlink(missing_ok=True)
    assert write_file(path, lambda: records) == len(records)
    return [
        {name: value for name, value in record.fields.items() if value is not None}
        for record in read_file(path)
    ]


@SAME_FOLDER
@given(records=RECORDS, name=st.sampled_from(["a.jsonl", "a.json", "a.jsonl.gz", "a.json.zst"]))
def test_records_come_back_as_they_were(tmp_path, records, name):
    assert written(tmp_path / name, records) == records


@SAME_FOLDER
@given(records=RECORDS)
def test_parquet_gives_back_every_value_and_its_type(tmp_path, records):
    read = written(tmp_path / "a.parquet", records)
    assert read == records
    assert repr(read) == repr(
        [{name: record[name] for name in kept} for record, kept in zip(records, read, strict=True)]
    )


@SAME_FOLDER
@given(
    texts=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5),
    name=st.sampled_from(["a.csv", "a.tsv", "a.csv.gz"]),
)
def test_csv_gives_back_every_text(tmp_path, texts, name):
    records = [{"question": left, "answer": right} for left, right in texts]
    assert written(tmp_path / name, records) == records


def test_messages_are_a_typed_parquet_column(tmp_path):
    import pyarrow.parquet as parquet

    record = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
    assert written(tmp_path / "a.parquet", [record]) == [record]
    assert (
        str(parquet.read_schema(tmp_path / "a.parquet").field("messages").type)
        == "list<element: struct<role: string, content: string>>"
    )


@pytest.mark.parametrize("name", ["a.jsonl.gz", "b.parquet", "c.csv.zst"])
def test_the_same_records_give_the_same_bytes(tmp_path, name):
    records = [{"q": str(number), "n": number} for number in range(2000)]
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        written(tmp_path / folder / name, records)
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_gz_holds_no_time(tmp_path):
    written(tmp_path / "a.jsonl.gz", [{"a": 1}])
    assert (tmp_path / "a.jsonl.gz").read_bytes()[4:8] == b"\0\0\0\0"
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()) == b'{"a":1}\n'


@pytest.mark.parametrize("name", ["a.txt", "a.arrow.zst", "a.parquet.gz"])
def test_an_unknown_ending_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="known endings"):
        write_file(tmp_path / name, lambda: [])
