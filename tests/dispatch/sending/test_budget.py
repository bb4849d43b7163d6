import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from synthgen.core.errors import BudgetReached, ConfigError
from synthgen.teachers.config import Budget
from tests.dispatch.questions import question
from tests.servers.misbehaving import MisbehavingTeacher

PRICE = {"input_per_mtok": 1000.0, "output_per_mtok": 2000.0}
WORKER = Path(__file__).parents[1] / "worker.py"


def cost_of(teacher, price=PRICE):
    """What the server's own count comes to."""
    return (
        teacher.billed_prompt * price["input_per_mtok"] + teacher.billed_completion * price["output_per_mtok"]
    ) / 1e6


def questions(rows):
    return [question(i) for i in range(rows)]


@pytest.mark.parametrize(
    "faults",
    [{}, {"reset": 0.05, "half_body": 0.05, "500": 0.05, "invalid_json": 0.05, "no_usage": 0.05}],
    ids=["calm", "faults"],
)
def test_half_the_money_is_never_passed_and_the_run_goes_on_once_the_cap_is_raised(sessions, faults):
    rows = 600
    with MisbehavingTeacher() as teacher:
        sessions(teacher.url, run="calm").open().fetch(questions(rows), total=rows, stage="g")
        whole = cost_of(teacher)
    with MisbehavingTeacher(faults, latency=(0.0, 0.02)) as teacher:
        options = {
            "sampling": {"max_tokens": 30},
            "price": PRICE,
            "limits": {"concurrency": 256, "max_attempts": 40},
            "identity": "budgeted",
        }
        stopped = sessions(teacher.url, budget=Budget(usd=whole / 2), **options)
        with pytest.raises(BudgetReached) as reached:
            stopped.open().fetch(questions(rows), total=rows, stage="g")
        assert reached.value.exit_code == 3 and "budget" in str(reached.value)
        assert whole / 4 < cost_of(teacher) <= whole / 2
        states = [one.state for one in stopped.open().render(questions(rows))]
        assert states.count("answered") + states.count("unsent") == rows and states.count("unsent") > 0
        stopped.close()
        before = len([state for state in states if state == "answered"])
        raised = sessions(teacher.url, budget=Budget(usd=whole * 6), **options).open()
        counts = raised.fetch(questions(rows), total=rows, stage="g")
        assert counts.answered == rows and counts.reused == before


def test_the_cap_is_used_up_to_the_last_request_that_fits(sessions):
    """Near the cap, reservations are waited for instead of stopping at once."""
    with MisbehavingTeacher(latency=0.02) as teacher:
        opened = sessions(
            teacher.url,
            budget=Budget(tokens=20_000),
            sampling={"max_tokens": 500},
            limits={"concurrency": 64},
        )
        with pytest.raises(BudgetReached, match="tokens"):
            opened.open().fetch(questions(5000), total=5000, stage="g")
        used = teacher.billed_prompt + teacher.billed_completion
        assert 18_500 < used <= 20_000


def test_a_cap_on_requests(sessions):
    with MisbehavingTeacher() as teacher:
        with pytest.raises(BudgetReached, match="7 of 7 requests"):
            sessions(teacher.url, budget=Budget(requests=7)).open().fetch(questions(50), total=50, stage="g")
        assert teacher.served == 7
        with pytest.raises(BudgetReached):
            sessions(teacher.url, budget=Budget(requests=7)).open().fetch(questions(50), total=50, stage="g")
        assert teacher.served == 7
        with pytest.raises(BudgetReached):
            sessions(teacher.url, budget=Budget(requests=10)).open().fetch(questions(50), total=50, stage="g")
        assert teacher.served == 10


def test_replies_that_another_run_paid_for_cost_nothing(sessions):
    with MisbehavingTeacher() as teacher:
        sessions(teacher.url, run="rich").open().fetch(questions(50), total=50, stage="g")
        counts = (
            sessions(teacher.url, run="poor", budget=Budget(requests=1))
            .open()
            .fetch(questions(51), total=51, stage="g")
        )
        assert counts.answered == 51 and counts.sent == 1


def test_the_providers_own_cost_beats_the_price(sessions):
    class Telling(MisbehavingTeacher):
        def _payload(self, body, identity, n, fault):
            payload = super()._payload(body, identity, n, fault)
            payload["usage"]["cost"] = 0.001
            return payload

    with Telling() as teacher:
        opened = sessions(teacher.url, price=PRICE, sampling={"max_tokens": 30})
        counts = opened.open().fetch(questions(10), total=10, stage="g")
        assert counts.cost_usd == pytest.approx(0.01)
        keys = [key for one in opened.open().render(questions(10)) for key in one.keys]
        assert opened.open().account(keys)["cost_usd"] == pytest.approx(0.01)


def test_a_budget_needs_a_bound_and_a_price(sessions):
    with MisbehavingTeacher() as teacher:
        with pytest.raises(ConfigError, match="max_tokens"):
            sessions(teacher.url, budget=Budget(tokens=1000)).open().fetch(questions(1), total=1, stage="g")
        with pytest.raises(ConfigError, match="max_tokens"):
            sessions(teacher.url, budget=Budget(usd=1), price=PRICE).open().fetch(
                questions(1), total=1, stage="g"
            )
        with pytest.raises(ConfigError, match="price"):
            sessions("http://another.invalid/v1", budget=Budget(usd=1)).open().fetch(
                questions(1), total=1, stage="g"
            )
        assert teacher.requests == 0
        assert (
            sessions(teacher.url, budget=Budget(usd=1))
            .open()
            .fetch(questions(3), total=3, stage="g")
            .answered
            == 3
        ), "a server here that has no price costs nothing"


@pytest.mark.slow
def test_the_cap_holds_across_kills(tmp_path):
    price = {"input_per_mtok": 1000.0, "output_per_mtok": 1000.0}
    cap = 100.0
    with MisbehavingTeacher(latency=(0.0, 0.05)) as teacher:
        code = 0
        for kill in range(6):
            process = subprocess.Popen(
                [
                    sys.executable,
                    str(WORKER),
                    teacher.url,
                    str(tmp_path / "ledger"),
                    "2000",
                    str(tmp_path / "out"),
                    "64",
                    str(cap),
                ],
                stderr=subprocess.PIPE,
            )
            before = teacher.requests
            if kill < 5:
                while teacher.requests == before and process.poll() is None:
                    time.sleep(0.01)
                time.sleep(0.1)
                process.kill()
            code = process.wait()
            assert cost_of(teacher, price) <= cap
        assert code == 1 and b"BudgetReached" in process.stderr.read()
        assert teacher.requests > 20


class Dear(MisbehavingTeacher):
    """Says that each reply cost so many dollars."""

    cost: object = 0.0

    def _payload(self, body, identity, n, fault):
        payload = super()._payload(body, identity, n, fault)
        payload["usage"]["cost"] = self.cost
        return payload


@pytest.mark.parametrize("rows", [1, 30])
@pytest.mark.parametrize(("cost", "words"), [(1e300, r"\$1e\+300"), (6.0, r"\$6\.00"), (4.0, r"\$4\.00")])
def test_a_cost_that_passes_the_cap_or_is_far_above_the_worst_case_stops_the_run(sessions, cost, words, rows):
    price = {"input_per_mtok": 1.0, "output_per_mtok": 1.0}
    with Dear(latency=0.005) as teacher:
        teacher.cost = cost
        opened = sessions(
            teacher.url,
            price=price,
            sampling={"max_tokens": 30},
            budget=Budget(usd=5),
            limits={"concurrency": 2},
        )
        with pytest.raises(BudgetReached, match=words) as reached:
            opened.open().fetch(questions(rows), total=rows, stage="g")
        assert reached.value.exit_code == 3 and len(str(reached.value)) < 500
        assert teacher.requests <= 2
        opened.stop_servers()
        assert opened.ledger.stats()["samples"] == teacher.served, "what came is kept"


def test_a_cost_within_reach_of_its_worst_case_stops_nothing(sessions):
    with Dear() as teacher:
        teacher.cost = 0.1
        counts = (
            sessions(teacher.url, price=PRICE, sampling={"max_tokens": 30}, budget=Budget(usd=5))
            .open()
            .fetch(questions(10), total=10, stage="g")
        )
        assert counts.answered == 10


@pytest.mark.parametrize("cost", [10**400, float("inf"), -1, True, "1"], ids=repr)
def test_a_cost_that_is_none_counts_as_unknown(sessions, cost):
    from synthgen.teachers.replies import usage_of

    assert usage_of({"usage": {"cost": cost, "prompt_tokens": 10**40, "completion_tokens": 3}}) == (
        None,
        3,
        0,
        None,
    )


class Telling(MisbehavingTeacher):
    """Says what a reply cost by the price it bills at, which is below that of the pipeline file."""

    def _payload(self, body, identity, n, fault):
        payload = super()._payload(body, identity, n, fault)
        usage = payload["usage"]
        payload["usage"]["cost"] = (
            usage["prompt_tokens"] * 900.0 + usage["completion_tokens"] * 1800.0
        ) / 1e6
        return payload


@pytest.mark.parametrize(
    ("kind", "price"),
    [(MisbehavingTeacher, PRICE), (Telling, {"input_per_mtok": 900.0, "output_per_mtok": 1800.0})],
    ids=["price", "usage.cost"],
)
def test_what_is_billed_after_we_gave_up_on_it_is_under_the_cap_too(sessions, kind, price):
    """A third of the attempts time out here; the server still bills them, and each is tried again."""
    rows, cap = 800, 60.0
    asked = [question(i, n=3) for i in range(rows)]
    with kind({"no_usage": 0.02, "fewer_choices": 0.02}, latency=(0.0, 0.45)) as teacher:
        options = {
            "sampling": {"max_tokens": 30},
            "price": PRICE,
            "limits": {"concurrency": 256, "max_attempts": 40, "timeout": 0.3},
            "identity": "budgeted",
        }
        for share in (0.5, 1.0):
            opened = sessions(teacher.url, budget=Budget(usd=cap * share), **options)
            with pytest.raises(BudgetReached):
                opened.open().fetch(asked, total=rows, stage="g")
            opened.stop_servers()
            time.sleep(0.5)  # the server ends what nobody waits for
            assert teacher.in_flight == 0
            usd, _, requests = opened.ledger.spent("run")
            assert cost_of(teacher, price) <= usd + 1e-6 <= cap * share + 2e-6
            assert requests >= teacher.requests, "what timed out before it arrived is charged too"
            kept = opened.ledger.stats()["replies"]
            opened.close()
        # Most of it went to attempts that we gave up on; how many those are depends on the machine.
        assert cost_of(teacher, price) > 0
        assert kept and teacher.served > kept, "some were billed for nothing"


def test_a_cap_on_requests_alone_needs_no_bound_on_answers():
    from synthgen.dispatch.request_key import KeyedRequest
    from synthgen.dispatch.sending.cost import Cost, worst_case
    from synthgen.teachers.config import Budget, TeacherConfig

    keyed, config = (
        KeyedRequest(b"", b"{}", {}, "chat", ""),
        TeacherConfig(model="m", price={"input_per_mtok": 1}),
    )
    assert worst_case(keyed, 1, config, Budget(requests=3)) == Cost(0.0, 0)
    for cap in (Budget(usd=1), Budget(tokens=9), Budget(requests=3, usd=1)):
        with pytest.raises(ConfigError, match="bound on each answer"):
            worst_case(keyed, 1, config, cap)


def test_the_worst_case_is_what_the_docs_say():
    from synthgen.dispatch.request_key import KeyedRequest
    from synthgen.dispatch.sending.cost import Cost, worst_case
    from synthgen.teachers.config import Budget, TeacherConfig

    body = {
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
        "max_tokens": 30,
    }
    keyed, config = (
        KeyedRequest(b"", b"x" * 200, body, "chat", ""),
        TeacherConfig(model="m", price={"input_per_mtok": 2, "output_per_mtok": 5}),
    )
    prompt = 200 + 64 + 2 * 16
    worst = worst_case(keyed, 3, config, Budget(usd=1))
    assert worst == Cost(worst.usd, 3 * (prompt + 30))
    assert worst.usd == pytest.approx(3 * (prompt * 2 + 30 * 5) / 1e6)


class Alone:
    """The attempts of a process that shares its ledger with nobody."""

    def take(self, keys, anyhow=False):
        return True

    def give_back(self, keys):
        pass


class HeldLedger:
    """Keeps what is to be written; nothing is committed before the test says so."""

    def attempts(self):
        return Alone()

    def __init__(self):
        self.writes = []

    def spent(self, run):
        return 0.0, 0, 0

    def shared(self):
        return False

    def new_reservation(self):
        return len(self.writes) + 1

    def submit(self, write, on_commit=None):
        self.writes.append((write, on_commit))


async def test_what_was_reserved_and_not_sent_when_the_run_stopped_is_given_back():
    import asyncio
    import queue

    from synthgen.dispatch.request_key import KeyedRequest
    from synthgen.dispatch.sending.budget import BudgetAccount
    from synthgen.dispatch.sending.send_loop import SendLoop
    from synthgen.dispatch.sending.work import Halt, SendJob
    from synthgen.store.ledger.writes import ReleaseWrite, ReserveWrite
    from synthgen.teachers.config import TeacherConfig

    def job(**body):
        return SendJob(KeyedRequest(b"", b"{}", {"messages": [], **body}, "chat", ""), (0,), outcomes, None)

    outcomes: Any = queue.SimpleQueue()
    ledger: Any = HeldLedger()
    account = BudgetAccount(Budget(tokens=10_000), ledger, "run")
    loop = SendLoop(
        asyncio.get_running_loop(),
        ledger,
        TeacherConfig(model="m"),
        urls=("http://nobody.invalid/v1",),
        connection=None,
        supports_n=True,
        run="run",
        account=account,
        redact=None,
    )
    loop.add([job(max_tokens=30), job()], proven=True)  # the second has no bound, which stops the run
    assert isinstance(outcomes.get_nowait(), Halt)
    (write, on_commit) = ledger.writes.pop()
    assert isinstance(write, ReserveWrite) and account.tokens == write.tokens and account.requests == 1
    on_commit.call([on_commit.payload], None)
    await asyncio.sleep(0)
    assert ledger.writes == [(ReleaseWrite(write.reservation), None)]
    assert (account.tokens, account.requests, account.pending, loop.in_flight, loop.sent) == (0, 0, 0, 0, 0)
