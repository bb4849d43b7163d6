"""A chat server for tests: replies are a function of the last message or raw prompt; requests are counted."""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class ChatServer:
    """`reply(text, draw)` gives a reply's text. A context manager.

    `draw` is a Random of the request's own; with `same` it is the same each time that the request comes.
    Where `refuse(text)` has words, the answer is status 400 with them.
    """

    def __init__(
        self,
        reply: Callable[[str, random.Random], str],
        slowest: float = 0.01,
        same: bool = False,
        refuse: Callable[[str], str] = lambda text: "",
    ) -> None:
        self.reply, self.slowest, self.same, self.refuse = reply, slowest, same, refuse
        self.requests = 0
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # headers and body are two writes

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                answer = outer.answer(body)
                data = json.dumps(answer).encode()
                self.send_response(400 if "error" in answer else 200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None: ...

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        raw = "prompt" in body
        text = body["prompt"] if raw else body["messages"][-1]["content"]
        with self._lock:
            self.requests += 1
            self._seen[text] += 1
            number = self._seen[text]
        if words := self.refuse(text):
            return {"error": {"message": words, "type": "invalid_request_error"}}
        choices = []
        for index in range(body.get("n") or 1):
            draw = random.Random(
                hashlib.sha256(
                    f"{text} {index} {0 if self.same else number} {body.get('temperature')}".encode()
                ).hexdigest()
            )
            said = self.reply(text, draw)
            choices.append(
                {
                    "index": index,
                    "finish_reason": "stop",
                    **({"text": said} if raw else {"message": {"role": "assistant", "content": said}}),
                }
            )
        time.sleep(draw.random() * self.slowest)
        return {
            "id": "x",
            "object": "chat.completion",
            "model": body["model"],
            "choices": choices,
            "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18},
        }

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
