"""What a pipeline file says of a teacher: who it is, how it samples, what it may cost, how fast it may be asked."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator

from synthgen.config import Component, Unhashed
from synthgen.keyshapes import looks_like_key, texts, variable_name


class Sampling(Component):
    """How the teacher samples; what is None is not sent."""

    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    max_tokens: int | None = Field(None, ge=1)
    stop: tuple[str, ...] | None = None
    seed: int | None = None
    presence_penalty: float | None = Field(None, allow_inf_nan=False)
    frequency_penalty: float | None = Field(None, allow_inf_nan=False)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)


class Reasoning(Component):
    """How much the model may think before it answers; mapped to each provider's own parameter."""

    effort: Literal["none", "minimal", "low", "medium", "high"] | None = None
    max_tokens: int | None = Field(None, ge=1)
    enabled: bool | None = None


class Limits(Component):
    """How fast the teacher may be asked; never part of a hash."""

    concurrency: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    workers: int = Field(1, ge=1, le=64, description="processes that send requests; more than one where one process is the limit, from about 1,000 requests under way")
    requests_per_minute: int | None = Field(None, ge=1)
    tokens_per_minute: int | None = Field(None, ge=1)
    timeout: float = Field(600.0, gt=0, allow_inf_nan=False, description="seconds for one attempt")
    max_attempts: int = Field(8, ge=1)
    max_retry_seconds: float = Field(900.0, gt=0, allow_inf_nan=False, description="seconds from the first attempt to the last")


class Price(Component):
    """US dollars per million tokens; the provider's own `usage.cost` beats it."""

    input_per_mtok: float = Field(0.0, ge=0, allow_inf_nan=False)
    output_per_mtok: float = Field(0.0, ge=0, allow_inf_nan=False)
    cached_input_per_mtok: float | None = Field(None, ge=0, allow_inf_nan=False)


SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie"})

OURS = frozenset({"model", "messages", "prompt", "n", "stream"})
"""Fields of a request that a pipeline's extra_body must not replace."""


class TeacherConfig(Component):
    """Options that every provider shares; a provider adds its own in a subclass."""

    provider: str = "openai"
    model: str
    base_url: str | tuple[str, ...] | None = None
    api_key_env: Annotated[str | None, AfterValidator(variable_name), Unhashed()] = Field(None, description="name of the environment variable that holds the key")
    identity: str | None = Field(None, description="who answers, where the address does not tell; part of the ledger key")
    revision: str | None = None
    headers: Annotated[dict[str, str], Unhashed()] = Field(default_factory=dict)
    extra_body: dict[str, Any] = Field(default_factory=dict)
    sampling: Sampling = Sampling()
    reasoning: Reasoning | None = None
    limits: Annotated[Limits, Unhashed()] = Limits()
    price: Annotated[Price | None, Unhashed()] = None
    transport: Annotated[Literal["aiohttp", "openai"], Unhashed()] = "aiohttp"

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for url in [value] if isinstance(value, str) else value or ():
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("an address starts with http:// or https:// and names a host")
            if parts.username or parts.password or parts.query:
                raise ValueError("an address must hold no user, password or query; name the key's variable in api_key_env")
        return value

    @field_validator("extra_body")
    @classmethod
    def _nothing_of_ours(cls, value: dict[str, Any]) -> dict[str, Any]:
        ours = sorted(name for name in value if name in OURS)
        if ours:
            raise ValueError(f"{ours[0]!r} is set by synthgen itself and cannot stand in extra_body")
        if any(looks_like_key(text) for text in texts(value)):
            raise ValueError("something in it looks like a key; name the key's variable in api_key_env")
        return value

    @field_validator("headers")
    @classmethod
    def _no_key(cls, value: dict[str, str]) -> dict[str, str]:
        secret = sorted(name for name in value if name.lower() in SECRET_HEADERS)
        if secret:
            raise ValueError(f"the header {secret[0]!r} carries a key; name the key's variable in api_key_env")
        if any(looks_like_key(text) for text in texts(value)):
            raise ValueError("what a header says looks like a key; name the key's variable in api_key_env")
        return value


class Budget(Component):
    """A hard cap on what a run may spend; never part of a hash."""

    usd: float | None = Field(None, gt=0, allow_inf_nan=False)
    tokens: int | None = Field(None, ge=1)
    requests: int | None = Field(None, ge=1)
