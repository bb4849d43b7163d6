"""Bare loops, without ledger, retries or resuming: what people write by hand, and the least that one process can do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.asking import question
from benchmarks.clock import Clock


def ask_openai(url: str, rows: int, in_flight: int, folder: Path, clock: Clock) -> Iterable[Any]:
    """AsyncOpenAI on its default transport, a semaphore, rows written at the end."""
    import openai

    async def go() -> None:
        client = openai.AsyncOpenAI(base_url=url, api_key="none")
        gate = asyncio.Semaphore(in_flight)

        async def one(number: int) -> dict[str, Any]:
            async with gate:
                reply = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": question(number)}])
                return {"instruction": question(number), "output": reply.choices[0].message.content}

        with clock:
            made = await asyncio.gather(*(one(number) for number in range(rows)))
            (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))

    asyncio.run(go())
    return _answers(folder)


def ask_aiohttp(url: str, rows: int, in_flight: int, folder: Path, clock: Clock) -> Iterable[Any]:
    """A bare aiohttp session; nothing parsed beyond the text."""
    import aiohttp
    import orjson

    async def go() -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
            numbers = iter(range(rows))

            async def work() -> None:
                for number in numbers:
                    body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": question(number)}]})
                    async with client.post(f"{url}/chat/completions", data=body, headers={"content-type": "application/json"}) as reply:
                        text = orjson.loads(await reply.read())["choices"][0]["message"]["content"]
                    out.write(orjson.dumps({"instruction": question(number), "output": text}) + b"\n")

            with clock, open(folder / "rows.jsonl", "wb") as out:
                await asyncio.gather(*(work() for _ in range(in_flight)))

    asyncio.run(go())
    return _answers(folder)


def _answers(folder: Path) -> Iterable[Any]:
    return (json.loads(line)["output"] for line in open(folder / "rows.jsonl"))
