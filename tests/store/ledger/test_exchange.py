"""Replies go from one ledger to another, once each, and only under the key that their request has."""

import json
import subprocess
import sys
from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.store.ledger.exchange import _unfit
from synthgen.store.ledger.key import key_of, request_hash
from synthgen.store.ledger.ledger import open_ledger
from synthgen.store.ledger.writes import ReplyWrite


def reply(number, samples=(0,), usd=0.5):
    canonical = orjson.dumps(
        {"body": {"messages": [{"content": f"Größe {number}"}], "temperature": 0.7}, "draw": 1},
        option=orjson.OPT_SORT_KEYS,
    )
    body = orjson.dumps(
        {
            "model": "m",
            "choices": [
                {"index": index, "message": {"content": f"{number} {index}"}} for index in range(len(samples))
            ],
        }
    )
    return ReplyWrite(
        request_hash(canonical), canonical, tuple(samples), body, "m", 10, 5, usd, 0.1, "", "r", usd, 15
    )


@pytest.fixture
def exported(tmp_path):
    ledger = open_ledger(tmp_path / "old")
    for write in (reply(1), reply(2, samples=(0, 1, 2)), reply(3, samples=(4,))):
        ledger.commit(write)
    ledger.export(tmp_path / "replies.jsonl")
    ledger.close()
    return tmp_path / "replies.jsonl"


def synthgen(*arguments):
    return subprocess.run(
        [sys.executable, "-c", "from synthgen.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_sample_arrives_once_with_all_that_is_known_of_it(exported, tmp_path):
    ledger = open_ledger(tmp_path / "new")
    first, again = ledger.take_in(exported), ledger.take_in(exported)
    assert (first.added, first.known, first.refused) == (5, 0, []) and (
        again.added,
        again.known,
        again.refused,
    ) == (0, 5, [])
    entry, old = ledger.get(key_of(reply(2).hash, 1)), open_ledger(tmp_path / "old")
    assert entry == old.get(entry.key) and entry.choice == 1
    assert (
        ledger.look_up(reply(3, samples=(4,)).hash, 4, 1).samples
        and not ledger.look_up(reply(3).hash, 0, 1).samples
    )
    stats, before = ledger.stats(), old.stats()
    for name in ("requests", "replies", "samples", "completion_tokens", "cost_usd"):
        assert stats[name] == before[name], "samples of one reply share it, so that its cost counts once"
    assert ledger.spent("r") == (0.0, 0, 0), "no run is charged for what it did not ask"
    ledger.export(tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == exported.read_bytes()
    ledger.close()
    old.close()


def test_what_is_there_already_stays(exported, tmp_path):
    ledger = open_ledger(tmp_path / "new")
    own = reply(1)
    own.body = own.body.replace(b'"1 0"', b'"mine"')
    ledger.commit(own)  # this process holds the first file now, so the import writes another one
    assert ledger.take_in(exported).known == 1
    assert b"mine" in ledger.look_up(own.hash, 0, 1).samples[0].body
    ledger.close()


def changed(line, **values):
    return orjson.dumps({**orjson.loads(line), **values})


def test_what_does_not_fit_is_refused_line_by_line_and_the_rest_is_taken(exported, tmp_path):
    lines = exported.read_bytes().splitlines()
    request = orjson.loads(lines[0])["request"]
    bad = [
        changed(lines[0], request={**request, "draw": 2}),
        changed(lines[0], key="0" * 32 + "-0"),
        changed(lines[0], key="x"),
        changed(lines[0], choice=7),
        changed(lines[0], choice=True),
        changed(lines[0], reply={}),
        changed(lines[0], reply=None),
        changed(lines[0], created="now"),
        changed(lines[0], prompt_tokens=2**63),
        b'{"key": ',
        b"[]",
        b"\xff\xfe",
    ]
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_bytes(b"\n".join([*bad, lines[1]]) + b"\n")
    done = synthgen("ledger", "import", mixed, "--ledger", tmp_path / "new")
    assert done.returncode == 2 and "1 samples taken" in done.stdout and "Traceback" not in done.stderr
    for number in range(1, len(bad) + 1):
        assert f"mixed.jsonl:{number}" in done.stderr
    assert "does not fit its request" in done.stderr and "no choice 7" in done.stderr
    ledger = open_ledger(tmp_path / "new")
    assert ledger.stats()["samples"] == 1
    ledger.close()


def test_a_file_without_replies_is_refused(tmp_path):
    (tmp_path / "empty.jsonl").write_text("\n")
    for name in ("empty.jsonl", "absent.jsonl"):
        done = synthgen("ledger", "import", tmp_path / name, "--ledger", tmp_path / "new")
        assert done.returncode == 2 and name in done.stderr and "Traceback" not in done.stderr


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["key", "request", "reply", "choice", "created", "model"]), values))
def test_no_line_however_broken_gets_through_or_raises(entry):
    assert _unfit(json.loads(json.dumps(entry)))


def test_replies_whose_server_names_no_model_are_counted_under_a_name_of_their_own(tmp_path):
    ledger = open_ledger(tmp_path / "old")
    ledger.commit(replace(reply(1), model=""))
    assert list(ledger.stats()["models"]) == ["(no name)"]
    ledger.close()
