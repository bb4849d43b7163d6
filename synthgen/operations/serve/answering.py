"""One thread that owns a model and answers requests: those that wait together go as one batch.

A stream is answered by itself, token by token, and given up when its client is gone.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from synthgen.training.answer_turn import without_lead

if TYPE_CHECKING:
    from synthgen.evaluation.generation import Decoding, GeneratedReply, LocalModel

GATHER_SECONDS = 0.005
"""For how long requests that come together are waited for."""


@dataclass
class _Work:
    """One prompt, and where its reply goes; `piece` is called with each new text of a stream."""

    prompt: Sequence[int]
    decoding: Decoding
    done: Callable[[GeneratedReply | BaseException], None]
    piece: Callable[[str], None] | None = None
    given_up: threading.Event = field(default_factory=threading.Event)


class Answering:
    """A model that answers in a thread of its own.

    Args:
        model: the model, loaded.
        batch_size: prompts that are answered together.
    """

    def __init__(self, model: LocalModel, batch_size: int) -> None:
        self.model, self.batch_size = model, batch_size
        self._queue: queue.Queue[_Work | None] = queue.Queue()
        self._held: list[_Work] = []
        self._thread = threading.Thread(target=self._run, name="answering", daemon=True)
        self._thread.start()

    async def answer(self, prompt: Sequence[int], decoding: Decoding) -> GeneratedReply:
        """The reply to a prompt."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[GeneratedReply] = loop.create_future()

        def done(reply: GeneratedReply | BaseException) -> None:
            loop.call_soon_threadsafe(_settle, future, reply)

        work = _Work(prompt, decoding, done)
        self._queue.put(work)
        try:
            return await future
        finally:
            work.given_up.set()

    async def stream(
        self, prompt: Sequence[int], decoding: Decoding
    ) -> AsyncGenerator[str | GeneratedReply, None]:
        """The reply's text as it comes, then the reply itself."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[str | GeneratedReply | BaseException] = asyncio.Queue()

        def hand_over(piece: str | GeneratedReply | BaseException) -> None:
            with suppress(RuntimeError):  # the loop was closed
                loop.call_soon_threadsafe(pieces.put_nowait, piece)

        work = _Work(prompt, decoding, hand_over, hand_over)
        self._queue.put(work)
        try:
            while True:
                piece = await pieces.get()
                if isinstance(piece, BaseException):
                    raise piece
                yield piece
                if not isinstance(piece, str):
                    return
        finally:
            work.given_up.set()

    def close(self) -> None:
        """Ends the thread after what it is doing; what waits is not answered."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            batch = [work for work in batch if not work.given_up.is_set()]
            if not batch:
                continue
            try:
                if batch[0].piece is not None:
                    batch[0].done(self._streamed(batch[0], batch[0].piece))
                else:
                    self._answered(batch)
            except BaseException as fault:  # the thread outlives what a model raises; the client is told
                for work in batch:
                    work.done(fault)

    def _next(self) -> list[_Work] | None:
        """The next works that can be done together; None at the end."""
        first = self._held.pop(0) if self._held else self._queue.get()
        if first is None:
            return None
        batch = [first]
        if first.piece is not None:
            return batch
        waiting, self._held = self._held, []
        while len(batch) < self.batch_size:
            try:
                other = waiting.pop(0) if waiting else self._queue.get(timeout=GATHER_SECONDS)
            except queue.Empty:
                break
            if other is None:
                self._queue.put(None)
                break
            together = other.piece is None and other.decoding == first.decoding
            (batch if together else self._held).append(other)
        self._held += waiting
        return batch

    def _answered(self, batch: Sequence[_Work]) -> None:
        prompts = [work.prompt for work in batch]
        for places, replies in self.model.answer(prompts, batch[0].decoding):
            for place, reply in zip(places, replies, strict=True):
                batch[place].done(reply)

    def _streamed(self, work: _Work, give: Callable[[str], None]) -> GeneratedReply:
        """Answers one prompt, handing on its text as it grows."""
        from transformers import StoppingCriteria, StoppingCriteriaList
        from transformers.generation.streamers import BaseStreamer

        model = self.model

        class Pieces(BaseStreamer):  # type: ignore[misc]
            """Decodes what has come so far, and hands on what is new and whole."""

            def __init__(self) -> None:
                self.tokens: list[int] = []
                self.said, self.begun = "", False

            def put(self, value: Any) -> None:
                if not self.begun:  # the prompt comes first
                    self.begun = True
                    return
                self.tokens += [int(token) for token in value.reshape(-1).tolist()]
                kept = [token for token in self.tokens if token not in model.ends]
                if model.lead and model.lead.startswith(model.tokenizer.decode(kept)):
                    return  # what the template writes before an answer may still be under way
                text = model.tokenizer.decode(
                    without_lead(model.tokenizer, kept, model.lead), skip_special_tokens=True
                )
                # A character of several tokens is half there until the last of them.
                if len(text) > len(self.said) and not text.endswith("\ufffd"):
                    give(text[len(self.said) :])
                    self.said = text

            def end(self) -> None:
                return None

        class GivenUp(StoppingCriteria):  # type: ignore[misc]
            """Ends the reply where nobody waits for it."""

            def __call__(self, input_ids: Any, scores: Any, **more: Any) -> Any:
                import torch

                ended = work.given_up.is_set()
                return torch.full((input_ids.shape[0],), ended, dtype=torch.bool, device=input_ids.device)

        pieces = Pieces()
        options = {"streamer": pieces, "stopping_criteria": StoppingCriteriaList([GivenUp()])}
        reply = model.answer_one(work.prompt, work.decoding, **options)
        if len(reply.text) > len(pieces.said) and reply.text.startswith(pieces.said):
            give(reply.text[len(pieces.said) :])
        return reply


def _settle(future: asyncio.Future[GeneratedReply], reply: GeneratedReply | BaseException) -> None:
    if future.done():
        return
    if isinstance(reply, BaseException):
        future.set_exception(reply)
    else:
        future.set_result(reply)
