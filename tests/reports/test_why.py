import orjson
import pytest

from synthgen.core.errors import InputError
from synthgen.reports.why import why_row
from synthgen.reports.why_text import why_text
from tests.reports.made_runs import make_run


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "run")


def test_a_row_that_was_kept(run):
    story = why_row(run, "b000")
    assert [(step["stage"], step["verdict"]) for step in story["path"]] == [
        ("rationales", "kept"),
        ("filter", "kept"),
        ("dedup", "kept"),
        ("student", "trained on"),
    ]
    assert story["path"][1]["rules"] == ["answer_match", "length (max_words 50)"]
    assert [parent["id"] for parent in story["parents"]] == ["a000"]
    assert [(other["id"], other["rule"], other["score"]) for other in story["took_out"]] == [
        ("b007", "rouge_l", 0.95)
    ]
    assert len(story["neighbours"]) == 3 and "b000" not in [other["id"] for other in story["neighbours"]]
    shown = why_text(story)
    assert "made from a000" in shown and "filter: kept (held to answer_match, length (max_words 50))" in shown
    assert orjson.dumps(story)


def test_a_row_that_a_failed_stage_dropped(run):
    left = run / "keep.failed"
    left.mkdir()
    failure = {"stage": "keep", "kind": "filter", "key": "k", "error": "E", "what": "no row is left"}
    counts = {"in": 1, "kept": 0, "rejected": {"length": 1}, "failed": {}}
    (left / "failure.json").write_bytes(orjson.dumps({**failure, "counts": counts, "failed_at": "now"}))
    rejection = {"kind": "rejected", "stage": "keep", "rule": "length", "value": 2}
    row = {"id": "f001", "instruction": "Why?", "output": "So.", "rejection": rejection}
    (left / "rejected.jsonl").write_bytes(orjson.dumps(row) + b"\n")
    story = why_row(run, "f001")
    assert [(step["stage"], step["kind"]) for step in story["path"]] == [("keep (failed)", "filter")]
    assert "keep (failed)" in why_text(story) and "length" in why_text(story)


def test_a_row_that_was_dropped(run):
    story = why_row(run, "b003")
    assert (
        story["path"][-1]["verdict"] == "rejected"
        and story["path"][-1]["rejection"]["rule"] == "answer_match"
    )
    assert "filter: rejected by answer_match (value 99, threshold 7)" in why_text(story)
    duplicate = why_row(run, "b007")
    assert duplicate["matched"]["id"] == "b000"
    assert "it is like b000" in why_text(duplicate)


def test_a_question_and_what_was_made_of_it(run):
    story = why_row(run, "a003")
    assert [(step["stage"], step["verdict"]) for step in story["path"]] == [
        ("load", "kept"),
        ("split", "in train"),
    ]
    assert [(child["id"], child["stage"]) for child in story["children"]] == [("b003", "filter")]


def test_a_test_question_and_the_students_answer(run):
    story = why_row(run, "a008")
    assert story["path"][-1]["verdict"] == "in test"
    (asked,) = story["answers"]
    assert asked["answers"]["student"]["right"] is True
    assert "student      right, parsed 8, stopped: <b>8</b>" in why_text(story)


def test_ids_that_are_not_there_or_not_one(run):
    assert why_row(run, "b00" + "0")["id"] == "b000"
    with pytest.raises(InputError, match="8 ids begin with 'b00'"):
        why_row(run, "b00")
    with pytest.raises(InputError, match="no row of this run has the id 'zz'"):
        why_row(run, "zz")


def test_the_beginning_of_an_id_is_enough(run):
    assert why_row(run, "a01" + "0")["id"] == "a010"


def test_samples_of_one_request_share_its_cost(tmp_path, monkeypatch):
    from synthgen.store.jsonl import write_rows
    from synthgen.store.ledger.ledger import open_ledger
    from synthgen.store.ledger.writes import ReplyWrite

    choices = [{"index": n, "message": {"content": f"{n}"}, "finish_reason": "stop"} for n in range(4)]
    body = {"choices": choices, "usage": {"prompt_tokens": 100, "completion_tokens": 40}}
    ledger = open_ledger(tmp_path / "ledger")
    ledger.commit(
        ReplyWrite(
            hash=bytes(16),
            canonical=orjson.dumps({"body": {"messages": [], "n": 4}}),
            samples=(0, 1, 2, 3),
            body=orjson.dumps(body),
            model="m",
            prompt_tokens=100,
            completion_tokens=40,
            cost_usd=0.008,
            latency=1.0,
            headers="",
            run="r",
            charged_usd=0.008,
            charged_tokens=140,
        )
    )
    ledger.close()
    run = make_run(tmp_path / "run")
    (run / "load/rows.jsonl").unlink()
    rows = [
        {"id": f"r{n}", "instruction": "x", "meta": {"request": f"{bytes(16).hex()}-{n}"}} for n in range(4)
    ]
    write_rows(run / "load/rows.jsonl", rows)
    stories = [why_row(run, f"r{n}", tmp_path / "ledger") for n in range(4)]
    assert sum(story["request"]["cost_usd"] for story in stories) == pytest.approx(0.008)
    assert stories[1]["request"]["samples"] == 4 and stories[1]["request"]["reply"] == "1"
    shown = why_text(stories[1])
    assert "100 + 40 tokens and $0.008000 for 4 samples" in shown and "share is $0.002000" in shown


def test_prompt_and_reply_from_the_ledger(tmp_path):
    from synthgen.core.chat import Request
    from synthgen.core.progress import Reporter
    from synthgen.dispatch.session import open_sessions
    from synthgen.store.jsonl import write_rows
    from synthgen.teachers.providers.builtin import BuiltinConfig

    question = "Otto is older than Mira. Tessa is younger than Mira. Who is the second oldest?"

    def talk():
        reply = yield Request(messages=({"role": "user", "content": question},), label="rationale")
        return reply.first

    ledger = tmp_path / "ledger"
    sessions = open_sessions(
        {"": BuiltinConfig(mistakes={"wrong_answer": 0, "run_on": 0, "refusal": 0, "truncated": 0})},
        ledger_dir=ledger,
        run="r",
        budget=None,
        reporter=Reporter("silent"),
        stopping=lambda: 0,
        grace=1.0,
        retry_failed=False,
    )
    try:
        session = sessions.open("")
        session.fetch([talk], total=1, stage="s")
        (rendered,) = session.render([talk])
    finally:
        sessions.close()
    run = make_run(tmp_path / "run")
    (run / "load" / "rows.jsonl").unlink()
    write_rows(
        run / "load" / "rows.jsonl",
        [
            {"id": "r1", "instruction": question, "meta": {"request": rendered.keys[0]}},
            {"id": "r2", "instruction": "x", "meta": {"request": "0" * 32 + "-0"}},
        ],
    )
    story = why_row(run, "r1", ledger)
    assert story["request"]["reply"] == rendered.result.text and "Mira" in story["request"]["reply"]
    assert story["request"]["messages"] == [{"role": "user", "content": question}]
    assert "asked as" in why_text(story)
    assert why_row(run, "r2", ledger)["request"]["missing"]
    assert why_row(run, "r1")["request"] is None


def test_few_shot_examples_of_a_prompt_are_left_out_unless_all_is_asked_for(run):
    turns = [{"role": "system", "content": "Say it. " * 40}]
    turns += [{"role": role, "content": f"{role} {at}"} for at in range(3) for role in ("user", "assistant")]
    turns.append({"role": "user", "content": "the question " * 20})
    story = why_row(run, "b000")
    story["request"] = {
        **{"key": "k", "model": "m", "seconds": 1.0, "usage": {}, "messages": turns},
        **{"reply": "So.", "finish_reason": "stop"},
    }
    shown, full = why_text(story), why_text(story, full=True)
    assert "6 turns left out (--full shows them)" in shown and "assistant 1" not in shown
    assert "assistant 1" in full and "left out" not in full
    last = "the question " * 19
    assert last in shown and last in full and "Say it. " * 30 not in shown and "Say it. " * 30 in full
    story["request"]["messages"] = turns[:3]
    assert "left out" not in why_text(story) and "assistant 0" in why_text(story)


def test_a_row_that_was_fixed_by_hand_says_by_whom(run):
    story = why_row(run, "b000")
    story["row"]["meta"] = {"scores": {"judge": 4}, "fixed": {"output": {"by": "anna", "at": "now"}, "x": 1}}
    assert "scores.judge 4, output fixed by anna" in why_text(story)
