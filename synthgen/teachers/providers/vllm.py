"""vLLM as a teacher: a server that the run starts and ends, or one that is already up (`base_url`).

teacher:
  provider: vllm
  model: models/teacher                       # a folder or a hub id
  python: .venv-vllm/bin/python               # optional: the environment that holds vLLM
  args: {max-model-len: 4096, tensor-parallel-size: 2}
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator, model_validator

from synthgen.core.config import Unhashed
from synthgen.core.defaults import changed
from synthgen.core.errors import ConfigError, Fault
from synthgen.core.hashing import value_hash
from synthgen.core.progress import Reporter
from synthgen.teachers.config import TeacherConfig
from synthgen.teachers.managed import ManagedServer
from synthgen.teachers.model_files import content_hash
from synthgen.teachers.openai_api import OpenAIApi
from synthgen.teachers.vllm_arguments import SET_BY_THE_RUN, Argument, answer_arguments, command_words
from synthgen.teachers.vllm_program import program_faults, vllm_program

MAX_LOGPROBS = "max-logprobs"
DEFAULT_MAX_LOGPROBS = 20
"""What vLLM gives where `max-logprobs` says nothing else."""
_SECRET = re.compile(r"(^|_)(KEY|TOKEN|SECRET|PASSWORD)(_|$)", re.IGNORECASE)


class VLLMConfig(TeacherConfig):
    """Options of a vLLM teacher; with `base_url` a server that is up is asked, and none is started."""

    provider: str = "vllm"
    python: Annotated[str | None, Unhashed()] = Field(
        None, description="the interpreter of another environment that holds vLLM"
    )
    args: Annotated[dict[str, Argument], Unhashed()] = Field(
        default_factory=dict,
        description="arguments of `vllm serve` without the dashes; what changes answers is in the revision",
    )
    env: Annotated[dict[str, str], Unhashed()] = Field(
        default_factory=dict, description="environment variables of the server, beside this process's own"
    )
    start_timeout: Annotated[float, Unhashed()] = Field(
        1800.0, gt=0, description="seconds until the server must answer"
    )
    restarts: Annotated[int, Unhashed()] = Field(
        3, ge=0, description="how often a server that dies is started again"
    )

    @field_validator("args", mode="before")
    @classmethod
    def _plain_names(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError("arguments are written as {max-model-len: 4096, enforce-eager: true}")
        plain = {
            str(name).lstrip("-").replace("_", "-"): tuple(part) if isinstance(part, list) else part
            for name, part in value.items()
        }
        taken = sorted(set(plain) & set(SET_BY_THE_RUN))
        if taken:
            raise ValueError(f"{', '.join(taken)}: set by synthgen itself")
        return plain

    @field_validator("env")
    @classmethod
    def _no_secrets(cls, value: dict[str, str]) -> dict[str, str]:
        secret = sorted(name for name in value if _SECRET.search(name))
        if secret:
            raise ValueError(
                f"{', '.join(secret)}: export it instead; the server gets this process's environment, "
                "and no key belongs into a file"
            )
        return value

    @model_validator(mode="after")
    def _one_way(self) -> VLLMConfig:
        managed = changed(self, ("args", "env", "python", "restarts", "start_timeout"))
        if self.base_url is not None and managed:
            raise ValueError(
                f"{', '.join(managed)}: for a server that the run starts, not for one at base_url"
            )
        return self


class VLLM(OpenAIApi):
    """A vLLM server on this machine."""

    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[TeacherConfig]] = VLLMConfig
    CONTINUE_FIELDS = {"continue_final_message": True, "add_generation_prompt": False}
    restarts_server = True
    ONE_SAMPLE = "at temperature 0 all samples of a question are the same, and n samples are n requests"

    def __init__(self, config: VLLMConfig) -> None:
        super().__init__(config)
        self._options = config
        self._server: ManagedServer | None = None
        self._key = ""
        self.supports_n = config.sampling.temperature != 0  # greedy, it refuses a request with n > 1

    @property
    def identity(self) -> str:
        """The host of a server that is up, else `vllm`: which model answers is in the revision."""
        return super().identity if self._options.base_url is not None else self._options.identity or "vllm"

    @cached_property
    def _revision(self) -> str | None:
        options = self._options
        if options.base_url is not None:
            return options.revision
        folder = Path(options.model)
        weights = content_hash(folder) if folder.is_dir() else options.revision
        arguments = answer_arguments(options.args)
        return value_hash([weights, arguments]) if arguments or folder.is_dir() else weights

    @property
    def revision(self) -> str | None:
        """What the run's own server serves: the model and every argument that can change an answer.

        A folder counts by its content, a model of the hub by its revision.
        """
        return self._revision

    def addresses(self) -> tuple[str, ...]:
        """See `Provider`; none where the run starts the server."""
        return super().addresses() if self._options.base_url is not None else ()

    @property
    def server_key(self) -> str:
        """See `Provider`."""
        return self._key if self._server is not None else ""

    def faults(self) -> list[Fault]:
        """See `Provider`; looks for vLLM and the model's folder where the run would start the server."""
        options = self._options
        return (
            []
            if options.base_url is not None
            else program_faults(options.python, options.model, self._environment)
        )

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "VLLM_NO_USAGE_STATS": "1", **self._options.env}

    def start(self, reporter: Reporter, stopping: Callable[[], int]) -> str:
        """See `Provider`.

        Raises:
            ConfigError: there is no vLLM where it was looked for, or no model.
            TeacherFailed: it does not come up.
            Interrupted: a signal asked to stop meanwhile.
        """
        self.stop()
        if faults := self.faults():
            raise ConfigError.of(faults)
        model = self._options.model
        self._key = secrets.token_urlsafe(24)
        environment = {**self._environment, "VLLM_API_KEY": self._key}
        program = vllm_program(self._options.python, model)
        self._server = ManagedServer(
            f"vLLM ({model})",
            lambda port: [*program, *self.arguments(port)],
            environment,
            key=self._key,
            start_seconds=self._options.start_timeout,
            restarts=self._options.restarts,
        )
        return self._server.start(reporter, stopping)

    def revive(self, reporter: Reporter, stopping: Callable[[], int], answered: bool = True) -> str | None:
        """See `Provider`; None also where the server is not the run's own.

        Raises:
            TeacherFailed: it died more often than `restarts` allows, or twice without having `answered`
                anything.
            Interrupted: a signal asked to stop meanwhile.
        """
        return None if self._server is None else self._server.revive(reporter, stopping, answered)

    def stop(self) -> None:
        """See `Provider`."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    def arguments(self, port: int) -> list[str]:
        """What `vllm serve` is given."""
        words = ["--host", "127.0.0.1", "--port", str(port)]
        if (
            self._options.revision is not None
            and not Path(self._options.model).is_dir()
            and "revision" not in self._options.args
        ):
            words += ["--revision", self._options.revision]
        return [*words, *command_words({"disable-uvicorn-access-log": True, **self._options.args})]

    def add_reasoning(self, body: dict[str, Any]) -> None:
        """Reasoning options as vLLM's chat templates take them."""
        reasoning = self.config.reasoning
        if reasoning is None:
            return
        if reasoning.enabled is not None:
            body["chat_template_kwargs"] = {
                "enable_thinking": reasoning.enabled,
                **body.get("chat_template_kwargs", {}),
            }
        if reasoning.effort is not None:
            body["reasoning_effort"] = reasoning.effort
        if reasoning.max_tokens is not None:
            body["thinking_token_budget"] = reasoning.max_tokens

    def scoring_fault(self, top: int) -> str:
        """See `Provider`; what a server that is up allows is not known."""
        allowed = self._options.args.get(MAX_LOGPROBS, DEFAULT_MAX_LOGPROBS)
        if self._options.base_url is not None or allowed == -1 or not isinstance(allowed, int):
            return ""
        if 0 <= top <= allowed:
            return ""
        wanted = "the whole vocabulary is" if top == -1 else f"{top} are"
        return (
            f"{wanted} wanted, but the server that is started gives {allowed}: "
            f"args: {{{MAX_LOGPROBS}: {top}}} raises it"
        )

    def batch_command(self, requests: Path, results: Path) -> str:
        """`vllm run-batch` with this teacher's model and arguments."""
        python = self._options.python
        program = f"{python} -m vllm.entrypoints.openai.run_batch" if python else "vllm run-batch"
        words = ["-i", str(requests), "-o", str(results), "--model", self._options.model]
        return " ".join([program, *words, *command_words(self._options.args)])
