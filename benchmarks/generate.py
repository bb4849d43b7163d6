"""Rows a second against one server: synthgen, a bare AsyncOpenAI loop, a bare aiohttp loop, and peers that are installed.

    python benchmarks/generate.py                              # 10,000 rows, 0.5 s latency, 256 in flight; then no latency, 64
    python benchmarks/generate.py --rows 2000 --latency 0 --in-flight 64 --tools synthgen,openai
    python benchmarks/generate.py --install                    # makes an environment for each peer under --cache, then runs all
    python benchmarks/generate.py --memory                     # synthgen alone at 10,000 and at 300,000 rows

Each tool runs in a process (and each peer in an environment) of its own, against a server in another. Timed is from the first
request to rows on disk, start-up left out; for synthgen that is fetching into the ledger, rendering and writing rows. The
server is tests/servers/misbehaving.py. `ideal` is N / (ceil(N / C) * latency).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SERVER = HERE.parent / "tests" / "servers" / "misbehaving.py"
PROMPT = "Solve the following problem step by step, and write the final answer on a line of its own. " * 4
PEERS = {"distilabel": ("distilabel[openai]==1.5.3", "requests"), "curator": ("bespokelabs-curator==0.1.31",)}
OURS = ("synthgen", "synthgen-auto", "openai", "aiohttp")


def question(number: int) -> str:
    return f"{PROMPT}Problem {number}."


# Each tool: (url, rows, in flight, folder) -> seconds, having written its rows.


def run_synthgen(url: str, rows: int, in_flight: int | str, folder: Path) -> float:
    import orjson

    from synthgen.dispatch.session import open_sessions
    from synthgen.exchange import Request
    from synthgen.progress import Reporter
    from synthgen.store.jsonl import RowWriter
    from synthgen.teachers.config import TeacherConfig

    def conversation_of(number: int) -> Any:
        def conversation() -> Any:
            reply = yield Request(messages=({"role": "user", "content": question(number)},))
            return {"instruction": question(number), "output": reply.first.text, "meta": {"request": reply.first.key}}

        return conversation

    assert orjson
    config = TeacherConfig(model="m", base_url=url, limits={"concurrency": in_flight})
    with open_sessions({"": config}, ledger_dir=folder / "ledger", run="bench", budget=None, reporter=Reporter("silent"), stopping=lambda: 0) as sessions:
        session = sessions.open()
        import aiohttp  # start-up is left out

        assert aiohttp
        started = time.perf_counter()
        session.fetch((conversation_of(number) for number in range(rows)), total=rows, stage="bench")
        with RowWriter(folder / "rows.jsonl") as out:
            for rendered in session.render(conversation_of(number) for number in range(rows)):
                out.write(rendered.result)
        return time.perf_counter() - started


def run_synthgen_auto(url: str, rows: int, in_flight: int, folder: Path) -> float:
    return run_synthgen(url, rows, "auto", folder)


def run_openai(url: str, rows: int, in_flight: int, folder: Path) -> float:
    """What people write by hand: AsyncOpenAI on its default transport, a semaphore, rows written at the end."""
    import openai

    async def go() -> float:
        client = openai.AsyncOpenAI(base_url=url, api_key="none")
        gate = asyncio.Semaphore(in_flight)

        async def one(number: int) -> dict[str, Any]:
            async with gate:
                reply = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": question(number)}])
                return {"instruction": question(number), "output": reply.choices[0].message.content}

        started = time.perf_counter()
        made = await asyncio.gather(*(one(number) for number in range(rows)))
        (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))
        return time.perf_counter() - started

    return asyncio.run(go())


def run_aiohttp(url: str, rows: int, in_flight: int, folder: Path) -> float:
    """The least that one process can do: no ledger, no retries, no parsing beyond the text."""
    import aiohttp
    import orjson

    async def go() -> float:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
            numbers = iter(range(rows))
            with open(folder / "rows.jsonl", "wb") as out:

                async def work() -> None:
                    for number in numbers:
                        body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": question(number)}]})
                        async with client.post(f"{url}/chat/completions", data=body, headers={"content-type": "application/json"}) as reply:
                            text = orjson.loads(await reply.read())["choices"][0]["message"]["content"]
                        out.write(orjson.dumps({"instruction": question(number), "output": text}) + b"\n")

                started = time.perf_counter()
                await asyncio.gather(*(work() for _ in range(in_flight)))
                return time.perf_counter() - started

    return asyncio.run(go())


def run_distilabel(url: str, rows: int, in_flight: int, folder: Path) -> float:
    from distilabel.models import OpenAILLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration

    with Pipeline(name="bench", cache_dir=str(folder / "cache")) as pipeline:
        load = LoadDataFromDicts(data=[{"instruction": question(number)} for number in range(rows)], batch_size=in_flight)
        ask = TextGeneration(llm=OpenAILLM(model="m", base_url=url, api_key="none"), input_batch_size=in_flight)
        load >> ask
    started = time.perf_counter()
    made = pipeline.run(use_cache=False)
    made["default"]["train"].to_json(folder / "rows.jsonl")
    return time.perf_counter() - started


def run_curator(url: str, rows: int, in_flight: int, folder: Path) -> float:
    os.environ.update(CURATOR_CACHE_DIR=str(folder / "cache"), OPENAI_API_KEY="none", TELEMETRY_ENABLED="false", CURATOR_VIEWER="0")
    from bespokelabs import curator

    model = curator.LLM(
        model_name="m", backend="openai",
        backend_params={"base_url": url, "max_concurrent_requests": in_flight, "max_requests_per_minute": 10_000_000, "max_tokens_per_minute": 10_000_000_000},
    )  # fmt: skip
    started = time.perf_counter()
    made = model([question(number) for number in range(rows)])
    getattr(made, "dataset", made).to_json(str(folder / "rows.jsonl"))
    return time.perf_counter() - started


TOOLS = {
    "synthgen": run_synthgen, "synthgen-auto": run_synthgen_auto, "openai": run_openai, "aiohttp": run_aiohttp, "distilabel": run_distilabel,
    "curator": run_curator,
}  # fmt: skip


def one_tool(tool: str, url: str, rows: int, in_flight: int) -> None:
    """In the tool's own process: runs it and prints one line of JSON."""
    if not url.startswith("http://127."):
        raise SystemExit("the server of this benchmark is on this machine")
    with tempfile.TemporaryDirectory() as folder:
        before = os.times()
        seconds = TOOLS[tool](url, rows, in_flight, Path(folder))
        after = os.times()
        with open(Path(folder) / "rows.jsonl", "rb") as made:
            written = sum(1 for _ in made)
    cpu = sum(after[:4]) - sum(before[:4])
    memory = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    print("RESULT " + json.dumps({"seconds": seconds, "rows": written, "cpu": cpu, "memory": memory}), flush=True)


def measure(tool: str, python: str, rows: int, in_flight: int, latency: float, timeout: float) -> dict[str, Any] | str:
    """Starts a server and the tool; its figures, or why there are none."""
    server = subprocess.Popen([sys.executable, str(SERVER), "--port", "0", "--latency", str(latency), "--words", "200"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        command = [python, str(Path(__file__).resolve()), "--one", tool, "--url", url, "--rows", str(rows), "--in-flight", str(in_flight)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        found = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        if not found:
            return (done.stderr.strip().splitlines() or ["no result"])[-1][:120]
        return dict(json.loads(found[-1].removeprefix("RESULT ")))
    except subprocess.TimeoutExpired:
        return f"not done within {timeout:g} s"
    finally:
        server.kill()
        server.wait()


def python_of(tool: str, cache: Path, install: bool) -> str | None:
    """The interpreter that a tool runs in; None where a peer is not installed."""
    if tool not in PEERS:
        return sys.executable
    home = cache / tool
    python = home / "bin" / "python"
    if not python.exists() and install:
        venv.create(home, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PEERS[tool]], check=True)
    return str(python) if python.exists() else None


def table(tools: list[str], options: argparse.Namespace, rows: int, in_flight: int, latency: float) -> None:
    ideal = rows / (math.ceil(rows / in_flight) * latency) if latency else 0.0
    print(f"\n{rows:,} rows, {latency:g} s latency, {in_flight} in flight" + (f", ideal {ideal:,.0f} rows/s" if ideal else ""))
    print(f"{'tool':<16}{'rows/s':>9}{'of ideal':>10}{'CPU ms/row':>12}{'memory MB':>11}  load")
    for tool in tools:
        python = python_of(tool, options.cache, options.install)
        if python is None:
            print(f"{tool:<16}  not installed (--install)")
            continue
        load = os.getloadavg()[0]
        found = measure(tool, python, rows, in_flight, latency, options.timeout)
        if isinstance(found, str):
            print(f"{tool:<16}  {found}", flush=True)
            continue
        rate = found["rows"] / found["seconds"]
        share = f"{rate / ideal:.2f}" if ideal else ""
        lost = "" if found["rows"] == rows else f"  {rows - found['rows']:,} rows missing"
        print(f"{tool:<16}{rate:>9,.0f}{share:>10}{1000 * found['cpu'] / rows:>12.2f}{found['memory']:>11,.0f}  {load:.1f}{lost}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--latency", type=float)
    parser.add_argument("--in-flight", type=int)
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "synthgen-benchmarks")
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--timeout", type=float, default=900.0)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one_tool(options.one, options.url, options.rows, options.in_flight)
    elif options.memory:
        for rows in (10_000, 300_000):
            table(["synthgen"], options, rows, options.in_flight or 256, options.latency or 0.0)
    elif options.latency is not None or options.in_flight is not None:
        table(options.tools.split(","), options, options.rows, options.in_flight or 256, options.latency or 0.0)
    else:
        table(options.tools.split(","), options, options.rows, 256, 0.5)
        table(options.tools.split(","), options, options.rows, 64, 0.0)


if __name__ == "__main__":
    main()
