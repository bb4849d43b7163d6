"""What a client of the server asks, read from an OpenAI body; what cannot be done is refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MOST_CHOICES = 16
MOST_STOPS = 4
GREEDY_BELOW = 1e-5
"""A temperature by which logits cannot be divided without leaving the numbers there are; as in vLLM."""
UNSUPPORTED = (
    "tools",
    "functions",
    "tool_choice",
    "response_format",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "echo",
    "suffix",
    "best_of",
    "audio",
    "modalities",
)
"""Options that change a reply and that this server does not have; one that is null or off is no request."""


class Refused(Exception):
    """A request that is not answered: an HTTP status, a code and a message for the client."""

    def __init__(self, message: str, code: str = "invalid_value", status: int = 400, param: str = "") -> None:
        self.code, self.status, self.param = code, status, param or None
        super().__init__(message)

    def plain(self) -> dict[str, Any]:
        """As OpenAI writes errors."""
        kind = "not_found_error" if self.status == 404 else "invalid_request_error"
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}


@dataclass(frozen=True)
class Asked:
    """One request: chat turns or texts to go on with, and how."""

    turns: list[dict[str, str]]
    texts: list[str]
    max_tokens: int | None
    temperature: float
    top_p: float
    seed: int
    choices: int
    stops: tuple[str, ...]
    stream: bool
    with_usage: bool


def read_request(body: Any, model: str, chat: bool) -> Asked:
    """A request, checked.

    Args:
        body: the parsed JSON.
        model: the name of the model that is served.
        chat: whether chat turns are wanted, or texts.

    Raises:
        Refused: what is asked makes no sense, or this server does not have it.
    """
    if not isinstance(body, dict):
        raise Refused("the body must be a JSON object")
    if (named := body.get("model", model)) != model:
        raise Refused(f"there is no model {named!r} here, only {model!r}", "model_not_found", 404, "model")
    for option in UNSUPPORTED:
        if body.get(option) not in (None, False, [], {}, "none", 0):
            raise Refused(f"{option} is not supported here", "unsupported_parameter", param=option)
    options = body.get("stream_options") or {}
    asked = Asked(
        turns=_turns(body.get("messages")) if chat else [],
        texts=[] if chat else _texts(body.get("prompt")),
        max_tokens=_number(body, "max_completion_tokens", None, 1, 10**7, whole=True)
        or _number(body, "max_tokens", None, 1, 10**7, whole=True),
        temperature=_temperature(body),
        top_p=_number(body, "top_p", 1.0, 0, 1) or 1.0,
        seed=_number(body, "seed", 0, -(2**63), 2**63, whole=True) or 0,
        choices=_number(body, "n", 1, 1, MOST_CHOICES, whole=True) or 1,
        stops=_stops(body.get("stop")),
        stream=_flag(body, "stream"),
        with_usage=isinstance(options, dict) and options.get("include_usage") is True,
    )
    if asked.stream and (asked.choices > 1 or len(asked.texts) > 1):
        raise Refused("a stream has one choice", "unsupported_parameter", param="n")
    return asked


def _turns(messages: Any) -> list[dict[str, str]]:
    if not isinstance(messages, list) or not messages:
        raise Refused("messages must be a list with at least one message", param="messages")
    turns = []
    for message in messages:
        role = message.get("role") if isinstance(message, dict) else None
        if role not in ("system", "developer", "user", "assistant"):
            raise Refused(f"a message's role is {role!r}; system, user or assistant is", param="messages")
        role = "system" if role == "developer" else str(role)
        turns.append({"role": role, "content": _content(message.get("content"))})
    return turns


def _content(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [None]
    texts = [
        part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in parts
    ]
    if not all(isinstance(text, str) for text in texts):
        raise Refused("a message holds something that is no text", "unsupported_content", param="messages")
    return "".join(str(text) for text in texts)


def _texts(prompt: Any) -> list[str]:
    texts = [prompt] if isinstance(prompt, str) else prompt
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise Refused("prompt must be a text or a list of texts", param="prompt")
    return texts


def _stops(stop: Any) -> tuple[str, ...]:
    stops = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(stops, list) or not all(isinstance(one, str) and one for one in stops):
        raise Refused("stop must be a text or a list of texts", param="stop")
    if len(stops) > MOST_STOPS:
        raise Refused(f"stop may hold {MOST_STOPS} texts", param="stop")
    return tuple(stops)


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise Refused(f"{name} must be true or false", param=name)
    return bool(value)


def _temperature(body: dict[str, Any]) -> float:
    """As given; 0, which is greedy, where nothing but the likeliest token can be drawn."""
    temperature = float(_number(body, "temperature", 0.0, 0, 2))
    only_the_likeliest = _number(body, "top_p", 1.0, 0, 1) == 0
    return 0.0 if temperature < GREEDY_BELOW or only_the_likeliest else temperature


def _number(
    body: dict[str, Any], name: str, default: Any, low: float, high: float, whole: bool = False
) -> Any:
    value = body.get(name)
    if value is None:
        return default
    fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not fits or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise Refused(f"{name} must be {kind} from {low:g} to {high:g}", param=name)
    return value
