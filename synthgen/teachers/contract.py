"""What a provider is: how one kind of teacher is reached, and what it can do.

A provider knows nothing of rows, retries or the values of keys. Its class is named in `PROVIDERS`, or in a
pipeline file as `module:Class`. `make.make_provider` builds it from its own `Config` (a `TeacherConfig`).

Your own provider derives from `Provider` and has `VERSION`, `Config`, `identity`, `key_variable`, `addresses`
and `shape`. Everything else has a default.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from synthgen.core.errors import Fault, TeacherFailed
from synthgen.core.progress import Reporter
from synthgen.teachers.config import TeacherConfig


class Provider(ABC):
    """One kind of teacher."""

    VERSION: ClassVar[int]
    Config: ClassVar[type[TeacherConfig]]

    # What it can do

    supports_n: bool = True
    """One request may ask for several samples."""
    restarts_server: bool = False
    """A server that `start` started is started again by `revive` when it dies."""
    costs_nothing: bool = False
    """Its replies are free, so no price is missing."""
    CONTINUE_FIELDS: ClassVar[Mapping[str, Any]] = {}
    """Fields that make a server continue the request's last message; empty where no field does."""

    def __init__(self, config: TeacherConfig) -> None:  # noqa: B027
        """Keeps nothing; each provider keeps its own config."""

    # Who answers, and where

    @property
    @abstractmethod
    def identity(self) -> str:
        """Who answers: part of the ledger key and of `meta.teacher`; holds no port and no key."""

    @property
    def revision(self) -> str | None:
        """Which version of the model answers, where it can be known (a local folder: its content hash)."""
        return None

    @property
    @abstractmethod
    def key_variable(self) -> str | None:
        """Name of the environment variable that holds the key; None where no key is needed."""

    @abstractmethod
    def addresses(self) -> tuple[str, ...]:
        """Base URLs, ending in /v1 or the provider's own path; empty where the run starts the server."""

    # What is sent

    @abstractmethod
    def shape(self, body: dict[str, Any]) -> dict[str, Any]:
        """A chat or completions body as this provider takes it: the canonical request of the ledger key."""

    def auth(self, key: str) -> dict[str, str]:
        """The headers that carry the key."""
        return {"authorization": f"Bearer {key}"}

    # What is known before anything is sent

    def faults(self) -> list[Fault]:
        """What is certainly wrong, as far as it can be known without starting anything."""
        return []

    def remarks(self) -> tuple[str, ...]:
        """Options that the provider ignores, and what its terms say about training on its output."""
        return ()

    def scoring_fault(self, top: int) -> str:
        """Why it cannot say how likely the tokens of a given text are; "" where it may.

        Args:
            top: how many of the likeliest tokens are wanted at each place; -1 is all.
        """
        return ""

    def batch_command(self, requests: Path, results: Path) -> str | None:
        """The shell command that answers a batch file offline; None where there is no such command."""
        return None

    # A server that the run starts

    @property
    def server_key(self) -> str:
        """The key that was made for the server that `start` started; empty where it needs none."""
        return ""

    def start(self, reporter: Reporter, stopping: Callable[[], int]) -> str:
        """Starts a server and waits until it answers; called only where `addresses` is empty.

        Args:
            reporter: where progress goes.
            stopping: 0, or the number of the signal that asks to stop.

        Returns:
            The server's base URL.

        Raises:
            TeacherFailed: it does not come up; the message holds its last log lines.
            Interrupted: a signal asked to stop meanwhile.
        """
        raise TeacherFailed(
            f"the provider {type(self).__name__} has no address and starts no server",
            next="return an address from `addresses`, or start a server in `start`",
        )

    def revive(self, reporter: Reporter, stopping: Callable[[], int], answered: bool = True) -> str | None:
        """Starts a server that has died again; called only where `restarts_server` is true.

        Args:
            reporter: where progress goes.
            stopping: 0, or the number of the signal that asks to stop.
            answered: whether the server has answered anything since it was last started.

        Returns:
            The new base URL, or None where the server answers after all.

        Raises:
            TeacherFailed: it may not be started again, or does not come up.
            Interrupted: a signal asked to stop meanwhile.
        """
        return None

    def stop(self) -> None:  # noqa: B027
        """Stops the server and its children; does nothing where there is none. Safe to call twice."""
