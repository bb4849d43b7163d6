"""Lines of a log that come twice, ids that several requests have, and lines that no model reads."""

from pathlib import Path

from synthgen.operations import import_log as importing
from synthgen.operations.import_log import import_log
from tests.operations.test_import_log import chat, log, rows_of


def asked(name, question):
    return {"custom_id": name, "body": {"messages": [{"role": "user", "content": question}]}}


def answered(name, text):
    body = {"choices": [{"message": {"role": "assistant", "content": text}}]}
    return {"custom_id": name, "response": {"status_code": 200, "body": body}}


def told(refused):
    return [
        (one["rejection"]["rule"], Path(one["meta"]["source"]).stem, one["meta"]["line"]) for one in refused
    ]


def test_a_line_that_was_logged_twice_is_one_row(in_tmp):
    twice = chat("Where do eels spawn?", id="r-1")
    lines = [
        twice,
        twice,
        chat("Where do eels spawn?", id="r-2"),
        chat("Where do eels spawn?", "No.", id="r-1"),
    ]
    manifest = import_log([log(lines), log([twice], "again.jsonl")], Path("out"))
    rows, refused = rows_of()
    assert [row["meta"]["source_id"] for row in rows] == ["r-1", "r-2", "r-1"]
    assert manifest.counts["in"] == 5 and told(refused) == [
        ("duplicate", "log", 2),
        ("duplicate", "again", 1),
    ]
    assert {one["rejection"]["matched_id"] for one in refused} == {rows[0]["id"]}


def test_lines_without_an_id_are_not_taken_for_one(in_tmp):
    """Two users may ask the same."""
    import_log([log([chat("Hi"), chat("Hi")])], Path("out"))
    rows, refused = rows_of()
    assert len({row["id"] for row in rows}) == 2 and not refused


def test_an_answer_is_never_joined_to_another_batchs_question(in_tmp):
    first = log([asked("request-1", "What is 1?"), asked("request-2", "What is 2?")], "first.jsonl")
    second = log([asked("request-1", "What is 10?"), asked("request-3", "What is 3?")], "second.jsonl")
    answers = log([answered(f"request-{n}", f"It is {n}.") for n in (1, 2, 3, 1)], "answers.jsonl")
    manifest = import_log([first, second, answers], Path("out"))
    rows, refused = rows_of()
    assert [[turn["content"] for turn in row["messages"]] for row in rows] == [
        ["What is 2?", "It is 2."],
        ["What is 3?", "It is 3."],
    ]
    assert manifest.counts["rejected"] == {"ambiguous_id": 4} and manifest.counts["in"] == 6
    assert told(refused) == [
        ("ambiguous_id", "answers", 1),
        ("ambiguous_id", "answers", 4),
        ("ambiguous_id", "first", 1),
        ("ambiguous_id", "second", 1),
    ]
    assert "import each batch by itself" in refused[0]["rejection"]["value"]


def test_a_request_that_stands_twice_is_accounted(in_tmp):
    requests = [asked("a", "What is 1?"), asked("a", "What is 1?"), asked("b", "2?"), asked("b", "2?")]
    manifest = import_log([log(requests), log([answered("a", "1.")], "answers.jsonl")], Path("out"))
    rows, refused = rows_of()
    assert len(rows) == 1 and manifest.counts["in"] == 4
    assert told(refused) == [("duplicate", "log", 2), ("no_answer", "log", 3), ("duplicate", "log", 4)]


def test_what_no_model_reads_is_not_masked_for_minutes(in_tmp, monkeypatch):
    monkeypatch.setattr(importing, "LONGEST", 1000)
    import_log([log([chat("Hi", "x" * 998), chat("Hi", "x" * 999)])], Path("out"))
    rows, refused = rows_of()
    assert len(rows) == 1 and told(refused) == [("too_long", "log", 2)]
    assert refused[0]["rejection"]["value"] == "1,001 characters; at most 1,000 are read"


def test_a_broken_line_is_told_whole_and_a_quoted_one_is_not(in_tmp):
    raw = "Où est né l'élève à Orléans ?".encode("cp1252")
    Path("log.jsonl").write_bytes(
        b'{"messages": [{"role": "user", "content": "' + raw + b'"}]}\n'
        b'{"messages": [{"role": "ada@x.example", "content": "x"}, {"role": "assistant", "content": "y"}]}\n'
    )
    Path("good.jsonl").write_text(log([chat("Hi")], "good.jsonl").read_text())
    import_log([Path("log.jsonl"), Path("good.jsonl")], Path("out"))
    _, (broken, quoted) = rows_of()
    assert broken["rejection"]["value"] == (
        "not UTF-8 at byte 45 (0xf9); it looks like Windows-1252 (iconv -f CP1252 -t UTF-8)"
    )
    assert "ada@" not in str(quoted)
