import asyncio
import re
import threading
import time
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from synthgen.core.chat import Request
from synthgen.core.errors import ConfigError, Interrupted, SynthgenError, TeacherFailed
from synthgen.teachers.config import Budget, TeacherConfig
from tests.dispatch.questions import chain, question
from tests.servers.misbehaving import MisbehavingTeacher


def test_all_are_answered_in_order_and_none_is_asked_twice(sessions):
    with MisbehavingTeacher(latency=(0.0, 0.02)) as teacher:
        session = sessions(teacher.url).open()
        counts = session.fetch((question(i) for i in range(300)), total=300, stage="generate")
        assert (counts.planned, counts.answered, counts.sent, counts.reused, counts.unsent) == (
            300,
            300,
            300,
            0,
            0,
        )
        rendered = list(session.render(question(i) for i in range(300)))
        assert [one.state for one in rendered] == ["answered"] * 300
        again = session.fetch((question(i) for i in range(300)), total=300, stage="generate")
        assert (again.answered, again.reused, again.sent) == (300, 300, 0)
        assert teacher.requests == 300
        assert teacher.labels == {"test": 300}
    assert len({one.keys[0] for one in rendered}) == 300
    assert all(one.result[0].startswith("answer ") for one in rendered)


def test_another_run_with_the_same_requests_pays_nothing(sessions):
    with MisbehavingTeacher() as teacher:
        sessions(teacher.url, run="one").open().fetch([question(i) for i in range(20)], total=20, stage="g")
        other = sessions(teacher.url, run="two", api_key_env="NOT_SET_AND_NOT_NEEDED").open()
        assert other.fetch([question(i) for i in range(20)], total=20, stage="g").sent == 0
        assert teacher.requests == 20


@pytest.mark.parametrize("concurrency", [1, 8, 64])
def test_the_same_results_whatever_the_concurrency(sessions, concurrency):
    with MisbehavingTeacher({"500": 0.1}, latency=(0.0, 0.01)) as teacher:
        session = sessions(teacher.url, limits={"concurrency": concurrency}).open()
        conversations = [chain(i % 30) for i in range(60)]
        streamed = list(session.stream(conversations, ahead=lambda: 20, stage="g", total=None))
        assert [one.result for one in streamed] == [one.result for one in session.render(conversations)]
        assert teacher.most_in_flight <= concurrency
        assert all(len(one.keys) == 3 and one.requests == 3 for one in streamed)


def test_n_samples_are_n_entries_and_asking_for_eight_after_four_pays_for_four(sessions):
    with MisbehavingTeacher() as teacher:
        session = sessions(teacher.url).open()
        session.fetch([question(0, n=4)], total=1, stage="g")
        paid = teacher.billed_completion
        session.fetch([question(0, n=8)], total=1, stage="g")
        assert teacher.requests == 2 and teacher.billed_completion == 2 * paid
        (eight,) = session.render([question(0, n=8)])
        assert len(eight.keys) == 8 == len(set(eight.keys))
        (three,) = session.render([question(0, n=3)])
        assert three.keys == eight.keys[:3]


def test_a_server_without_n_is_asked_once_a_sample(sessions):
    with MisbehavingTeacher({"fewer_choices": 1.0}) as teacher:
        session = sessions(teacher.url).open()
        session.fetch([question(i, n=4) for i in range(10)], total=10, stage="g")
        assert [len(one.result) for one in session.render([question(i, n=4) for i in range(10)])] == [4] * 10
        assert teacher.served == 40


def test_a_repeated_first_request_is_a_request_of_its_own(sessions):
    with MisbehavingTeacher() as teacher:
        session = sessions(teacher.url).open()
        session.fetch([question("same", n=2) for _ in range(5)], total=5, stage="g")
        assert teacher.served == 5
        keys = [key for one in session.render([question("same", n=2) for _ in range(5)]) for key in one.keys]
        assert len(set(keys)) == 10 and [int(key.partition("-")[2]) for key in keys] == list(range(10))


def test_the_same_follow_up_at_the_same_moment_is_asked_once(sessions):
    def conversation_of(number):
        def conversation():
            yield Request(messages=({"role": "user", "content": f"q{number}"},))
            reply = yield Request(messages=({"role": "user", "content": "the same"},))
            return reply.first.text

        return conversation

    with MisbehavingTeacher(latency=0.05) as teacher:
        session = sessions(teacher.url, limits={"concurrency": 64}).open()
        counts = session.fetch([conversation_of(i) for i in range(20)], total=20, stage="g")
        assert teacher.requests == 21 and counts.answered == 40


def test_a_new_draw_asks_again(sessions):
    with MisbehavingTeacher() as teacher:
        session = sessions(teacher.url).open()
        for draw in (1, 2, 2):
            session.fetch([question(0, draw=draw)], total=1, stage="g")
        assert teacher.requests == 2


def test_closing_a_stream_stops_asking_and_keeps_what_is_under_way(sessions):
    with MisbehavingTeacher(latency=0.05) as teacher:
        opened = sessions(teacher.url, limits={"concurrency": 8})
        stream = opened.open().stream(
            (question(i) for i in range(1000)), ahead=lambda: 30, stage="g", total=None
        )
        first = [next(stream) for _ in range(10)]
        assert all(one.state == "answered" for one in first)
        stream.close()
        opened.stop_servers()
        assert teacher.requests <= 40 + 8
        assert opened.ledger.stats()["samples"] == teacher.served


def test_ahead_bounds_how_far_a_stream_runs(sessions):
    started = []

    def conversations():
        for number in range(200):
            started.append(number)
            yield question(number)

    with MisbehavingTeacher() as teacher:
        for yielded, _ in enumerate(
            sessions(teacher.url).open().stream(conversations(), ahead=lambda: 7, stage="g", total=None)
        ):
            assert len(started) <= yielded + 1 + 7


def test_a_signal_lets_what_is_under_way_come_in(sessions, monkeypatch):
    signal, said = [0], list[str]()
    monkeypatch.setattr("synthgen.core.progress.Reporter.say", lambda _, text: said.append(text))
    with MisbehavingTeacher(latency=0.2) as teacher:
        opened = sessions(teacher.url, stopping=lambda: signal[0], limits={"concurrency": 10})
        threading.Timer(0.3, lambda: signal.__setitem__(0, 15)).start()
        with pytest.raises(Interrupted) as stopped:
            opened.open().fetch((question(i) for i in range(1000)), total=1000, stage="g")
        assert stopped.value.exit_code == 143
        told = re.findall(
            r"^stopping: (\d+) in flight, up to 5 s; a second signal drops them$", "\n".join(said)
        )
        assert len(told) == 1 and 0 < int(told[0]) <= 10
        assert opened.ledger.stats()["samples"] == teacher.served == teacher.requests
        signal[0] = 0
        states = [one.state for one in opened.open().render(question(i) for i in range(1000))]
        assert set(states) == {"answered", "unsent"} and states.count("answered") == teacher.served


def test_works_inside_a_running_loop(sessions):
    async def notebook():
        with MisbehavingTeacher() as teacher:
            return sessions(teacher.url).open().fetch([question(0)], total=1, stage="g")

    assert asyncio.run(notebook()).answered == 1


def test_a_wrong_key_stops_at_once_and_is_never_repeated(sessions, monkeypatch, tmp_path):
    monkeypatch.setenv("A_KEY", "sk-secret-1234567890")
    with MisbehavingTeacher(key="another") as teacher:
        with pytest.raises(TeacherFailed) as failed:
            sessions(teacher.url, api_key_env="A_KEY").open().fetch(
                [question(i) for i in range(500)], total=500, stage="g"
            )
        assert (
            "401" in str(failed.value)
            and "sk-secret" not in str(failed.value)
            and "A_KEY" in str(failed.value)
        )
        assert teacher.requests <= 32
    for path in (tmp_path / "ledger").rglob("*.*"):
        assert b"sk-secret" not in path.read_bytes()


def test_a_missing_key_names_its_variable_and_only_when_something_is_missing(sessions, monkeypatch):
    monkeypatch.delenv("A_KEY", raising=False)
    with MisbehavingTeacher() as teacher:
        with pytest.raises(ConfigError, match="A_KEY"):
            sessions(teacher.url, api_key_env="A_KEY").open().fetch([question(0)], total=1, stage="g")
        assert teacher.requests == 0
        assert [
            one.state for one in sessions(teacher.url, api_key_env="A_KEY").open().render([question(0)])
        ] == ["unsent"]


def test_an_unknown_model_stops_the_run(sessions):
    with MisbehavingTeacher(models=("another",)) as teacher:
        with pytest.raises(TeacherFailed, match="model_not_found"):
            sessions(teacher.url).open().fetch([question(i) for i in range(500)], total=500, stage="g")
        assert teacher.requests <= 32


def test_an_address_where_nobody_is_stops_the_run(sessions):
    with pytest.raises(TeacherFailed, match="unreachable"):
        sessions("http://127.0.0.1:9/v1").open().fetch(
            [question(i) for i in range(100)], total=100, stage="g"
        )


def test_the_same_refusal_of_the_first_requests_stops_the_run_and_is_not_remembered(sessions):
    class Picky(MisbehavingTeacher):
        def _limited(self):
            return self._error(400, "invalid_request_error", "Unsupported parameter: 'temperature'")

    with Picky() as picky:
        with pytest.raises(TeacherFailed, match="Unsupported parameter"):
            sessions(picky.url).open().fetch([question(i) for i in range(100)], total=100, stage="g")
    with MisbehavingTeacher() as teacher:
        assert (
            sessions(teacher.url)
            .open()
            .fetch([question(i) for i in range(100)], total=100, stage="g")
            .answered
            == 100
        )


def test_the_key_goes_nowhere_but_to_its_own_provider(sessions, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-own")
    with MisbehavingTeacher(key="sk-own") as teacher, pytest.raises(TeacherFailed, match="401"):
        sessions(teacher.url).open().fetch([question(0)], total=1, stage="g")


def test_several_addresses_share_the_work_and_a_dead_one_is_set_aside(sessions):
    with MisbehavingTeacher(latency=0.02) as one, MisbehavingTeacher(latency=0.02) as other:
        urls = (one.url, other.url, "http://127.0.0.1:9/v1")
        counts = (
            sessions(urls, identity="pool")
            .open()
            .fetch([question(i) for i in range(200)], total=200, stage="g")
        )
        assert counts.answered == 200
        assert one.served + other.served == 200 and min(one.served, other.served) > 60


def test_the_openai_transport_does_the_same(sessions):
    with MisbehavingTeacher({"500": 0.1, "half_body": 0.05, "reset": 0.05}) as teacher:
        session = sessions(teacher.url, transport="openai").open()
        assert session.fetch([question(i) for i in range(50)], total=50, stage="g").answered == 50
        assert session.fetch([question(i) for i in range(50)], total=50, stage="g").sent == 0
        assert len(teacher.seen) == 50


def test_nothing_is_made_or_connected_before_a_reply_is_missing(sessions, tmp_path):
    opened = sessions("http://127.0.0.1:9/v1")
    assert list(opened.open().render([])) == []
    assert not (tmp_path / "ledger").exists()


def test_a_key_that_a_reply_echoes_is_not_kept(sessions, monkeypatch, tmp_path):
    class Echoing(MisbehavingTeacher):
        def _payload(self, body, identity, n, fault):
            payload = super()._payload(body, identity, n, fault)
            payload["choices"][0]["message"]["content"] = f"your key is {self.key}"
            return payload

        def _limit_headers(self):
            return {"x-request-id": f"for {self.key}"}

    monkeypatch.setenv("A_KEY", "sk-secret-1234567890")
    with Echoing(key="sk-secret-1234567890") as teacher:
        session = sessions(teacher.url, api_key_env="A_KEY").open()
        session.fetch([question(0)], total=1, stage="g")
        (rendered,) = session.render([question(0)])
        assert rendered.result == ["your key is ***"]
        assert session._owner.ledger.get(rendered.keys[0]).headers == {"x-request-id": "for ***"}
    assert all(b"sk-secret" not in path.read_bytes() for path in (tmp_path / "ledger").glob("*.*"))


@pytest.mark.parametrize("name", ["Authorization", "api-key", "X-API-Key", "Cookie"])
def test_a_key_in_the_pipeline_files_headers_is_refused_without_being_shown(name):
    with pytest.raises(ValidationError, match="api_key_env") as fault:
        TeacherConfig(model="m", headers={name: "sk-secret"})
    assert "sk-secret" not in str(fault.value)


def test_a_stream_forgotten_until_after_the_end_does_no_harm(sessions):
    with MisbehavingTeacher() as teacher:
        opened = sessions(teacher.url)
        stream = opened.open().stream(
            (question(i) for i in range(100)), ahead=lambda: 20, stage="g", total=None
        )
        next(stream)
        opened.close()
        stream.close()


def test_a_ledger_that_cannot_be_written_stops_before_anything_is_paid_for(sessions, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with MisbehavingTeacher() as teacher:
        with pytest.raises(SynthgenError, match="ledger"):
            sessions(teacher.url, ledger=tmp_path / "file" / "ledger").open().fetch(
                [question(0)], total=1, stage="g"
            )
        assert teacher.requests == 0


def test_a_disk_that_fills_up_stops_the_run_and_keeps_what_was_committed(sessions, tmp_path, monkeypatch):
    """SQLite's own limit on a file's pages stands in for the disk's: the write fails with SQLITE_FULL too."""
    with MisbehavingTeacher(latency=(0.0, 0.01)) as teacher:
        opened = sessions(teacher.url)
        opened.ledger.writer().target.connection.execute("PRAGMA max_page_count=60")
        with pytest.raises(SynthgenError, match="no space left") as full:
            opened.open().fetch((question(i) for i in range(3000)), total=3000, stage="g")
        assert full.value.exit_code == 1 and "the same command continues" in str(full.value)
        opened.close()
        asked = teacher.requests
        again = sessions(teacher.url).open().fetch((question(i) for i in range(1000)), total=1000, stage="g")
        assert again.answered == 1000 and again.reused > 20
        assert teacher.requests - asked == 1000 - again.reused


def test_progress_shows_what_the_run_has_spent_of_its_cap(sessions, monkeypatch):
    lines = []
    monkeypatch.setattr(
        "synthgen.core.progress.Reporter.show",
        lambda self, progress, force=False: lines.append(progress.line()),
    )
    price = {"input_per_mtok": 0.0, "output_per_mtok": 10_000.0}
    with MisbehavingTeacher() as teacher:
        for rows in (10, 20):
            sessions(
                teacher.url, price=price, sampling={"max_tokens": 30}, budget=Budget(usd=9)
            ).open().fetch([question(i) for i in range(rows)], total=rows, stage="g")
    assert any("$2.30 of $9" in line for line in lines)
    assert "$4.60 of $9" in lines[-1], "what an earlier process of the run has spent counts"


def test_a_conversation_that_breaks_loses_no_reply(sessions):
    def broken():
        yield Request(messages=({"role": "user", "content": "q"},))
        raise ZeroDivisionError

    with MisbehavingTeacher(latency=0.05) as teacher:
        opened = sessions(teacher.url)
        with pytest.raises(ZeroDivisionError):
            opened.open().fetch([broken, *(question(i) for i in range(10))], total=11, stage="g")
        opened.stop_servers()
        assert opened.ledger.stats()["samples"] == teacher.served


def test_a_second_signal_does_not_wait_for_the_grace_period(sessions, monkeypatch):
    def second_signal(_):
        raise Interrupted(15)

    with MisbehavingTeacher({"hang": 1.0}) as teacher:
        opened = sessions(
            teacher.url, stopping=lambda: 15 if teacher.in_flight else 0, grace=3600.0, limits={"timeout": 60}
        )
        monkeypatch.setattr(
            "synthgen.dispatch.scheduler.time", SimpleNamespace(monotonic=time.monotonic, sleep=second_signal)
        )
        with pytest.raises(Interrupted):
            opened.open().fetch([question(i) for i in range(5)], total=5, stage="g")
        assert opened.open().open_sender().in_flight == 0, (
            "nothing is left that closing the session would wait for"
        )


def test_after_the_grace_period_what_hangs_is_given_up_and_stays_charged(sessions):
    signal = [0]
    with MisbehavingTeacher({"hang": 1.0}) as teacher:
        opened = sessions(
            teacher.url,
            stopping=lambda: signal[0],
            grace=0.2,
            sampling={"max_tokens": 50},
            budget=Budget(tokens=100_000),
            limits={"timeout": 60},
        )
        threading.Timer(0.5, lambda: signal.__setitem__(0, 2)).start()
        with pytest.raises(Interrupted) as stopped:
            opened.open().fetch([question(i) for i in range(4)], total=4, stage="g")
        assert stopped.value.exit_code == 130
        usd, tokens, requests = opened.ledger.spent("run")
        assert requests == teacher.requests == 4 and tokens > 4 * 50
