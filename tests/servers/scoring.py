"""A server that tells how likely the tokens of a text are, as vLLM's does; it can be told to do it wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import xxhash

from tests.servers.json_posts import JsonPosts

CUT = "\ufffd"


def made_up(ids: list[int], vocabulary: int) -> Any:
    """Logits of each place, which depend on all tokens before it: [tokens, vocabulary]."""
    rows = []
    for place in range(len(ids)):
        seed = xxhash.xxh3_64_intdigest(np.asarray(ids[:place], "<i4").tobytes())
        rows.append(np.random.default_rng(seed).normal(0, 4, vocabulary))
    return np.array(rows)


class ScoringServer(JsonPosts):
    """Answers `/v1/completions` for prompts of token ids; a context manager.

    Args:
        tokenizer: what the ids mean to it.
        logits: of each place of a prompt; made up where left out.
        fault: what it does wrong: refuses, says nothing, adds a token, …
        seconds: that an answer takes.
    """

    def __init__(
        self,
        tokenizer: Any,
        logits: Callable[[list[int]], Any] | None = None,
        fault: str = "",
        seconds: float = 0.0,
    ) -> None:
        self.tokenizer, self.fault, self.seconds = tokenizer, fault, seconds
        self.vocabulary = max(tokenizer.get_vocab().values()) + 1
        self.logits = logits or (lambda ids: made_up(ids, self.vocabulary))
        self.prompts: list[list[int]] = []
        self.bodies: list[dict[str, Any]] = []
        super().__init__()

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body of the answer to one request."""
        time.sleep(self.seconds)
        ids, top = body["prompt"], body.get("prompt_logprobs")
        self.prompts.append(ids)
        self.bodies.append(body)
        if self.fault == "refuses":
            words = f"Requested prompt logprobs of {top}, which is greater than max allowed: 3"
            return 400, {"error": {"message": words, "code": 400}}
        usage = {"prompt_tokens": len(ids), "completion_tokens": 1}
        choice: dict[str, Any] = {"index": 0, "text": "x", "finish_reason": "length"}
        if self.fault != "says nothing":
            choice["prompt_logprobs"] = self.places(ids, int(top))
        return 200, {"model": body["model"], "choices": [choice], "usage": usage}

    def places(self, ids: list[int], top: int) -> list[Any]:
        """One entry a token, and none for the first."""
        logits = np.asarray(self.logits(ids), dtype=np.float64)
        logprobs = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
        texts = self.texts(ids)
        places: list[Any] = [None]
        for place in range(1, len(ids)):
            at = place + 1 if self.fault == "shifts" and place + 1 < len(ids) else place
            places.append(self.entry(ids[at], texts[at], logprobs[place], top))
        if self.fault == "adds a token":
            places.insert(1, places[1])
        return places

    def entry(self, said: int, text: str | None, logprobs: Any, top: int) -> dict[str, Any]:
        """The token itself first, then the likeliest, as vLLM has it."""
        order = np.argsort(-logprobs, kind="stable")
        chosen = order if top == -1 else order[: 2 if self.fault == "tells few" else top]
        entries = {}
        for number in [said, *(int(one) for one in chosen)]:
            value = float(np.float32(logprobs[number]))
            name = self.tokenizer.decode([number]) if number != said else text
            entries[str(number)] = {"logprob": value, "rank": 1, "decoded_token": name}
        return entries

    def texts(self, ids: list[int]) -> list[str | None]:
        """What vLLM calls each token: nothing where a character has not ended, then all of it."""
        found: list[str | None] = []
        begun: list[int] = []
        for number in ids:
            if self.fault == "has another tokenizer":
                number = number + 1 if number + 1 < self.vocabulary else number - 1
            begun.append(number)
            text = self.tokenizer.decode(begun)
            if self.fault == "says U+FFFD":
                found.append(self.tokenizer.decode([number]))
            elif self.fault == "says no texts":
                found.append(None)
            else:
                found.append("" if text.endswith(CUT) else text)
            begun = begun if text.endswith(CUT) else []
        return found
