import orjson
import pytest

from synthgen.core.chat import Request
from synthgen.core.errors import BudgetReached, ConfigError, InputError, TeacherFailed
from synthgen.core.progress import Reporter
from synthgen.dispatch.batch.book import BatchBook
from synthgen.dispatch.batch.sessions import AwaitsBatch, PreparingSessions, batch_folder
from synthgen.dispatch.batch.status import part_lines
from synthgen.dispatch.batch.submit import Batches
from synthgen.dispatch.session import open_sessions
from synthgen.teachers.config import Budget, TeacherConfig
from tests.servers.standin_batches import BatchServer, reply_to

PRICE = {"input_per_mtok": 1.0, "output_per_mtok": 2.0}
ONE = (10 * 1.0 + 20 * 2.0) / 1e6 / 2  # dollars of one reply in a batch


def ask(number, n=1):
    def conversation():
        reply = yield Request(messages=({"role": "user", "content": f"question {number}"},), n=n)
        return [sample.text for sample in reply.samples]

    return conversation


def chain(number):
    def conversation():
        first = yield Request(messages=({"role": "user", "content": f"question {number}"},))
        second = yield Request(messages=({"role": "user", "content": f"check {first.first.text}"},))
        return second.first.text

    return conversation


class Desk:
    """One run's folder, ledger and teacher, as four separate commands would open them."""

    def __init__(self, folder, url, budget=None, **config):
        self.folder, self.budget = folder, budget
        self.teacher = TeacherConfig.model_validate(
            {
                "model": "m",
                "base_url": url,
                "api_key_env": "BATCH_KEY",
                "price": PRICE,
                "sampling": {"max_tokens": 100},
                "limits": {"max_attempts": 1, "concurrency": 4},
                **config,
            }
        )

    def sessions(self):
        return open_sessions(
            {"": self.teacher},
            ledger_dir=self.folder / "ledger",
            run="run",
            budget=self.budget,
            reporter=Reporter("silent"),
            stopping=lambda: 0,
        )

    def prepare(self, conversations, **limits):
        with BatchBook(batch_folder(self.folder)) as book:
            book.replace_prepared()
            sessions = PreparingSessions(self.sessions(), book, **limits)
            try:
                sessions.open().fetch(conversations, total=len(conversations), stage="generate")
                return 0
            except AwaitsBatch as waits:
                assert waits.exit_code == 0
                return waits.written
            finally:
                sessions.close()

    def do(self, action):
        sessions = self.sessions()
        try:
            with BatchBook(batch_folder(self.folder)) as book:
                return action(Batches(book, {"": self.teacher}, sessions.ledger, "run", self.budget))
        finally:
            sessions.close()

    def render(self, conversations):
        sessions = self.sessions()
        try:
            return list(sessions.open().render(conversations))
        finally:
            sessions.close()

    def spent(self):
        sessions = self.sessions()
        try:
            return sessions.ledger.spent("run")
        finally:
            sessions.close()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("BATCH_KEY", "sk-test")
    with BatchServer() as server:
        yield server


@pytest.fixture
def desk(tmp_path, server):
    return Desk(tmp_path, server.url)


def test_a_round_trip_answers_everything_at_half_the_price(desk, server):
    questions = [ask(number, n=2) for number in range(10)]
    assert desk.prepare(questions) == 10
    (part,) = desk.do(lambda batches: batches.submit())
    assert (part.state, part.requests, part.batch) == ("submitted", 10, "batch-0")
    assert desk.do(lambda batches: batches.collect()) == []
    server.finish(reply_to)
    (part,) = desk.do(lambda batches: batches.collect())
    assert part.outcome == {"answered": 10, "known": 0, "refused": {}, "again": {}, "missing": 0}
    assert [rendered.result for rendered in desk.render(questions)] == [
        [f"answer to question {number} #{sample}" for sample in (0, 1)] for number in range(10)
    ]
    assert desk.spent() == (pytest.approx(10 * ONE), 300, 10)
    assert desk.prepare(questions) == 0
    assert "10 answered" in part_lines([part])[0]


def test_the_file_is_what_the_batch_api_takes(desk, tmp_path):
    desk.prepare([ask(1, n=3)])
    (line,) = [
        orjson.loads(line) for line in (tmp_path / "batches/requests-0001.jsonl").read_bytes().splitlines()
    ]
    assert line["method"] == "POST" and line["url"] == "/v1/chat/completions" and len(line["custom_id"]) <= 64
    assert line["body"] == {
        "model": "m",
        "messages": [{"role": "user", "content": "question 1"}],
        "max_tokens": 100,
        "n": 3,
    }


def test_files_are_split_at_both_limits(desk, tmp_path):
    assert desk.prepare([ask(number) for number in range(10)], max_requests=4) == 10
    assert [path.read_bytes().count(b"\n") for path in sorted((tmp_path / "batches").glob("requests-*"))] == [
        4,
        4,
        2,
    ]
    size = len((tmp_path / "batches/requests-0001.jsonl").read_bytes()) // 4
    assert desk.prepare([ask(number) for number in range(10)], max_bytes=3 * size + 5) == 10
    files = sorted((tmp_path / "batches").glob("requests-*"))
    assert (
        all(path.stat().st_size <= 3 * size + 5 for path in files)
        and sum(path.read_bytes().count(b"\n") for path in files) == 10
    )


def test_a_file_asks_one_endpoint_only(desk, tmp_path):
    def raw(number):
        def conversation():
            reply = yield Request(prompt=f"Q: {number}")
            return reply.first.text

        return conversation

    assert desk.prepare([ask(1), raw(1), ask(2), raw(2)]) == 4
    urls = [
        {orjson.loads(line)["url"] for line in path.read_bytes().splitlines()}
        for path in sorted((tmp_path / "batches").glob("requests-*"))
    ]
    assert urls == [{"/v1/chat/completions"}, {"/v1/completions"}]


def test_what_is_under_way_is_not_prepared_again(desk, server):
    desk.prepare([ask(number) for number in range(5)])
    desk.do(lambda batches: batches.submit())
    assert desk.prepare([ask(number) for number in range(8)]) == 3
    assert desk.prepare([ask(number) for number in range(8)]) == 3
    desk.do(lambda batches: batches.submit())
    assert server.creations == 2
    assert sum(server.files[batch["input_file_id"]].count(b"\n") for batch in server.batches.values()) == 8


def test_failed_and_expired_requests_are_left_to_the_next_prepare_and_refusals_are_not(desk, server):
    def behave(line):
        number = int(line["body"]["messages"][-1]["content"].split()[-1])
        if number < 2:
            return 400, {"error": {"message": "too long", "code": "context_length_exceeded"}}
        return None if number < 4 else (500, {"error": {"message": "oops"}}) if number < 6 else reply_to(line)

    questions = [ask(number) for number in range(10)]
    desk.prepare(questions)
    desk.do(lambda batches: batches.submit())
    server.finish(behave, status="expired")
    (part,) = desk.do(lambda batches: batches.collect())
    assert part.outcome == {
        "answered": 4,
        "known": 0,
        "refused": {"context_length": 2},
        "again": {"batch_expired": 2, "http_500": 2},
        "missing": 0,
    }
    assert [rendered.state for rendered in desk.render(questions)] == ["failed"] * 2 + ["unsent"] * 4 + [
        "answered"
    ] * 4
    assert desk.prepare(questions) == 4
    assert desk.spent()[0] == pytest.approx(4 * ONE)


def test_a_batch_without_any_result_leaves_all_to_the_next_prepare(desk, server):
    desk.prepare([ask(number) for number in range(3)])
    desk.do(lambda batches: batches.submit())
    server.batches["batch-0"].update(
        status="failed",
        errors={
            "object": "list",
            "data": [{"message": "enqueued token limit reached", "code": "token_limit"}],
        },
    )
    (part,) = desk.do(lambda batches: batches.collect())
    assert part.outcome["missing"] == 3 and "enqueued token limit" in part_lines([part])[0]
    assert desk.prepare([ask(number) for number in range(3)]) == 3
    assert desk.spent() == (0.0, 0, 0)


def test_a_chain_takes_a_batch_for_each_step(desk, server):
    questions = [chain(number) for number in range(4)]
    for _ in range(2):
        assert desk.prepare(questions) == 4
        desk.do(lambda batches: batches.submit())
        server.finish(reply_to)
        desk.do(lambda batches: batches.collect())
    assert desk.prepare(questions) == 0
    assert desk.render(questions)[3].result == "answer to check answer to question 3 #0 #0"


def test_a_submission_that_was_interrupted_is_found_again_and_not_paid_twice(desk, server):
    desk.prepare([ask(1)])
    server.refuse_create = True
    with pytest.raises(TeacherFailed, match="refuses the batch"):
        desk.do(lambda batches: batches.submit())
    server.refuse_create = False
    (part,) = desk.do(lambda batches: batches.submit())
    assert part.batch == "batch-0" and server.creations == 1
    assert desk.spent()[2] == 1


@pytest.mark.parametrize("what", ["no network", "the file is refused", "the batch is refused"])
def test_what_was_certainly_not_sent_is_not_charged(desk, server, monkeypatch, what):
    desk.prepare([ask(1)])
    url = desk.teacher.base_url
    if what == "no network":
        desk.teacher = desk.teacher.model_copy(update={"base_url": "http://127.0.0.1:9/v1"})
        monkeypatch.setattr("openai._base_client.BaseClient._calculate_retry_timeout", lambda *_, **__: 0)
    elif what == "the file is refused":
        monkeypatch.setenv("BATCH_KEY", "sk-wrong")
    else:
        server.refuse_create = 400
    with pytest.raises(TeacherFailed):
        desk.do(Batches.submit)
    assert desk.spent() == (0.0, 0, 0)
    monkeypatch.undo()
    monkeypatch.setenv("BATCH_KEY", "sk-test")
    desk.teacher, server.refuse_create = desk.teacher.model_copy(update={"base_url": url}), False
    (part,) = desk.do(Batches.submit)
    assert part.state == "submitted" and desk.spent()[2] == 1, "charged once, when it was sent"


def test_a_batch_whose_request_never_left_is_not_charged(desk, monkeypatch):
    import openai

    desk.prepare([ask(1)])
    nowhere = openai.OpenAI(api_key="k", base_url="http://127.0.0.1:9/v1", max_retries=0)
    with monkeypatch.context() as away:
        away.setattr("openai.OpenAI.with_options", lambda *_, **__: nowhere)
        with pytest.raises(TeacherFailed):
            desk.do(Batches.submit)
    assert desk.spent() == (0.0, 0, 0)
    (part,) = desk.do(Batches.submit)
    assert part.state == "submitted" and desk.spent()[2] == 1


def test_a_batch_that_may_have_been_made_stays_charged(desk, server):
    desk.prepare([ask(1)])
    server.refuse_create = True
    with pytest.raises(TeacherFailed):
        desk.do(Batches.submit)
    assert desk.spent()[2] == 1


def test_results_made_on_another_machine_are_taken_after_a_provider_has_refused_the_batch(
    desk, server, tmp_path
):
    desk.prepare([ask(i) for i in range(3)])
    server.refuse_create = True
    with pytest.raises(TeacherFailed):
        desk.do(Batches.submit)
    lines = [
        orjson.loads(line) for line in (tmp_path / "batches/requests-0001.jsonl").read_bytes().splitlines()
    ]
    results = [
        orjson.dumps(
            {"custom_id": line["custom_id"], "response": {"status_code": 200, "body": reply_to(line)[1]}}
        )
        + b"\n"
        for line in lines
    ]
    (tmp_path / "batches/results-0001.jsonl").write_bytes(b"".join(results))
    (taken,) = desk.do(Batches.collect)
    assert (
        taken.outcome["answered"] == 3
        and [one.state for one in desk.render([ask(i) for i in range(3)])] == ["answered"] * 3
    )
    assert desk.do(Batches.submit) == [], "what is answered is not sent again"


def test_a_server_that_does_not_answer_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("BATCH_KEY", "none")
    desk = Desk(tmp_path, "http://127.0.0.1:9/v1")
    desk.prepare([ask(1)])

    def submit_once(batches):
        batches.providers.client("").max_retries = 0
        batches.submit()

    with pytest.raises(TeacherFailed) as caught:
        desk.do(submit_once)
    text = str(caught.value)
    assert (
        "no answer about the batch: APIConnectionError" in text
        and "at m at http://127.0.0.1:9/v1" in text
        and "no batch API" in text
    )


def test_results_carried_by_hand_are_charged_in_full(tmp_path):
    desk = Desk(tmp_path, "http://127.0.0.1:9/v1")
    desk.prepare([ask(number, n=2) for number in range(10)])
    lines = [
        orjson.loads(line) for line in (tmp_path / "batches/requests-0001.jsonl").read_bytes().splitlines()
    ]
    (tmp_path / "batches/results-0001.jsonl").write_bytes(
        b"".join(
            orjson.dumps(
                {"custom_id": line["custom_id"], "response": {"status_code": 200, "body": reply_to(line)[1]}}
            )
            + b"\n"
            for line in lines
        )
    )
    desk.do(lambda batches: batches.collect())
    assert desk.spent()[0] == pytest.approx(2 * 10 * ONE), "ONE is what a reply of a provider's batch costs"


def test_results_of_run_batch_beside_the_requests_are_collected(tmp_path):
    desk = Desk(tmp_path, "http://127.0.0.1:9/v1", price=None)
    questions = [ask(number) for number in range(5)]
    desk.prepare(questions)
    lines = [
        orjson.loads(line) for line in (tmp_path / "batches/requests-0001.jsonl").read_bytes().splitlines()
    ]
    results = b"".join(
        orjson.dumps(
            {
                "id": "v",
                "custom_id": line["custom_id"],
                "response": {"status_code": 200, "body": reply_to(line)[1]},
                "error": None,
            }
        )
        + b"\n"
        for line in lines
    )
    # The node was killed while it wrote the last line.
    (tmp_path / "batches/results-0001.jsonl").write_bytes(results[:-30])
    assert desk.prepare(questions) == 0  # the part whose results lie there is left alone
    (part,) = desk.do(lambda batches: batches.collect())
    assert (part.outcome["answered"], part.outcome["missing"]) == (4, 1)
    assert desk.prepare(questions) == 1


def test_results_of_a_part_that_was_made_anew_are_still_taken(tmp_path):
    desk = Desk(tmp_path, "http://127.0.0.1:9/v1")
    desk.prepare([ask(1)])
    line = orjson.loads((tmp_path / "batches/requests-0001.jsonl").read_bytes())
    desk.prepare([ask(1), ask(2)])
    (tmp_path / "batches/results-0001.jsonl").write_bytes(
        orjson.dumps(
            {"custom_id": line["custom_id"], "response": {"status_code": 200, "body": reply_to(line)[1]}}
        )
        + b"\n"
    )
    desk.do(lambda batches: batches.collect())
    assert desk.prepare([ask(1), ask(2)]) == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"nonsense\n{}\n", "no result"),
        (b'{"custom_id":"theirs"}\n', "not asked for by synthgen"),
        (
            b'{"custom_id":"' + b"0" * 32 + b'-0-1","response":{"status_code":200,"body":{}}}\n',
            "not asked for in this run",
        ),
    ],
)
def test_a_file_that_is_no_result_is_refused(tmp_path, line, words):
    desk = Desk(tmp_path, "http://127.0.0.1:9/v1")
    desk.prepare([ask(1)])
    (tmp_path / "batches/results-0001.jsonl").write_bytes(line)
    with pytest.raises(InputError, match=words):
        desk.do(lambda batches: batches.collect())


def test_the_cap_holds_for_batches_too(tmp_path, server):
    desk = Desk(tmp_path, server.url, Budget(requests=6))
    desk.prepare([ask(number) for number in range(10)], max_requests=5)
    with pytest.raises(BudgetReached):
        desk.do(lambda batches: batches.submit())
    assert server.creations == 1
    assert desk.spent()[2] == 5
    usd = Desk(tmp_path / "usd", server.url, Budget(usd=0.0001))
    usd.prepare([ask(1)])
    with pytest.raises(BudgetReached):
        usd.do(lambda batches: batches.submit())


def test_a_stream_of_calls_cannot_be_batched(desk):
    with BatchBook(batch_folder(desk.folder)) as book:
        sessions = PreparingSessions(desk.sessions(), book)
        with pytest.raises(ConfigError, match="cannot be asked in batches"):
            sessions.open().stream([ask(1)], ahead=lambda: 1, stage="generate", total=None)
        sessions.close()


def test_no_key_is_written_or_shown(desk, server, tmp_path, monkeypatch):
    desk.prepare([ask(1)])
    monkeypatch.setenv("BATCH_KEY", "sk-wrong-secret")
    with pytest.raises(TeacherFailed) as caught:
        desk.do(lambda batches: batches.submit())
    assert "401" in str(caught.value) and "secret" not in str(caught.value)
    assert not any(b"sk-wrong-secret" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_key_that_the_provider_echoes_is_in_no_file_and_no_part(desk, server, tmp_path, monkeypatch):
    key = server.key = "sk-proj-aB3dE6gH9jK2mN5pQ8rS"
    monkeypatch.setenv("BATCH_KEY", key)

    def behave(line):
        number = int(line["body"]["messages"][-1]["content"].split()[-1])
        if number == 0:
            status, body = reply_to(line)
            body["choices"][0]["message"]["content"] = f"my key is {key}"
            return status, body
        return (400, {"error": {"message": f"{key[-12:]} may not ask this"}}) if number == 1 else None

    questions = [ask(number) for number in range(3)]
    desk.prepare(questions)
    desk.do(lambda batches: batches.submit())
    server.finish(behave, status="expired")
    batch = server.batches["batch-0"]
    server.files[batch["error_file_id"]] = server.files[batch["error_file_id"]].replace(
        b"batch_expired", b"expired_for_" + key.encode()
    )
    batch["errors"] = {"object": "list", "data": [{"message": f"no more for {key}", "code": "x"}]}
    (part,) = desk.do(lambda batches: batches.collect())
    assert part.outcome == {
        "answered": 1,
        "known": 0,
        "refused": {"http_400": 1},
        "again": {"expired_for_***": 1},
        "missing": 0,
    }
    assert part.remote["errors"] == ["no more for ***"]
    first, second, _ = desk.render(questions)
    assert first.result == ["my key is ***"] and second.detail == "*** may not ask this"
    assert not any(key[-12:].encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_downloaded_file_is_what_the_provider_has_byte_for_byte(desk, server, tmp_path):
    desk.prepare([ask("\u2028 ünd \u0085 end"), ask(2)])
    desk.do(lambda batches: batches.submit())
    server.finish(reply_to)
    desk.do(lambda batches: batches.collect())
    assert (tmp_path / "batches/results-0001.jsonl").read_bytes() == server.files[
        server.batches["batch-0"]["output_file_id"]
    ]


def test_what_run_batch_wrote_loses_a_key_on_the_way_into_the_ledger(tmp_path, monkeypatch):
    monkeypatch.setenv("BATCH_KEY", "sk-proj-aB3dE6gH9jK2mN5pQ8rS")
    desk = Desk(tmp_path, "http://127.0.0.1:9/v1", price=None)
    desk.prepare([ask(1)])
    line = orjson.loads((tmp_path / "batches/requests-0001.jsonl").read_bytes())
    status, body = reply_to(line)
    body["model"] = body["choices"][0]["message"]["content"] = "sk-proj-aB3dE6gH9jK2mN5pQ8rS"
    (tmp_path / "batches/results-0001.jsonl").write_bytes(
        orjson.dumps({"custom_id": line["custom_id"], "response": {"status_code": status, "body": body}})
        + b"\n"
    )
    desk.do(lambda batches: batches.collect())
    assert desk.render([ask(1)])[0].result == ["***"]
    assert not any(b"aB3dE6gH9jK2" in path.read_bytes() for path in (tmp_path / "ledger").glob("*.*"))
