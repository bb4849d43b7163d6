"""What status says beside the stages: paid and set aside, scores and verdicts, shards; and --watch."""

from pathlib import Path

import orjson

from synthgen.core.text import width
from synthgen.evaluation.recorded import scores
from synthgen.reports import watch as watch_module
from synthgen.reports.standing import charged, charged_lines, score_lines, shard_lines, shards
from synthgen.reports.watch import watch
from synthgen.store.ledger.ledger import open_ledger
from synthgen.store.ledger.writes import ReserveWrite
from tests.reports.made_runs import make_run
from tests.store.ledger.test_ledger import reply

TOTAL = {"total": {"requests": 5}}


def test_what_is_set_aside_is_no_part_of_what_is_paid(tmp_path):
    ledger = open_ledger(tmp_path)
    numbers = [ledger.new_reservation() for _ in range(3)]
    for number in numbers:
        ledger.commit(ReserveWrite(number, "r", 2.0, 100))
    ledger.commit(reply(1, usd=0.5, reservation=numbers[0]))
    ledger.close()
    paid, aside = charged(tmp_path, "r")
    assert paid == {"requests": 1, "tokens": 15, "cost_usd": 0.5}
    assert aside == {"requests": 2, "tokens": 200, "cost_usd": 4.0}
    status = {"money": TOTAL, "paid": paid, "set_aside": aside, "ledger": True, "live": {"line": "…"}}
    assert charged_lines(status) == [
        "paid by this run, over all its tries: 1 request, 15 tokens, $0.50",
        "set aside for requests in flight: 2 requests, at most 200 tokens, $4.00",
    ]
    assert charged_lines({**status, "live": None})[1].startswith(
        "sent and never settled, and counted as paid"
    )
    assert charged(tmp_path, "other") == (None, None) == charged(tmp_path / "none", "r") == charged(None, "r")


def test_a_run_that_found_all_replies_in_the_ledger_says_so():
    status = {"money": TOTAL, "paid": None, "set_aside": None, "ledger": True, "live": None}
    assert charged_lines(status) == ["paid by this run: nothing; every reply was in the ledger"]
    assert charged_lines({**status, "ledger": False}) == []


def test_scores_stand_beside_the_verdict(tmp_path):
    run = make_run(tmp_path / "run")
    file = run / "evaluate/metrics.json"
    report = orjson.loads(file.read_bytes())
    report["verdict"] = {"students": {"student": {"verdict": "DEPLOY"}}}
    report["models"]["teacher"] = {"role": "teacher"}
    file.write_bytes(orjson.dumps(report))
    status = {"scores": scores(run, ["evaluate", "gone"]), "stages": [{"stage": "evaluate", "state": "done"}]}
    assert status["scores"][0]["verdicts"] == {"student": "DEPLOY"}
    lines = "\n".join(score_lines(status, 80)).splitlines()
    assert lines[1].split() == ["evaluate", "accuracy", "95%", "interval", "verdict"]
    assert lines[2].split()[2:] == ["10.0–90.0", "DEPLOY"] and lines[3].split() == ["teacher", "–", "–"]
    assert max(map(width, lines)) <= 80
    status["stages"][0]["state"] = "run"
    assert "evaluate (would run again)" in score_lines(status, 80)[1]


def test_shards_say_when_to_merge(in_tmp):
    from synthgen.operations.merge import merge
    from synthgen.pipeline.options import RunOptions
    from synthgen.reports.status import run_status, status_table
    from tests.operations.test_shard import curation, run, run_shard

    pipeline = curation()
    run(pipeline, until="split")
    folder = Path("data/runs/small")
    assert shards(folder, lambda path: False) == []
    for number in (1, 3):
        run_shard(pipeline, number, 3, only=("filter",))
    (part,) = shards(folder, lambda path: False)
    assert part["done"] == [1, 3] and part["not started"] == [2] and not part["merged"]
    assert shard_lines({"shards": [part]}) == ["shards: 2 of 3 done; not started 2"]
    (part,) = shards(folder, lambda path: path.name.startswith("3"))
    assert shard_lines({"shards": [part]}) == ["shards: 1 of 3 done; running 3, not started 2"]
    run_shard(pipeline, 2, 3, only=("filter",))
    text = status_table(run_status(folder, pipeline))
    assert text.endswith("shards: 3 of 3 done: merge now, `synthgen merge PIPELINE`")
    merge(pipeline, RunOptions(), reporter=None)
    assert status_table(run_status(folder, pipeline)).endswith("shards: 3 of 3 done: merged")
    log = folder / "shards/2-of-3/run.log.jsonl"
    log.write_bytes(log.read_bytes() + b'{"event": "stopped"}\n')
    assert "stopped 2" in status_table(run_status(folder, pipeline))


def test_watch_shows_what_has_changed_until_nobody_is_at_work(monkeypatch):
    monkeypatch.setattr(watch_module, "SECONDS", 0)
    texts, busy, shown = iter("aabbc"), iter([True, True, True, True, False]), []
    watch(lambda: next(texts), lambda: next(busy), shown.append)
    assert shown == ["a", "b", "c"]
