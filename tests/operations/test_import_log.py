"""Logs become rows: every line is accounted for, and nothing of a person or a key is left."""

import json
import sys
from pathlib import Path

import pytest

from synthgen.cli import main
from synthgen.core.errors import ConfigError, EmptyResult, InputError
from synthgen.operations.import_log import import_log
from synthgen.store.jsonl import read_rows
from synthgen.store.manifest import read_manifest

KEY = "sk-proj-" + "Ab3dE5gH7jK9mN1pQ2sT4"


def chat(question, answer="So it is.", **more):
    return {
        "request": {"model": "m-1", "messages": [{"role": "user", "content": question}]},
        "response": {"choices": [{"message": {"role": "assistant", "content": answer}}]},
        **more,
    }


def log(lines, name="log.jsonl"):
    Path(name).write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines))
    return Path(name)


def rows_of(folder="out"):
    return list(read_rows(Path(folder) / "rows.jsonl")), list(read_rows(Path(folder) / "rejected.jsonl"))


def test_every_line_is_a_row_or_told(in_tmp):
    lines = [
        chat("Where do eels spawn?", id="r-1"),
        '{"request": {"messages": [{"role": "user", "content": "my card is 4716987622341561',
        chat("And cod?", error={"message": f"bad key {KEY}"}),
        {"event": "login", "actor": "ada@shop.example"},
        "[1, 2]",
        chat("Who?", ""),
    ]
    manifest = import_log([log(lines)], Path("out"))
    rows, refused = rows_of()
    assert manifest.counts == {
        "in": 6,
        "kept": 1,
        "rejected": {"broken_line": 2, "failed_request": 1, "no_answer": 1, "not_a_chat": 1},
        "failed": {},
    }
    assert [row["messages"][0]["content"] for row in rows] == ["Where do eels spawn?"]
    assert rows[0]["meta"] == {"source": "log.jsonl", "source_id": "r-1", "model": "m-1"}
    assert len(rows[0]["id"]) == 16
    assert [one["meta"]["line"] for one in refused] == [2, 3, 4, 5, 6]
    text = Path("out/rejected.jsonl").read_text()
    assert "4716987622341561" not in text and KEY not in text and "ada@" not in text
    assert read_manifest(Path("out")).outputs["rows.jsonl"].rows == 1


def test_keys_and_personal_data_are_masked_and_counted(in_tmp, monkeypatch):
    monkeypatch.setenv("SHOP_API_KEY", "plainsecretvalue0001")
    question = (
        f"I am Ann, ann@firm.de, call +49 30 901820. My key {KEY} fails, so does plainsecretvalue0001 and "
        "Authorization: Bearer 0123456789abcdef01. IBAN DE89370400440532013000, card 4111 1111 1111 1111."
    )
    lines = [chat(question, "Hello ann@firm.de!", metadata={"topic": "ann@firm.de", "tier": "gold"})]
    manifest = import_log([log(lines)], Path("out"), keep=["topic", "tier"])
    (row,), _ = rows_of()
    asked, answered = (turn["content"] for turn in row["messages"])
    assert (
        answered == "Hello [EMAIL]!" and row["meta"]["topic"] == "[EMAIL]" and row["meta"]["tier"] == "gold"
    )
    assert asked == (
        "I am Ann, [EMAIL], call [PHONE]. My key [KEY] fails, so does *** and Authorization: Bearer [KEY]. "
        "IBAN [IBAN], card [CARD]."
    )
    assert manifest.extra["masked"] == {"card": 1, "email": 3, "iban": 1, "key": 2, "phone": 1}
    whole = b"".join(path.read_bytes() for path in Path("out").iterdir())
    assert b"plainsecretvalue0001" not in whole and KEY.encode() not in whole and b"firm.de" not in whole


def test_batch_files_are_joined_by_their_ids(in_tmp):
    asked = [
        {"custom_id": f"q{n}", "body": {"messages": [{"role": "user", "content": f"What is {n}?"}]}}
        for n in range(3)
    ]
    answered = [
        {
            "custom_id": f"q{n}",
            "response": {
                "status_code": 200,
                "body": {"choices": [{"message": {"role": "assistant", "content": f"It is {n}."}}]},
            },
        }
        for n in (1, 0)
    ]
    answered.append({"custom_id": "q9", "response": answered[0]["response"]})
    manifest = import_log([log(answered, "answers.jsonl"), log(asked, "batch.jsonl")], Path("out"))
    rows, refused = rows_of()
    assert [[turn["content"] for turn in row["messages"]] for row in rows] == [
        ["What is 1?", "It is 1."],
        ["What is 0?", "It is 0."],
    ]
    assert manifest.counts["rejected"] == {"no_answer": 1, "not_a_chat": 1} and manifest.counts["in"] == 4
    assert refused[-1]["meta"] == {"source": "batch.jsonl", "line": 3}


def test_other_containers_and_lists_of_an_api(in_tmp):
    Path("runs.json").write_text(json.dumps({"runs": [chat("One?"), chat("Two?")]}))
    Path("list.json").write_text(json.dumps([chat("Three?")]))
    Path("table.csv").write_text(
        'request_body,response_body\n"{""messages"":[{""role"":""user"",""content"":""Four?""}]}","Yes."\n'
    )
    import_log([Path("runs.json"), Path("list.json"), Path("table.csv")], Path("out"))
    assert [row["messages"][0]["content"] for row in rows_of()[0]] == ["One?", "Two?", "Three?", "Four?"]


def test_the_same_log_makes_the_same_bytes(in_tmp):
    path = log([chat(f"Number {n % 3}?") for n in range(6)])
    for out in ("one", "two"):
        import_log([path], Path(out))
    assert Path("one/rows.jsonl").read_bytes() == Path("two/rows.jsonl").read_bytes()
    assert len({row["id"] for row in rows_of("one")[0]}) == 6


def test_what_cannot_be_imported_is_said(in_tmp):
    with pytest.raises(InputError, match="no such file"):
        import_log([Path("log.jsonl")], Path("out"))
    with pytest.raises(EmptyResult, match="no line is a chat") as fault:
        import_log([log([{"event": "login"}])], Path("out"))
    assert "not_a_chat: 1" in str(fault.value) and not Path("out").exists()
    Path("log.txt").write_text("hello")
    with pytest.raises(InputError, match="what kind of file"):
        import_log([Path("log.txt")], Path("out"))
    import_log([log([chat("One?")])], Path("out"))
    with pytest.raises(ConfigError):
        import_log([Path("log.jsonl")], Path("out"))
    import_log([Path("log.jsonl")], Path("out"), overwrite=True)


def test_the_command(in_tmp, monkeypatch, capsys):
    path = log([chat("One? ann@firm.de"), {"event": "x"}])
    monkeypatch.setattr(sys, "argv", ["synthgen", "import-log", str(path), "-o", "out"])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr()
    assert end.value.code == 0 and "1 of 2 lines are rows" in said.out and "masked: 1 email" in said.out
    assert "synthgen inspect out" in said.err
