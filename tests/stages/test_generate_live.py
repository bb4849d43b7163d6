"""generate over real sessions, a real ledger and a real server, whose replies come in any order."""

from __future__ import annotations

import hashlib
import json
import random
import re
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from synthgen.config import Misfit, build
from synthgen.dispatch.session import open_sessions
from synthgen.reports.progress import Reporter
from synthgen.stages import generate
from synthgen.stages.contract import Context
from synthgen.store.jsonl import read_rows
from synthgen.teachers.config import Limits

WORDS = "amber birch cedar delta ember fjord grove heron iris jade kelp lotus maple north opal pearl quartz river stone tulip umber violet willow yarrow zinc".split()


class Server:
    """Answers the Self-Instruct recipe; a repeated request gets another reply each time, as a sampling model would give."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                reply = json.dumps(outer.reply(body)).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_: Any) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def reply(self, body: dict[str, Any]) -> dict[str, Any]:
        text = body["messages"][-1]["content"]
        key = hashlib.sha256(text.encode()).hexdigest()
        with self.lock:
            self.seen[key] += 1
        draw = random.Random(key)
        time.sleep(draw.random() * 0.01)
        first = re.search(r"Write tasks (\d+) to", text)
        if first:
            said = "\n".join(f"Task {int(first[1]) + at}: Tell about {' '.join(draw.sample(WORDS, 6))}." for at in range(4))
        elif "classification" in text:
            said = "No"
        else:
            said = f"Input: <noinput>\nOutput: {draw.random()}"
        return {"id": "x", "object": "chat.completion", "model": body["model"], "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}], "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}}


@pytest.fixture
def server() -> Any:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def run(tmp_path: Path, server: Server, name: str, concurrency: int, ledger: str) -> Path:
    from synthgen import registry

    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text("".join(json.dumps({"id": f"s{at}", "instruction": f"Do thing {at} with care.", "output": "x"}) + "\n" for at in range(12)))
    misfits: list[Misfit] = []
    config = build(generate.Config, {"task": "self_instruct", "recipe": "self_instruct", "seeds": str(seeds), "num_rows": 50, "num_tasks": 4}, (), misfits)
    assert config is not None, misfits
    teacher = registry.find("teacher", "openai").Config(provider="openai", model="m-1", base_url=server.url, limits=Limits(concurrency=concurrency))
    out = tmp_path / name
    out.mkdir()
    with open_sessions({"": teacher}, ledger_dir=tmp_path / ledger, run=name, budget=None, reporter=Reporter("silent"), stopping=lambda: 0) as sessions:
        context = Context(run_dir=tmp_path, stage_id="generate", work=tmp_path, seed=0, sessions=sessions, reporter=Reporter("silent"), stopping=lambda: 0)
        generate.run({}, config, context, out).counts.check("generate")
    return out


def test_rounds_give_the_same_bytes_at_any_concurrency(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-needed-here")
    monkeypatch.setattr("synthgen.tasks.self_instruct.ROUND_CALLS", 3)
    outs = [run(tmp_path, server, f"c{concurrency}", concurrency, f"ledger{concurrency}") for concurrency in (1, 32)]
    for file in ("rows.jsonl", "rejected.jsonl"):
        assert len({(out / file).read_bytes() for out in outs}) == 1
    rows = list(read_rows(outs[0] / "rows.jsonl"))
    ids = {row["id"] for row in rows}
    assert len(rows) == 50 and any(ids & set(row["meta"]["demonstrations"]) for row in rows), "later prompts draw on kept rows"
    asked = sum(server.seen.values())
    again = run(tmp_path, server, "again", 8, "ledger32")
    assert sum(server.seen.values()) == asked and (again / "rows.jsonl").read_bytes() == (outs[0] / "rows.jsonl").read_bytes()
