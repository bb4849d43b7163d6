"""What a key looks like, so that a key in the wrong place is refused and never shown or written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-(?=[a-z_\-]*[A-Z0-9])[A-Za-z0-9_\-]{8,}"  # OpenAI, Anthropic, OpenRouter, DeepSeek, …
    r"|(?:sk|pk|rk|gsk|hf|xai|nvapi|fw|tgp|r8|csk|glpat|gh[opsu]|github_pat|pplx)"
    r"[-_](?=[A-Za-z_\-]*[0-9])[A-Za-z0-9_\-]{16,}"
    r"|AIza[A-Za-z0-9_\-]{20,}|A[KS]IA[A-Z0-9]{16}"
    r"|eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}"  # a JSON web token
    r")"
)
_SCHEME = re.compile(r"\A\s*(?:bearer|basic|token)\s+\S{6,}\s*\Z", re.IGNORECASE)
_HEADER = re.compile(
    r"\b((?:authorization|api[-_]?key)[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:bearer\s{1,3}|basic\s{1,3})?|bearer\s{1,3})"
    r"(?!\[KEY)(?=\S{0,99}\d)[A-Za-z0-9._~+/-]{11,400}[A-Za-z0-9_~+/-]=*",
    re.IGNORECASE,
)
"""A header with a key, as people paste it."""
_BARE = re.compile(r"(?=.*[0-9])(?=.*[a-z])[A-Za-z0-9]{20,}")

SHOWN = 80  # characters of a name in a message


def looks_like_key(text: str) -> bool:
    """Whether a text holds what providers give out as keys, or an authorization header's value."""
    return bool(_KEY.search(text) or _SCHEME.match(text))


def is_variable_name(text: str) -> bool:
    """Whether a text can be the name of an environment variable and does not look like a key.

    A long run of letters and digits without an underscore is taken for a key.
    """
    return (
        bool(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text))
        and not looks_like_key(text)
        and not _BARE.fullmatch(text)
    )


def variable_name(value: str | None) -> str | None:
    """An option's value, if it can be the name of a key's environment variable.

    Raises:
        ValueError: it cannot; the value may be the key itself, so the message does not quote it.
    """
    if value is not None and not is_variable_name(value):
        raise ValueError(
            "not the name of an environment variable, such as OPENAI_API_KEY; the key itself "
            "never belongs into a file"
        )
    return value


def texts(value: Any) -> Iterator[str]:
    """All texts in a plain value, the names in its mappings included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield str(name)
            yield from texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts(part)


def shown(name: object) -> str:
    """A name as a message may quote it: cut where it is long, and to three letters where it may be a key."""
    text = str(name)
    if looks_like_key(text):
        return f"{text[:3]}…"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def without_keys(text: str) -> tuple[str, int]:
    """A text with `[KEY]` in place of what providers give out as keys, and how many there were."""
    text, keys = _KEY.subn("[KEY]", text)
    text, headers = _HEADER.subn(r"\1[KEY]", text)
    return text, keys + headers
