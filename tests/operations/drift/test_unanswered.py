"""A teacher that cannot answer what it is asked: a look says to how many questions, and why."""

import json
from pathlib import Path

import pytest

from synthgen.core.errors import StageFailed
from synthgen.operations.drift.look import Looking, look_at, unanswered
from synthgen.pipeline.options import RunOptions
from synthgen.store.jsonl import write_rows
from tests.operations.drift.world import QUIET

RUN = Path("data/runs/watched")
WORDS = "the builtin teacher does not know this question"


def logged(*questions):
    lines = [
        {"messages": [{"role": "user", "content": one}, {"role": "assistant", "content": "3"}]}
        for one in questions
    ]
    Path("log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Looking(10, Path("log.jsonl"))


def test_the_reason_and_the_first_words_are_told(tmp_path):
    (tmp_path / "evaluate").mkdir()
    rejections = [{"rejection": {"rule": "http_400", "value": WORDS}}, {"rejection": {"rule": "http_400"}}]
    write_rows(tmp_path / "evaluate" / "rejected.jsonl", rejections)
    entries = [
        {"answers": {"teacher": {"failed": reason} if reason else {"parsed": "3"}}}
        for reason in ("http_400",) * 2 + ("",)
    ]
    told = unanswered(entries, "teacher", tmp_path)
    assert told == f"the teacher gave no reply to 2 of 3 questions (http_400 2); the first said: {WORDS}"
    assert unanswered(entries[2:], "teacher", tmp_path) == unanswered(entries, "", tmp_path) == ""


@pytest.mark.slow
def test_a_look_whose_teacher_is_silent_says_so_and_does_not_count(watched):
    watched.server.refuse = lambda text: WORDS if "stone" in text else ""
    try:
        with pytest.raises(
            StageFailed, match="no reply to 2 of 2 questions .http_400 2.; the first said: the b"
        ):
            look_at(RUN, logged("A bread of stone?", "A law of stone?"), RunOptions(), QUIET)
        drift = look_at(RUN, logged("A bread of stone?", "Which bread?", "Which law?"), RunOptions(), QUIET)
    finally:
        watched.server.refuse = lambda text: ""
    assert [len(look["rows"]) for look in drift.looks.counted] == [3]
    assert any("the teacher gave no reply to 1 of 3 questions" in note for note in drift.notes)
