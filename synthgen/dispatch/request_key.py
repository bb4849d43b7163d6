"""From a request to what is sent and to the ledger key (version 1).

The key is made of the endpoint type, who answers, the model and its revision, the draw, the whole body
without n, and the sample index. Port, API key, headers, concurrency, timeouts, retries, prices and the run's
name are not in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from synthgen.core.chat import Request
from synthgen.core.hashing import canonical_json
from synthgen.store.ledger.key import request_hash
from synthgen.teachers.config import TeacherConfig
from synthgen.teachers.contract import Provider

PATHS = {"chat": "/chat/completions", "completions": "/completions"}


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request as its teacher gets it: `digest` finds it in the ledger, `canonical` is what was hashed.

    `teacher` names the teacher that it is for, where that is not the session's own.
    """

    digest: bytes
    canonical: bytes
    body: dict[str, Any]
    endpoint: Literal["chat", "completions"]
    label: str
    teacher: str | None = None

    @property
    def path(self) -> str:
        """The endpoint's path below the base URL."""
        return PATHS[self.endpoint]

    @property
    def prompt_tokens(self) -> int | None:
        """How many tokens the prompt has, where it is sent as token ids."""
        prompt = self.body.get("prompt")
        return len(prompt) if isinstance(prompt, list) else None

    @property
    def size(self) -> int:
        """About how many bytes of text it asks about, by which limits of tokens a minute are kept."""
        # Two bytes a token is what those limits begin with.
        return len(self.canonical) if self.prompt_tokens is None else 2 * self.prompt_tokens

    @property
    def max_tokens(self) -> int | None:
        """How many tokens one sample may have, where the request bounds it."""
        limit = self.body.get("max_completion_tokens", self.body.get("max_tokens"))
        return limit if isinstance(limit, int) else None

    def payload(self, n: int) -> bytes:
        """The bytes to send for n samples."""
        return orjson.dumps({**self.body, "n": n} if n > 1 else self.body)


MakeKey = Callable[[Request], KeyedRequest]
"""Makes the key of a request, whichever of the pipeline's teachers it is for."""


class KeyMaker:
    """Makes keys for one teacher; what is the same for all its requests is computed once."""

    def __init__(self, config: TeacherConfig, provider: Provider) -> None:
        self._provider = provider
        self._sampling = config.sampling.model_dump(exclude_none=True, mode="json")
        self._extra = dict(config.extra_body)
        self._model = config.model
        self._frame = {"identity": provider.identity, "model": config.model, "revision": provider.revision}

    def __call__(self, request: Request) -> KeyedRequest:
        """Shapes and hashes a request."""
        body: dict[str, Any] = {"model": self._model}
        raw = request.prompt if request.tokens is None else list(request.tokens)
        if raw is not None:
            body["prompt"] = raw
        else:
            body["messages"] = list(request.messages)
        if request.tokens is None:
            body.update(self._sampling)
        body.update((name, value) for name, value in request.sampling.items() if value is not None)
        body = self._provider.shape(body)
        body.update(self._extra)
        body.pop("n", None)
        endpoint: Literal["chat", "completions"] = "chat" if raw is None else "completions"
        canonical = canonical_json({**self._frame, "draw": request.draw, "endpoint": endpoint, "body": body})
        return KeyedRequest(
            request_hash(canonical), canonical, body, endpoint, request.label, request.teacher
        )
