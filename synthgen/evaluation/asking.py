"""How teachers and judges are asked in an evaluation, and the account of what was asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from synthgen.core.errors import BudgetReached
from synthgen.dispatch.contract import Conversation, Rendered, Session


class Failure(NamedTuple):
    """Why there is no reply: a reason that is short enough to be counted, and the server's own words."""

    reason: str
    words: str = ""


@dataclass(frozen=True)
class Account:
    """Requests (planned = answered + failed + unsent), and the tokens and cost of the replies."""

    requests: dict[str, Any]
    usage: dict[str, Any]


def fetch(
    session: Session,
    conversations: Iterable[Conversation[Any]],
    *,
    total: int,
    stage: str,
    accept_partial: bool,
) -> None:
    """Fills the ledger with the replies that conversations need.

    Args:
        session: with the teacher that is asked.
        conversations: what is asked.
        total: how many they are.
        stage: the name that progress is shown under.
        accept_partial: whether a budget that was reached leaves the rest unasked.

    Raises:
        TeacherFailed, BudgetReached, Interrupted: as the session says.
    """
    try:
        session.fetch(conversations, total=total, stage=stage)
    except BudgetReached:
        if not accept_partial:
            raise


@dataclass
class Tally:
    """Counts the requests of one pass over conversations, of which each may ask several."""

    states: dict[str, int] = field(default_factory=lambda: {"answered": 0, "failed": 0, "unsent": 0})
    reasons: dict[str, int] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)

    def add(self, rendered: Rendered[Any]) -> Failure | None:
        """Counts a conversation's requests; returns why it has no result, None where it has one.

        Of one that has none, the last request is the one that got no reply.
        """
        self.keys.extend(rendered.keys)
        if rendered.state == "answered":
            self.states["answered"] += rendered.requests
            return None
        self.states["answered"] += max(rendered.requests, 1) - 1
        self.states[rendered.state] += 1
        if rendered.state == "unsent":
            return Failure("budget")
        reason = rendered.reason or "failed"
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        return Failure(reason, rendered.detail)

    def account(self, session: Session) -> Account:
        """What was counted, and what the replies that were used cost."""
        requests = {
            "planned": sum(self.states.values()),
            "answered": self.states["answered"],
            "failed": dict(sorted(self.reasons.items())),
            "unsent": self.states["unsent"],
        }
        return Account(requests, session.account(self.keys) if self.keys else {})


def total_account(accounts: Sequence[Account]) -> Account:
    """Several accounts as one."""
    return Account(
        _sum([account.requests for account in accounts]), _sum([account.usage for account in accounts])
    )


def _sum(figures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Adds numbers of the same name, also one level down."""
    total: dict[str, Any] = {}
    for part in figures:
        for name, value in part.items():
            if isinstance(value, Mapping):
                total[name] = _sum([total.get(name, {}), value])
            elif isinstance(value, int | float):
                total[name] = total.get(name, 0) + value
    return total
