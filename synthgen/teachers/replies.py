"""From a server's raw body to samples: text, thinking, finish reason, log probabilities.

Thinking comes as `reasoning` (vLLM now, OpenRouter), as `reasoning_content` (vLLM before, DeepSeek), as parts
of the content (Mistral), or in tags at the start of the text (see `thinking`). None of it is ever in `text`.
Nothing here raises on what a server sends: a body that is no reply gives a named fault.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from synthgen.core.chat import Sample
from synthgen.store.ledger.body import parse_body
from synthgen.teachers.finish_reasons import (
    CONTENT_FILTER,
    ERROR_CODES,
    ERROR_TEXTS,
    blocked,
    error_in,
    failed,
    finish_reason,
    is_filter_code,
    tells_of_error,
)
from synthgen.teachers.thinking import read_content, split_thinking, thinking_of


def read_body(body: bytes) -> tuple[dict[str, Any] | None, str]:
    """A reply's JSON as far as it can be read, and its fault; no fault is "".

    Faults are invalid_utf8, invalid_json, no_choices, error_in_body (in place of choices or beside them) and
    failed_choice: every choice says that its generation failed. Where some did and others are whole, there is
    no fault, and `good_choices` tells them apart.
    """
    parsed = parse_body(body)
    if parsed is None:
        try:
            body.decode("utf-8")
        except UnicodeDecodeError:
            return None, "invalid_utf8"
        return None, "invalid_json"
    choices = parsed.get("choices")
    if not isinstance(choices, list) or not any(isinstance(choice, dict) for choice in choices):
        return parsed, "error_in_body" if _says_error(parsed) else "no_choices"
    if not good_choices(parsed):
        return parsed, "error_in_body" if _says_error(parsed) else "failed_choice"
    return parsed, ""


def good_choices(parsed: Mapping[str, Any]) -> tuple[int, ...]:
    """Which of a reply's ordered choices do not say that their generation failed."""
    return tuple(at for at, choice in enumerate(ordered_choices(parsed)) if not failed(parsed, choice))


def _says_error(parsed: Mapping[str, Any]) -> bool:
    return failed(parsed, {})


def ordered_choices(parsed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A reply's choices in the order of their own `index` where all have one, else as they come."""
    listed = parsed.get("choices")
    choices = [choice for choice in listed if isinstance(choice, dict)] if isinstance(listed, list) else []
    if all(isinstance(choice.get("index"), int) for choice in choices):
        choices.sort(key=lambda choice: int(choice["index"]))
    return choices


def sample_of(parsed: Mapping[str, Any], choice: int, *, key: str, index: int, model: str) -> Sample:
    """One sample from a parsed reply.

    Args:
        parsed: the reply's JSON.
        choice: which of its ordered choices.
        key: the sample's ledger key.
        index: the sample's number among those of its request.
        model: the model's name where the reply names none.

    Returns:
        The sample; without text where the reply has no such choice.
    """
    choices = ordered_choices(parsed)
    chosen = choices[choice] if choice < len(choices) else {}
    message = chosen.get("message")
    message = message if isinstance(message, dict) else {}
    content = message.get("content")
    visible, in_parts = read_content(content)
    if content is None:
        visible = _string(message.get("refusal")) or _string(chosen.get("text"))
    text, tagged = split_thinking(visible)
    return Sample(
        text=text,
        key=key,
        model=str(parsed.get("model") or model),
        index=index,
        finish_reason=finish_reason(parsed, chosen),
        reasoning=thinking_of(message) or in_parts or tagged,
        logprobs=chosen.get("logprobs"),
        prompt_logprobs=chosen.get("prompt_logprobs"),
        whole=visible,
        tokens=_token_ids(chosen.get("token_ids")),
    )


def _token_ids(told: Any) -> tuple[int, ...] | None:
    known = isinstance(told, list) and all(_count(number) is not None for number in told)
    return tuple(told) if known else None


class Usage(NamedTuple):
    """What a reply says that it took; None where it does not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int = 0
    """Of the prompt's tokens."""
    usd: float | None = None
    """The provider's own cost."""


def usage_of(parsed: Mapping[str, Any]) -> Usage:
    """The usage that a parsed reply reports."""
    usage = parsed.get("usage")
    if not isinstance(usage, dict):
        return Usage()
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else None
    cost = usage.get("cost")
    usd = (
        float(cost)
        if isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost <= sys.float_info.max
        else None
    )
    return Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")), cached or 0, usd)


def error_of(body: bytes) -> tuple[str, str]:
    """An error's code (or status, or type) and message, from wherever a body holds it.

    The message is the most that the provider says: a gateway's own words, then what stood behind it
    (`metadata.raw`). It is cut at 500 characters.
    """
    parsed = parse_body(body)
    if parsed is None:
        return "", " ".join(body[:2000].decode("utf-8", "replace").split())[:500]
    error = _error_value(parsed)
    if not isinstance(error, dict):
        return _said(parsed.get("code") or parsed.get("error_type"))[:100], _said(error)[:500]
    names = (*ERROR_CODES, "code", "status_code", "type", "status")
    code = next((error[name] for name in names if error.get(name)), None)
    if any(is_filter_code(error.get(name)) for name in ("code", "type")):
        code = CONTENT_FILTER
    words = [
        _said(error.get(name)) for name in (*ERROR_TEXTS, "message", "detail", "msg", "status_msg", "error")
    ]
    words += [_said(parsed.get(name)) for name in ("message", "detail")]
    words = [word for word in words if word][:1]
    metadata = error.get("metadata")
    if isinstance(metadata, dict):
        words += [_said(metadata.get(name)) for name in ("raw", "reasons")]
    elif raw := _said(error.get("innererror") or error.get("cause")):
        words.append(raw)
    kept = [word for index, word in enumerate(words) if word and word not in words[:index]]
    return _said(code)[:100], ": ".join(kept)[:500]


def _error_value(parsed: Mapping[str, Any]) -> Any:
    """The error of a body, else of one of its choices, else how a choice says that it failed."""
    if (error := error_in(parsed)) is not None:
        return error
    base = parsed.get("base_resp")
    if isinstance(base, dict):
        return base
    if tells_of_error(parsed):
        errors = parsed.get("errors")
        first = errors[0] if isinstance(errors, list) and errors else errors
        return first or parsed
    choices = parsed.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if not isinstance(choice, dict):
            continue
        if tells_of_error(choice):
            return choice
        message = choice.get("message")
        error = error_in(choice) or (error_in(message) if isinstance(message, dict) else None)
        if error is not None:
            return error
        if failed(parsed, choice):
            words = (choice.get("finish_reason"), choice.get("native_finish_reason"))
            text = read_content(message.get("content")).text if isinstance(message, dict) else ""
            return {
                "message": " ".join(["finish_reason", *(str(word) for word in words if word), text[:200]])
            }
    if not choices and blocked(parsed):
        feedback = (
            parsed.get("promptFeedback") or parsed.get("prompt_feedback") or "a filter blocked the reply"
        )
        return {"code": CONTENT_FILTER, "message": str(feedback)}
    return parsed


def _said(value: Any) -> str:
    """A value as one line; what is nested in JSON text is told by its own message."""
    if value in (None, "", 0, False):
        return ""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        inner = parse_body(value.encode("utf-8", "replace"))
        if inner is not None:
            value = inner
    if isinstance(value, dict):
        inner = value.get("error") or value.get("message") or value.get("detail")
        if isinstance(inner, dict):
            inner = inner.get("message") or inner.get("detail") or inner.get("raw")
        value = inner if isinstance(inner, str) and inner else value
    return " ".join(str(value).split())


def _string(value: Any) -> str:
    return value if isinstance(value, str) else read_content(value).text


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53 else None
