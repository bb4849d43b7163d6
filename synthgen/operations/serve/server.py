"""A student as an OpenAI-compatible server on this machine alone.

    POST /v1/chat/completions   POST /v1/completions   GET /v1/models   GET /health

It asks the student as it was trained and measured: with its chat template, to its end tokens, greedily unless
a temperature is given. It binds to loopback, and refuses what a browser sends for another site: a Host that
is not this machine's, or a foreign Origin (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import xxhash
from aiohttp import web

from synthgen.core.errors import SynthgenError, first_line
from synthgen.evaluation.generation import Decoding, GeneratedReply
from synthgen.operations.serve.loopback import is_own
from synthgen.operations.serve.models import asked_turns
from synthgen.operations.serve.request import Asked, Refused, read_request
from synthgen.training.templates import TemplateRefused, text_ids

if TYPE_CHECKING:
    from synthgen.evaluation.generation import LocalModel
    from synthgen.operations.serve.answering import Answering

LARGEST_BODY = 4 << 20
"""Bytes."""
MOST_WAITING = 256
"""Requests that are under way at once; more are told to come again."""


@dataclass(frozen=True)
class Served:
    """What is served, and how."""

    name: str
    completion: str
    """What the student learned to say, see `training.completions`: one of two tasks is asked `predict: `."""
    max_tokens: int
    """Of a reply, where the client does not say."""
    threads: int | None = None


class StudentServer:
    """The routes over one model."""

    def __init__(self, served: Served, model: LocalModel, answering: Answering) -> None:
        self.served, self.model, self.answering = served, model, answering
        self._waiting = 0

    def application(self) -> web.Application:
        """The server's routes."""
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[_own_clients])
        app.add_routes(
            [
                web.post("/v1/chat/completions", self._chat),
                web.post("/v1/completions", self._text),
                web.get("/v1/models", self._models),
                web.get("/health", self._health),
            ]
        )
        return app

    async def _models(self, _: web.Request) -> web.Response:
        model = {"id": self.served.name, "object": "model", "created": 0, "owned_by": "synthgen"}
        return _json({"object": "list", "data": [model]})

    async def _health(self, _: web.Request) -> web.Response:
        return _json({"status": "ok", "model": self.served.name})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._complete(request, chat=True)

    async def _text(self, request: web.Request) -> web.StreamResponse:
        return await self._complete(request, chat=False)

    async def _complete(self, request: web.Request, chat: bool) -> web.StreamResponse:
        if self._waiting >= MOST_WAITING:
            fault = Refused(f"{MOST_WAITING} requests are under way; come again", "server_busy", 429)
            return _json(fault.plain(), 429, {"Retry-After": "1"})
        self._waiting += 1
        try:
            body = await _body(request)
            asked = read_request(body, self.served.name, chat)
            prompts = [self._encoded(asked)] if chat else [self._encoded_text(text) for text in asked.texts]
            tokens = self._room(asked, prompts)
            if asked.stream:
                return await self._stream(request, asked, prompts[0], tokens, chat)
            return await self._whole(asked, prompts, tokens, chat)
        except Refused as fault:
            return _json(fault.plain(), fault.status)
        finally:
            self._waiting -= 1

    def _encoded(self, asked: Asked) -> list[int]:
        try:
            return self.model.encode(asked_turns(asked.turns, self.served.completion))
        except TemplateRefused as fault:
            raise Refused(
                f"the student's chat template refuses these messages: {fault.words}", param="messages"
            ) from fault

    def _encoded_text(self, text: str) -> list[int]:
        return text_ids(self.model.tokenizer, text)

    def _room(self, asked: Asked, prompts: Sequence[Sequence[int]]) -> int:
        """How many tokens a reply may have."""
        longest = max(len(prompt) for prompt in prompts)
        if not self.model.window:
            return asked.max_tokens or self.served.max_tokens
        room = self.model.window - longest
        if room < 1 or (asked.max_tokens or 0) > room:
            raise Refused(
                f"the prompt has {longest:,} tokens and the reply may have {asked.max_tokens or 1:,}, "
                f"together more than the model's {self.model.window:,}",
                "context_length_exceeded",
                param="max_tokens",
            )
        return asked.max_tokens or min(self.served.max_tokens, room)

    def _decoding(self, asked: Asked, tokens: int, choice: int) -> Decoding:
        draw = asked.seed if not choice else xxhash.xxh32_intdigest(f"{asked.seed} {choice}".encode())
        size = self.answering.batch_size
        if not asked.temperature:
            return Decoding(tokens, size, self.served.threads)
        return Decoding(tokens, size, self.served.threads, asked.temperature, asked.top_p, draw)

    async def _whole(
        self, asked: Asked, prompts: Sequence[Sequence[int]], tokens: int, chat: bool
    ) -> web.Response:
        wanted = [(prompt, choice) for prompt in prompts for choice in range(asked.choices)]
        replies = await asyncio.gather(
            *(
                self.answering.answer(prompt, self._decoding(asked, tokens, choice))
                for prompt, choice in wanted
            )
        )
        choices = []
        for index, reply in enumerate(replies):
            text, stopped = _until_stop(reply.text, asked.stops)
            said = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
            finish = "stop" if stopped else _finish(reply)
            choices.append({"index": index, **said, "logprobs": None, "finish_reason": finish})
        usage = _usage(sum(len(prompt) for prompt in prompts), replies)
        return _json({**self._head(chat, "", prompts), "choices": choices, "usage": usage})

    async def _stream(
        self, request: web.Request, asked: Asked, prompt: Sequence[int], tokens: int, chat: bool
    ) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        head = self._head(chat, ".chunk", [prompt])

        async def send(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> None:
            part = {"delta": delta} if chat else {"text": (delta or {}).get("content", "")}
            choices = (
                [] if delta is None else [{"index": 0, **part, "logprobs": None, "finish_reason": finish}]
            )
            await response.write(b"data: " + orjson.dumps({**head, "choices": choices, **more}) + b"\n\n")

        if chat:
            await send({"role": "assistant", "content": ""})
        pieces = self.answering.stream(prompt, self._decoding(asked, tokens, 0))
        try:
            async with contextlib.aclosing(pieces):
                reply, finish = await _passed_on(pieces, asked.stops, lambda text: send({"content": text}))
        except ConnectionError:  # the client is gone
            raise
        except Exception as fault:  # whatever a model raises; too late for a status
            await response.write(b"data: " + orjson.dumps(_failure(fault).plain()) + b"\n\n")
            return response
        await send({}, finish)
        if asked.with_usage:
            await send(None, usage=_usage(len(prompt), [reply]))
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    def _head(self, chat: bool, part: str, prompts: Sequence[Sequence[int]]) -> dict[str, Any]:
        number = xxhash.xxh3_64_hexdigest(orjson.dumps([list(prompts), time.monotonic_ns()]))
        return {
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{number}",
            "object": f"chat.completion{part}" if chat else "text_completion",
            "created": int(time.time()),
            "model": self.served.name,
        }


async def _passed_on(
    pieces: AsyncIterator[str | GeneratedReply], stops: Sequence[str], send: Callable[[str], Any]
) -> tuple[GeneratedReply, str]:
    """Sends a reply's text as it grows, up to a stop text; what may be the begin of one waits."""
    text, sent, tokens = "", 0, 0
    held = max((len(stop) for stop in stops), default=1) - 1
    async for piece in pieces:
        if not isinstance(piece, str):
            if len(text) > sent:
                await send(text[sent:])
            return piece, _finish(piece)
        tokens += 1
        text += piece
        cut, stopped = _until_stop(text, stops)
        ready = len(cut) if stopped else max(sent, len(text) - held)
        if ready > sent:
            await send(cut[sent:ready])
            sent = ready
        if stopped:
            return GeneratedReply(cut, "stop", tokens), "stop"
    raise AssertionError("a stream ends with its reply")


def _until_stop(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """A text up to the first of the stop texts, and whether there was one."""
    found = [at for stop in stops if (at := text.find(stop)) >= 0]
    return (text[: min(found)], True) if found else (text, False)


def _finish(reply: GeneratedReply) -> str:
    return "stop" if reply.ending == "stop" else "length"


def _usage(prompt: int, replies: Sequence[GeneratedReply]) -> dict[str, int]:
    """Tokens of prompts and replies; the token that ends a reply is one of its own."""
    said = sum(reply.tokens + (reply.ending == "stop") for reply in replies)
    return {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}


async def _body(request: web.Request) -> Any:
    try:
        return orjson.loads(await request.read())
    except web.HTTPRequestEntityTooLarge as fault:
        raise Refused(f"the body is larger than {LARGEST_BODY:,} bytes", "body_too_large", 413) from fault
    except orjson.JSONDecodeError as fault:
        raise Refused(f"the body is no JSON: {fault}", "invalid_body") from fault
    except web.RequestPayloadError as fault:
        raise Refused("the body cannot be unpacked as its headers say", "invalid_body") from fault


@web.middleware
async def _own_clients(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    """Refuses what was not meant for this machine, and writes every error as JSON."""
    origin = request.headers.get("Origin")
    if not is_own(f"http://{request.headers.get('Host', '')}") or not (origin is None or is_own(origin)):
        return _json(Refused("this server answers its own machine only", "forbidden", 403).plain(), 403)
    try:
        response: web.StreamResponse = await handler(request)
        return response
    except web.HTTPException as fault:
        return _json(Refused(fault.reason, "not_found", fault.status).plain(), fault.status)
    except ConnectionError:  # the client is gone
        raise
    except Exception as fault:  # whatever a model raises
        return _json(_failure(fault).plain(), 500)


def _failure(fault: Exception) -> Refused:
    """What the client is told; a fault that nobody foresaw goes to stderr with its traceback, too."""
    if isinstance(fault, SynthgenError):
        return Refused(fault.faults[0].what, "server_error", 500)
    logging.getLogger(__name__).error("a request failed", exc_info=fault)
    return Refused(f"the model failed: {first_line(fault)}", "server_error", 500)


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=orjson.dumps(value), status=status, content_type="application/json", headers=headers
    )
