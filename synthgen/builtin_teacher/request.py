"""A chat or completions body as the teacher reads it, and what makes two requests the same."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import xxhash

from synthgen.builtin_teacher import DEFAULT_RATES, MODEL


class Refused(Exception):
    """A request that the teacher does not serve; `status` and `code` are those of the OpenAI error body."""

    def __init__(self, message: str, status: int = 400, code: str = "unknown_question") -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass(frozen=True)
class Request:
    """What the teacher needs of a request's body."""

    text: str
    """The last user message, or the prompt."""
    n: int
    max_tokens: int | None
    stop: tuple[str, ...]
    temperature: float
    rates: Mapping[str, float]
    """The share of replies with each mistake."""
    seed: bytes
    """A hash of the body without `n`, `max_tokens` and `stop`, which only count or cut replies."""
    texts: tuple[str, ...]
    """All messages."""

    @property
    def prompt_text(self) -> str:
        """All messages, joined."""
        return "\n".join(self.texts)

    def rng(self, sample: int, purpose: str) -> random.Random:
        """A generator for one purpose in one sample; without temperature all samples are the same."""
        number = sample if self.temperature > 0 else 0
        return random.Random(xxhash.xxh3_64_intdigest(b"%b %d %b" % (self.seed, number, purpose.encode())))

    def share(self, sample: int, purpose: str) -> float:
        """A number in [0, 1) for one purpose in one sample, the same for the same request."""
        number = sample if self.temperature > 0 else 0
        return xxhash.xxh3_64_intdigest(b"%b %d %b" % (self.seed, number, purpose.encode())) / 2**64


def read_request(body: Any) -> Request:
    """The request behind a decoded body.

    Raises:
        Refused: something is missing, of a wrong type, or not served here.
    """
    if not isinstance(body, dict):
        raise Refused("the body must be a JSON object", code="invalid_body")
    model = body.get("model", MODEL)
    if model != MODEL:
        raise Refused(
            f"the model {model!r} does not exist here; this teacher serves {MODEL!r}", 404, "model_not_found"
        )
    for option in ("stream", "logprobs", "tools"):
        if body.get(option):
            raise Refused(
                f"{option!r} is not served by the builtin teacher; leave it out", code="unsupported_parameter"
            )
    texts, last = _texts(body)
    number = _number(body, "n", 1, whole=True, low=1, high=128)
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    stop = body.get("stop") or ()
    stops = (stop,) if isinstance(stop, str) else tuple(stop) if isinstance(stop, list | tuple) else (stop,)
    if not all(isinstance(mark, str) for mark in stops):
        raise Refused("'stop' must be a text or a list of texts", code="invalid_body")
    temperature = _number(body, "temperature", 1.0, low=0.0, high=2.0)
    rates = _rates(body.get("mistakes"))
    identity = [texts, temperature, body.get("seed"), body.get("top_p"), sorted(rates.items())]
    return Request(
        text=last,
        n=int(number),
        max_tokens=None
        if limit is None
        else int(_number({"max_tokens": limit}, "max_tokens", 0, whole=True, low=1)),
        stop=stops,
        temperature=temperature,
        rates=rates,
        seed=xxhash.xxh3_128_digest(orjson.dumps(identity)),
        texts=tuple(text for _, text in texts),
    )


def _texts(body: dict[str, Any]) -> tuple[list[tuple[str, str]], str]:
    if isinstance(body.get("prompt"), str):
        return [("user", body["prompt"])], body["prompt"]
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refused("'messages' must be a list of at least one message", code="invalid_body")
    texts = []
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list):  # the API's other way to write a text
            content = "".join(
                part.get("text", "")
                for part in content
                if isinstance(part, dict) and part.get("type") == "text"
            )
        if not isinstance(content, str) or not isinstance(message.get("role"), str):
            raise Refused("each message must have a 'role' and a text as 'content'", code="invalid_body")
        texts.append((message["role"], content))
    if texts[-1][0] != "user":
        raise Refused("the last message must be the user's", code="invalid_body")
    return texts, texts[-1][1]


def _rates(given: Any) -> dict[str, float]:
    if given is None:
        return DEFAULT_RATES
    if not isinstance(given, dict) or not set(given) <= set(DEFAULT_RATES):
        raise Refused(f"'mistakes' may name {', '.join(DEFAULT_RATES)}", code="invalid_body")
    return {name: _number(given, name, rate, low=0.0, high=1.0) for name, rate in DEFAULT_RATES.items()}


def _number(
    values: Mapping[str, Any],
    name: str,
    default: float,
    *,
    whole: bool = False,
    low: float,
    high: float | None = None,
) -> float:
    value = values.get(name)
    if value is None:
        return default
    if (
        isinstance(value, bool)
        or not isinstance(value, int if whole else int | float)
        or value < low
        or (high is not None and value > high)
    ):
        limits = f"at least {low:g}" if high is None else f"from {low:g} to {high:g}"
        raise Refused(f"{name!r} must be a {'whole ' if whole else ''}number {limits}", code="invalid_body")
    return value
