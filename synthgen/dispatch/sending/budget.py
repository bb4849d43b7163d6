"""The budget: the worst case of each request is reserved before it is sent, and settled by the real cost.

What is spent and what is reserved never pass the cap together. What a run has spent is read from the ledger
when it starts, so the cap holds across kills: an attempt whose outcome is unknown (the process died, the
connection broke) stays charged in full.
"""

from __future__ import annotations

from typing import Any

from synthgen.core.errors import BudgetReached, ConfigError
from synthgen.core.text import dollars
from synthgen.dispatch.sending.cost import Cost
from synthgen.dispatch.sending.work import AnyJob
from synthgen.store.ledger.ledger import Ledger
from synthgen.store.ledger.writer import OnCommit
from synthgen.store.ledger.writes import ReleaseWrite, ReserveWrite
from synthgen.teachers.config import Budget, TeacherConfig

# times its worst case: a reply that cost more shows that the price in the pipeline file is not the provider's
FAR_ABOVE = 10


def check_budget(budget: Budget | None, config: TeacherConfig, free: bool) -> None:
    """Checks that a teacher can be asked under a cap; `free` is one that runs on this machine.

    Raises:
        ConfigError: the cap is in dollars and the teacher has no price.
    """
    if budget is not None and budget.usd is not None and config.price is None and not free:
        raise ConfigError(
            f"a budget in dollars needs the price of {config.model!r}",
            next="set teacher.price: {input_per_mtok: …, output_per_mtok: …}",
        )


class BudgetAccount:
    """What a run has spent and reserved, against its cap.

    All teachers of the run share it. It is used on the event loop's thread.
    """

    def __init__(self, budget: Budget, ledger: Ledger, run: str) -> None:
        self.budget, self._ledger, self._run = budget, ledger, run
        self.usd, self.tokens, self.requests = ledger.spent(run)
        self.pending, self._pending_usd = 0, 0.0
        """Requests in flight whose reservations can still settle lower, and their worst cases."""

    @property
    def spent_usd(self) -> float:
        """What the run is charged so far, without what is in flight."""
        return max(0.0, self.usd - self._pending_usd)

    def fits(self, worst: Cost) -> bool:
        """Whether a request's worst case is within the cap."""
        cap = self.budget
        return not (
            (cap.usd is not None and self.usd + worst.usd > cap.usd + 1e-12)
            or (cap.tokens is not None and self.tokens + worst.tokens > cap.tokens)
            or (cap.requests is not None and self.requests + 1 > cap.requests)
        )

    def reserve(self, job: AnyJob, worst: Cost, on_commit: OnCommit[Any]) -> None:
        """Reserves a job's worst case; `on_commit` is called once the reservation is on disk."""
        self.usd += worst.usd
        self.tokens += worst.tokens
        self.requests += 1
        self.pending += 1
        self._pending_usd += worst.usd
        job.worst, job.reservation = worst, self._ledger.new_reservation()
        self._ledger.submit(ReserveWrite(job.reservation, self._run, worst.usd, worst.tokens), on_commit)

    def settle(self, job: AnyJob, real: Cost) -> BudgetReached | None:
        """Replaces the worst case by a reply's real cost, as the reply's commit has done on disk.

        Returns:
            The error that ends the run where the reply's cost passes the cap, or is so far above its worst
            case that worst cases no longer keep the run under it.
        """
        assert job.worst is not None
        worst = job.worst
        self.pending, self._pending_usd = self.pending - 1, self._pending_usd - worst.usd
        self.usd = self.usd + real.usd - worst.usd
        self.tokens = self.tokens + real.tokens - worst.tokens
        job.worst = job.reservation = None
        cap = self.budget
        passed = (cap.usd is not None and self.usd > cap.usd + 1e-9 and real.usd > worst.usd) or (
            cap.tokens is not None and self.tokens > cap.tokens and real.tokens > worst.tokens
        )
        if passed or (cap.usd is not None and 0 < FAR_ABOVE * worst.usd < real.usd):
            return self._worst_case_passed(worst, real)
        return None

    def _worst_case_passed(self, worst: Cost, real: Cost) -> BudgetReached:
        costs = (
            f"{dollars(real.usd)} and {real.tokens:,} tokens, where at most {dollars(worst.usd)} and "
            f"{worst.tokens:,} were expected"
        )
        return BudgetReached(
            f"the teacher says that one reply cost {costs}; the run has spent {self._parts()}",
            next=(
                "check teacher.price and the provider's bill, then raise `budget` and run the same "
                "command again"
            ),
        )

    def _parts(self) -> str:
        cap = self.budget
        parts = [
            f"{dollars(self.usd)} of {dollars(cap.usd)}" if cap.usd is not None else "",
            f"{self.tokens:,} of {cap.tokens:,} tokens" if cap.tokens is not None else "",
            f"{self.requests:,} of {cap.requests:,} requests" if cap.requests is not None else "",
        ]
        return ", ".join(part for part in parts if part)

    def release(self, job: AnyJob) -> None:
        """Takes back the reservation of an attempt that cost nothing; it counts as no request."""
        assert job.worst is not None and job.reservation is not None
        self._ledger.submit(ReleaseWrite(job.reservation))
        self.settle(job, Cost(0.0, 0))
        self.requests -= 1

    def keep(self, job: AnyJob) -> None:
        """Leaves the worst case charged, for an attempt whose outcome is unknown."""
        assert job.worst is not None
        self.pending, self._pending_usd = self.pending - 1, self._pending_usd - job.worst.usd
        job.worst = job.reservation = None

    def reached(self) -> BudgetReached:
        """The error that ends the run."""
        return BudgetReached(
            f"the next request could pass the budget: {self._parts()} spent",
            next=(
                "raise `budget` and run the same command again, or publish what is there with "
                "--accept-partial"
            ),
        )
