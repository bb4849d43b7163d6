"""What stages see of dispatch: a session with one teacher, which takes conversations.

A conversation is a callable that starts a fresh generator: it yields `Request`s, is sent `Reply`s, and
returns a result. It is started once for fetching and once for rendering, and must do the same both times
(law 3).

If several conversations of a sequence begin with the same request, each gets samples of its own: those of
the k-th occurrence have the ledger's sample indexes [k·n, (k+1)·n). So a repeated prompt is not always
answered by the same reply. Hence conversations must be given in the same order to `fetch` and to `render`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar

from synthgen.core.chat import Reply, Request, Sample
from synthgen.teachers.config import TeacherConfig

T = TypeVar("T")

OPTIONAL_REFUSED = "optional_refused"
"""How refused optional requests are counted: for the rest of a cut reply, or for a prescribed form."""

Conversation = Callable[[], Generator[Request, Reply, T]]


@dataclass(frozen=True)
class Rendered(Generic[T]):
    """The result of one conversation, or the reason why there is none.

    Args:
        state: `failed` after a permanent refusal, or after transient errors until the tries were spent;
            `unsent` where the run stopped before a request was sent.
        result: what the conversation returned.
        reason: why it failed, short enough to be counted, such as "http_400" or "timeout".
        detail: the server's own words, without keys.
        keys: the ledger keys of all replies that it used, in order.
        requests: how many requests it made.
        refusals: how many of its optional requests were refused.
    """

    state: Literal["answered", "failed", "unsent"]
    result: T | None = None
    reason: str = ""
    detail: str = ""
    keys: tuple[str, ...] = ()
    requests: int = 0
    refusals: int = 0


@dataclass
class FetchCounts:
    """The account of requests: planned = answered + failed + unsent.

    `reused` replies were in the ledger. The rest is of this fetch: attempts `sent`, tokens and cost.
    """

    planned: int = 0
    answered: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    unsent: int = 0
    reused: int = 0
    sent: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0

    def answer(self, refused: str) -> None:
        """Counts a request as answered, or as refused where it was optional and `refused` says why."""
        if refused:
            self.failed[OPTIONAL_REFUSED] = self.failed.get(OPTIONAL_REFUSED, 0) + 1
        else:
            self.answered += 1


@dataclass(frozen=True)
class LeftOver:
    """How many requests have replies in the ledger that were not needed, and the keys of those replies."""

    requests: int = 0
    keys: tuple[str, ...] = ()


class Session(Protocol):
    """All that a stage does with one teacher.

    Nothing is started or connected before a request is missing in the ledger.
    """

    name: str
    config: TeacherConfig
    identity: str
    """Who answers, as in the ledger key and in `meta.teacher`.

    It is `teacher.identity`, else the host of the first base URL.
    """

    @property
    def revision(self) -> str | None:
        """Which version of the model answers, as in the ledger key; of a local folder, its content hash."""
        ...

    def fetch(
        self,
        conversations: Iterable[Conversation[T]],
        *,
        total: int | None,
        stage: str,
        earlier: Iterable[Conversation[T]] = (),
    ) -> FetchCounts:
        """Fills the ledger with every reply that the conversations need.

        It keeps a window of conversations in memory, never all.

        Args:
            conversations: what to ask.
            total: how many there are, for the progress; None where that is not known.
            stage: the name under which progress is shown.
            earlier: conversations that stand before these in the whole sequence (another shard has them);
                their first requests count as occurrences.

        Returns:
            The account, once all requests are answered or have failed.

        Raises:
            TeacherFailed: no further request can succeed.
            BudgetReached: the next request could pass the cap. What was in flight is in the ledger.
            Interrupted: a signal asked us to stop. What was in flight is in the ledger.
        """
        ...

    def render(
        self, conversations: Iterable[Conversation[T]], *, earlier: Iterable[Conversation[T]] = ()
    ) -> Iterator[Rendered[T]]:
        """Plays each conversation with the ledger's replies, in order; nothing is sent."""
        ...

    def stream(
        self,
        conversations: Iterable[Conversation[T]],
        *,
        ahead: Callable[[], int],
        stage: str,
        total: int | None,
    ) -> Iterator[Rendered[T]]:
        """Fetches and renders at once, for tasks that stop when enough is kept.

        Closing the iterator stops asking; replies already in flight still reach the ledger.

        Args:
            conversations: what to ask.
            ahead: how many conversations may be started beyond the last one yielded.
            stage: the name under which progress is shown.
            total: how many there are, for the progress; None where that is not known.

        Returns:
            The results, in order.
        """
        ...

    def left_over(self, seconds: float) -> LeftOver:
        """What the last stream had asked ahead when it was closed before its end.

        Waits at most so many seconds for replies that are in flight.
        """
        ...

    def stored(self, key: str) -> Sample | None:
        """A sample that the ledger holds, whoever gave it; None where it holds none under this key."""
        ...

    def account(self, keys: Iterable[str]) -> dict[str, Any]:
        """What the ledger says these replies cost: prompt_tokens, completion_tokens, cost_usd."""
        ...


class Sessions(Protocol):
    """The teachers of one run: "" is the pipeline's `teacher`, other names are from `teachers`."""

    def open(self, name: str = "") -> Session:
        """The session with a teacher; the same object each time for the same name."""
        ...

    def open_own(self, name: str, config: TeacherConfig) -> Session:
        """The session with a model that the pipeline file names as no teacher, such as a student.

        Args:
            name: of the session, for messages; the same object each time for the same name.
            config: how the model is reached.
        """
        ...

    def stop_servers(self) -> None:
        """Stops the servers that the run itself started (builtin, managed vLLM).

        Called before sft, and at the end.
        """
        ...

    def close(self) -> None:
        """Stops servers and closes the ledger."""
        ...
