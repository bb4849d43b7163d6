import orjson
import pytest

from synthgen.core.config import build
from synthgen.core.errors import EmptyResult, InputError, Interrupted
from synthgen.formats.reading import read_sources
from synthgen.stages import load
from tests.stages.curation import curate, options


def test_several_sources_become_one_file_with_nothing_lost(in_tmp):
    (in_tmp / "q.csv").write_text('question,gold\n"What is 1+1?",2\nragged\n,3\n')
    (in_tmp / "chat.jsonl").write_text(
        '{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"hello"}]}\n{oops\n'
    )
    result = curate(
        "load",
        in_tmp,
        [],
        {
            "sources": [
                {"path": "q.csv", "columns": {"instruction": "question", "reference": "gold"}},
                "chat.jsonl",
            ]
        },
    )
    assert [row.get("instruction", "messages") for row in result.rows] == ["What is 1+1?", "messages"]
    assert [
        (row["meta"]["source"], row["meta"]["line"], row["rejection"]["rule"]) for row in result.rejected
    ] == [
        ("q.csv", 3, "broken_line"),
        ("q.csv", 4, "missing_field"),
        ("chat.jsonl", 2, "broken_line"),
    ]
    assert all(
        row["rejection"]["stage"] == "load" and row["rejection"]["kind"] == "rejected"
        for row in result.rejected
    )
    assert result.outcome.counts.plain() == {
        "in": 5,
        "kept": 2,
        "rejected": {"broken_line": 2, "missing_field": 1},
        "failed": {},
    }
    assert result.outcome.extra["sources"] == {
        "q.csv": {"kept": 1, "rejected": 2},
        "chat.jsonl": {"kept": 1, "rejected": 1},
    }
    assert "broken_line: 2" in result.outcome.table


def test_only_what_is_on_the_hub_may_change_there(in_tmp, monkeypatch):
    (in_tmp / "mine").mkdir()
    (in_tmp / "mine/train.jsonl").write_text('{"instruction": "a"}\n')
    said = []
    monkeypatch.setattr("synthgen.core.progress.Reporter.say", lambda _, text: said.append(text))
    curate("load", in_tmp, [], {"sources": [{"dataset": "mine"}]})
    assert not said
    monkeypatch.setattr("synthgen.stages.load.read_sources", lambda *_: iter(()))
    with pytest.raises(EmptyResult):
        curate("load", in_tmp, [], {"sources": [{"dataset": "owner/name"}]})
    assert said == ["owner/name may change on the hub: `revision: <commit>` pins it"]


def test_a_path_alone_is_enough(in_tmp):
    (in_tmp / "a.jsonl").write_text('{"instruction":"x"}\n')
    assert (
        options(load.STAGE, {"sources": "a.jsonl"})
        == options(load.STAGE, {"sources": ["a.jsonl"]})
        == options(load.STAGE, {"sources": [{"path": "a.jsonl"}]})
    )
    assert len(curate("load", in_tmp, [], {"sources": "a.jsonl"}).rows) == 1


def test_a_system_turn_for_rows_that_have_none(in_tmp):
    (in_tmp / "q.csv").write_text("question\nWhat is 1+1?\n")
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    own = [{"role": "system", "content": "own"}, *turns]
    (in_tmp / "chat.jsonl").write_bytes(
        b"".join(
            orjson.dumps(row) + b"\n"
            for row in (
                {"messages": turns},
                {"messages": own},
                {"instruction": "x", "system": "own"},
                {"instruction": ""},
            )
        )
    )
    plain = curate(
        "load",
        in_tmp,
        [],
        {"sources": [{"path": "q.csv", "columns": {"instruction": "question"}}, "chat.jsonl"]},
    )
    loaded = curate(
        "load",
        in_tmp,
        [],
        {
            "sources": [
                {"path": "q.csv", "columns": {"instruction": "question"}, "system": "Be brief."},
                {"path": "chat.jsonl", "system": "Be brief."},
            ]
        },
    )
    assert [row.get("system") for row in loaded.rows] == ["Be brief.", None, None, "own"]
    assert [row["messages"] for row in loaded.rows[1:3]] == [
        [{"role": "system", "content": "Be brief."}, *turns],
        own,
    ]
    assert [row["id"] for row in loaded.rows] == [
        row["id"] for row in plain.rows
    ]  # what the question is has not changed
    assert (
        list(loaded.rows[0]) == ["id", "system", "instruction", "meta"] and loaded.rejected == plain.rejected
    )


def test_the_same_files_give_the_same_bytes(in_tmp):
    (in_tmp / "a.jsonl").write_bytes(
        b"".join(
            orjson.dumps({"instruction": str(number % 50), "n": number}) + b"\n" for number in range(3000)
        )
        + b"{\n"
    )
    first, second = (curate("load", in_tmp, [], {"sources": "a.jsonl"}) for _ in range(2))
    for name in ("rows.jsonl", "rejected.jsonl"):
        assert (first.out / name).read_bytes() == (second.out / name).read_bytes()


def test_nothing_kept_is_a_failure(in_tmp):
    (in_tmp / "a.jsonl").write_text('{"instruction":""}\n{"instruction":null}\n')
    with pytest.raises(EmptyResult, match="missing_field: 2"):
        curate("load", in_tmp, [], {"sources": "a.jsonl"})


def test_a_file_cut_off_in_its_middle_stops_the_stage(in_tmp):
    import gzip

    data = gzip.compress(
        b"".join(orjson.dumps({"instruction": str(number * 7919)}) + b"\n" for number in range(5000))
    )
    (in_tmp / "a.jsonl.gz").write_bytes(data[:-20])
    with pytest.raises(InputError, match="cut off"):
        curate("load", in_tmp, [], {"sources": "a.jsonl.gz"})


def test_a_signal_stops_it(in_tmp):
    (in_tmp / "a.jsonl").write_bytes(b'{"instruction":"x"}\n' * 1000)
    with pytest.raises(Interrupted):
        curate("load", in_tmp, [], {"sources": "a.jsonl"}, stopping=lambda: 15)


def test_faults_of_the_options_say_where(in_tmp):
    misfits = []
    build(load.Config, {"sources": [{"path": "a.csv", "column": {"instruction": "q"}}]}, ("load",), misfits)
    assert [(fault.what, fault.next) for fault in misfits] == [
        ("unknown option 'column'", "did you mean 'columns'?")
    ]
    assert misfits[0].path == ("load", "sources", 0, "column")


def test_memory_does_not_follow_the_bytes_of_a_file(in_tmp):
    import tracemalloc

    peaks = []
    for count in (200, 2000):
        with open("big.jsonl", "wb") as file:
            for number in range(count):
                file.write(orjson.dumps({"instruction": f"{number} " + "x" * 20_000}) + b"\n")
        tracemalloc.start()
        curate_config = options(load.STAGE, {"sources": "big.jsonl"})
        for _ in read_sources(curate_config.sources):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0], peaks


def test_validate_tells_all_faults_of_the_files_once(in_tmp, monkeypatch, capsys):
    import sys

    from synthgen.cli import main

    (in_tmp / "questions.csv").write_text("question,gold\n1+1?,2\n")
    (in_tmp / "p.yaml").write_text(
        "version: 1\nname: p\nstages:\n- load: {sources: [question.csv, questions.csv]}\n"
    )
    monkeypatch.setattr(sys, "argv", ["synthgen", "validate", "p.yaml"])
    with pytest.raises(SystemExit) as end:
        main()
    said = " ".join(capsys.readouterr().out.split())
    assert end.value.code == 2
    assert (
        said.count("no such file") == 1
        and "did you mean 'questions.csv'" in said
        and "columns: {instruction: question, reference: gold}" in said
    )


def test_lines_that_are_not_utf8_are_never_lost_silently(in_tmp, monkeypatch, capsys):
    import sys

    from synthgen.cli import main

    (in_tmp / "w.csv").write_bytes(
        "instruction,\nWhat is an ox?,\nWhat is a Bär?,\nWhat is a cow?,see\n".encode("cp1252")
    )
    (in_tmp / "p.yaml").write_text("version: 1\nname: p\nstages:\n- load: {sources: [w.csv]}\n")
    for command in ("validate", "run"):
        monkeypatch.setattr(sys, "argv", ["synthgen", command, "p.yaml"])
        with pytest.raises(SystemExit) as end:
            main()
        done = capsys.readouterr()
        said = done.out + done.err
        assert end.value.code in (0, None), said
        assert (
            "1 line is not UTF-8 and cannot be used (line 3)" in said
            and "iconv -f CP1252 -t UTF-8 'w.csv'" in said
        )
    assert (
        "column 3 has values" not in said
        and "column 2 has values but no name: they are kept as 'column_2'" in said
    )


LABELLED = [{"prompt": f"{n} + 3?", "completion": str(n + 3 + n % 2), "label": n % 2 == 0} for n in range(4)]


@pytest.mark.parametrize("names", [("prompt", "completion"), ("instruction", "output")])
def test_bad_answers_are_kept_with_their_label_where_the_format_says_so_and_nowhere_else(in_tmp, names):
    asked, answered = names
    made = [{asked: row["prompt"], answered: row["completion"], "label": row["label"]} for row in LABELLED]
    (in_tmp / "u.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in made))
    source = {"path": "u.jsonl", "format": "unpaired"}
    assert load.faults(options(load.STAGE, {"sources": [source]})) == []
    rows = curate("load", in_tmp, [], {"sources": [source]}).rows
    assert [(row["instruction"], row["output"], row["label"]) for row in rows] == [
        (row["prompt"], row["completion"], row["label"]) for row in LABELLED
    ]
    other = curate("load", in_tmp, [], {"sources": ["u.jsonl"]})
    assert [row["label"] for row in other.rows] == [True, True]
    assert other.outcome.counts.rejected == {"not_to_learn": 2}


def test_a_format_whose_columns_are_not_there_is_told_before_the_run(in_tmp):
    (in_tmp / "u.jsonl").write_bytes(orjson.dumps({"prompt": "q", "completion": "a"}) + b"\n")
    config = options(load.STAGE, {"sources": [{"path": "u.jsonl", "format": "unpaired"}]})
    (fault,) = load.faults(config)
    assert "no columns of format 'unpaired'" in fault.what and "leave `format` out" in fault.next
