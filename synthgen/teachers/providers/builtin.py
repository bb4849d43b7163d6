"""The builtin teacher as a provider: a child process on loopback that starts and ends with the run."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import orjson
from pydantic import Field, model_validator

from synthgen.builtin_teacher import DEFAULT_RATES, MODEL, VERSION
from synthgen.core.config import Component
from synthgen.core.errors import Interrupted, TeacherFailed
from synthgen.core.progress import Reporter
from synthgen.teachers.config import TeacherConfig
from synthgen.teachers.contract import Provider

START_SECONDS = 30.0  # until it must have printed its address
STOP_SECONDS = 5.0  # from SIGTERM to SIGKILL
LOG_LINES = 10  # of a server that did not come up


class Mistakes(Component):
    """Shares of replies, from 0 to 1, that get a mistake on purpose; at most one mistake a reply."""

    wrong_answer: float = Field(
        DEFAULT_RATES["wrong_answer"],
        ge=0,
        le=1,
        description="a slip in one step, carried on to a wrong answer",
    )
    run_on: float = Field(
        DEFAULT_RATES["run_on"], ge=0, le=1, description="asks and answers a next question after the answer"
    )
    refusal: float = Field(DEFAULT_RATES["refusal"], ge=0, le=1, description="declines to answer")
    truncated: float = Field(DEFAULT_RATES["truncated"], ge=0, le=1, description="is cut off in the middle")
    near_duplicate: float = Field(
        DEFAULT_RATES["near_duplicate"],
        ge=0,
        le=1,
        description="a list whose last third almost repeats its first",
    )
    malformed_list: float = Field(
        DEFAULT_RATES["malformed_list"], ge=0, le=1, description="a list with one thing wrong in its form"
    )

    @model_validator(mode="after")
    def _at_most_one_a_reply(self) -> Mistakes:
        for names in (
            ("wrong_answer", "run_on", "refusal", "truncated"),
            ("near_duplicate", "malformed_list"),
        ):
            if sum(getattr(self, name) for name in names) > 1 + 1e-9:
                raise ValueError(
                    f"{', '.join(names)} add up to more than 1, and a reply makes at most one mistake"
                )
        return self


class BuiltinConfig(TeacherConfig):
    """Options of the builtin teacher; with `base_url`, one that `synthgen serve-builtin` started is asked."""

    provider: str = "builtin"
    model: str = MODEL
    mistakes: Mistakes = Mistakes()


class Builtin(Provider):
    """A programmatic teacher for trying the pipeline without a key or a GPU."""

    VERSION: ClassVar[int] = 1
    costs_nothing = True
    Config: ClassVar[type[TeacherConfig]] = BuiltinConfig

    def __init__(self, config: BuiltinConfig) -> None:
        self._config = config
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def identity(self) -> str:
        """`builtin`, whatever the port."""
        return self._config.identity or "builtin"

    @property
    def revision(self) -> str | None:
        """The version of what it says."""
        return self._config.revision or str(VERSION)

    @property
    def key_variable(self) -> str | None:
        """None, unless a gateway at `base_url` wants a key."""
        return self._config.api_key_env

    def addresses(self) -> tuple[str, ...]:
        """The addresses of servers that are already up; none where the run starts its own."""
        given = self._config.base_url or ()
        return (given,) if isinstance(given, str) else given

    def shape(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body with the rates of mistakes, which change the replies and so belong to the ledger key."""
        return {**body, "mistakes": self._config.mistakes.model_dump()}

    def scoring_fault(self, top: int) -> str:
        """See `Provider`."""
        return "the builtin teacher is a program, which has no token probabilities"

    def start(self, reporter: Reporter, stopping: Callable[[], int]) -> str:
        """See `Provider`; the server takes a free loopback port.

        The child holds the other end of a pipe from this process as its stdin, so that it ends even when
        this process is killed.

        Raises:
            TeacherFailed: it does not come up; the message holds its last lines.
            Interrupted: a signal asked to stop meanwhile.
        """
        self.stop()
        package_parent = str(Path(__file__).resolve().parents[3])
        path = os.pathsep.join(filter(None, (package_parent, os.environ.get("PYTHONPATH"))))
        with tempfile.TemporaryFile() as log:
            try:
                self._server = subprocess.Popen(
                    [sys.executable, "-P", "-m", "synthgen.builtin_teacher", "--port", "0", "--with-parent"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env={**os.environ, "PYTHONPATH": path},
                    # Ctrl-C is for this process: the server answers until the requests in flight are done.
                    start_new_session=True,
                )
            except OSError as fault:
                raise TeacherFailed(
                    f"the builtin teacher did not start: {fault.strerror}", sys.executable
                ) from fault
            line = self._first_line(self._server, stopping)
            if line:
                return str(orjson.loads(line)["base_url"])
            self.stop()
            log.seek(0)
            last_lines = log.read().decode(errors="replace").splitlines()[-LOG_LINES:]
        if number := stopping():
            raise Interrupted(number)
        raise TeacherFailed(
            "the builtin teacher did not start",
            "\n     ".join(last_lines),
            f"try it alone: {sys.executable} -m synthgen.builtin_teacher",
        )

    @staticmethod
    def _first_line(server: subprocess.Popen[bytes], stopping: Callable[[], int]) -> bytes:
        """The line with its address; empty where it ended, took too long, or a signal asks to stop."""
        assert server.stdout is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and not stopping():
            ready, _, _ = select.select([server.stdout], [], [], 0.1)
            if ready:
                return server.stdout.readline()
        return b""

    def stop(self) -> None:
        """Stops the server; does nothing where there is none."""
        server, self._server = self._server, None
        if server is None:
            return
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        for pipe in (server.stdin, server.stdout):
            if pipe is not None:
                pipe.close()
