"""What providers share that are reached by an address and speak OpenAI's API.

`shape` turns the body that all providers share into the one that a provider takes. What it returns is hashed
into the ledger key, so a change here is a change of keys: raise `VERSION` and say so in the changelog.
"""

from __future__ import annotations

from typing import Any, ClassVar

from synthgen.core.errors import ConfigError
from synthgen.teachers.addresses import host_of
from synthgen.teachers.config import TeacherConfig
from synthgen.teachers.contract import Provider

NO_SAMPLING = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "stop",
)
"""Parameters that OpenAI's reasoning models refuse."""


class OpenAIApi(Provider):
    """A server that speaks OpenAI's API; each provider says its address, its key and what it takes."""

    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[TeacherConfig]] = TeacherConfig
    URL: ClassVar[str | None] = None
    """The provider's own address; None where each user has another."""
    KEY: ClassVar[str | None] = None
    """The variable that holds the provider's key."""
    IGNORED: ClassVar[tuple[str, ...]] = ()
    """Parameters that the provider accepts and ignores; they are not sent."""
    NOTES: ClassVar[tuple[str, ...]] = ()
    """Remarks that hold whatever the options are."""
    TERMS: ClassVar[str] = ""
    """What the provider's terms say about training on its output."""
    ONE_SAMPLE: ClassVar[str] = (
        "takes one sample a request: n samples are n requests, and the prompt is paid n times"
    )
    """The remark where `supports_n` is false."""

    def __init__(self, config: TeacherConfig) -> None:
        self.config = config

    @property
    def identity(self) -> str:
        """See `Provider`."""
        return self.config.identity or host_of(self.addresses()[0])

    @property
    def revision(self) -> str | None:
        """See `Provider`."""
        return self.config.revision

    @property
    def key_variable(self) -> str | None:
        """The named variable, else the provider's own, which only its own address is sent."""
        if self.config.api_key_env is not None:
            return self.config.api_key_env
        return self.KEY if self.URL is None or self.config.base_url is None else None

    def addresses(self) -> tuple[str, ...]:
        """See `Provider`."""
        given = self.config.base_url or self.URL
        if given is None:
            raise ConfigError(
                f"a teacher of provider {self.config.provider!r} needs its address",
                next="set teacher.base_url",
            )
        return tuple(url.rstrip("/") for url in ([given] if isinstance(given, str) else given))

    def shape(self, body: dict[str, Any]) -> dict[str, Any]:
        """See `Provider`."""
        shaped = {name: value for name, value in body.items() if name not in self.IGNORED}
        if "prompt" in shaped:
            _use_completions_logprobs(shaped)
            return shaped
        self.add_reasoning(shaped)
        return shaped

    def add_reasoning(self, body: dict[str, Any]) -> None:
        """Writes the reasoning options into a chat body; OpenAI's way, unless a provider has its own."""
        effort = _effort(self.config)
        if is_reasoning_model(self.config.model):
            if "max_tokens" in body:
                body["max_completion_tokens"] = body.pop("max_tokens")
            for name in NO_SAMPLING:
                body.pop(name, None)
        if effort is not None:
            body["reasoning_effort"] = effort

    def remarks(self) -> tuple[str, ...]:
        """See `Provider`."""
        sampling = self.config.sampling.model_dump(exclude_none=True, mode="json")
        sent = self.shape({"model": self.config.model, "messages": [], **sampling})
        dropped = sorted(
            name
            for name in sampling
            if name not in sent and not (name == "max_tokens" and "max_completion_tokens" in sent)
        )
        remarks = [f"{', '.join(dropped)}: not taken by {self.config.model}, not sent"] if dropped else []
        if ignored := self._ignored_reasoning():
            remarks.append(f"{', '.join(ignored)}: {self.config.model} has no such parameter, not sent")
        if not self.supports_n:
            remarks.append(self.ONE_SAMPLE)
        remarks.extend(self.NOTES)
        if self.TERMS and self.KEY is not None and (self.URL is None or self.config.base_url is None):
            remarks.append(self.TERMS)
        return tuple(remarks)

    def scoring_fault(self, top: int) -> str:
        """See `Provider`; a server at an address of the user's own may be any."""
        if self.URL is None or self.config.base_url is not None:
            return ""
        return f"{self.config.provider} does not tell how likely the tokens of a given text are"

    def _ignored_reasoning(self) -> list[str]:
        """The reasoning options without which the same body would be sent."""
        reasoning = self.config.reasoning
        if reasoning is None:
            return []
        body: dict[str, Any] = {"model": self.config.model, "messages": []}
        ignored = []
        for name, value in reasoning:
            if value in (None, True):  # a model that can think does so without being asked
                continue
            without = self.config.model_copy(update={"reasoning": reasoning.model_copy(update={name: None})})
            if type(self)(without).shape(body) == self.shape(body):
                ignored.append(f"reasoning.{name}")
        return ignored


def is_reasoning_model(model: str) -> bool:
    """Whether OpenAI treats it as a reasoning model, which takes max_completion_tokens and no sampling."""
    name = model.rpartition("/")[2].lower()
    if name.startswith("gpt-5") and "chat" in name:
        return False
    return name.startswith(("gpt-5", "gpt-6", "o1", "o3", "o4"))


def _effort(config: TeacherConfig) -> str | None:
    if config.reasoning is None:
        return None
    return config.reasoning.effort or ("minimal" if config.reasoning.enabled is False else None)


def _use_completions_logprobs(body: dict[str, Any]) -> None:
    """Turns the chat endpoint's `logprobs` and `top_logprobs` into the completions endpoint's one number."""
    top = body.pop("top_logprobs", None)
    if body.get("logprobs") is True:
        body["logprobs"] = top if top is not None else 0
    elif body.get("logprobs") is False:
        del body["logprobs"]
