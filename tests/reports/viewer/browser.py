"""Real headless Chromium, spoken to over its DevTools protocol; no other driver is needed."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
KEYS = {"Enter": 13, "ArrowLeft": 37, "ArrowRight": 39, "Escape": 27}


class Page:
    """One tab: goes to addresses, presses keys, evaluates, and notes errors and requests."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._number = socket, 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._loaded = asyncio.Event()
        self.errors: list[str] = []
        self.requests: list[str] = []

    async def listen(self) -> None:
        async for message in self._socket:
            event = json.loads(message.data)
            if "id" in event:
                self._waiting.pop(event["id"]).set_result(event.get("result", {}))
                continue
            method, given = event["method"], event["params"]
            if method == "Page.loadEventFired":
                self._loaded.set()
            elif method == "Network.requestWillBeSent":
                self.requests.append(given["request"]["url"])
            elif method == "Log.entryAdded" and given["entry"]["level"] == "error":
                self.errors.append(given["entry"]["text"])
            elif method == "Runtime.exceptionThrown":
                self.errors.append(str(given["exceptionDetails"]))
            elif method == "Page.javascriptDialogOpening":
                self.errors.append(f"dialog: {given['message']}")

    async def call(self, method: str, **given: Any) -> Any:
        self._number += 1
        self._waiting[self._number] = answer = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": self._number, "method": method, "params": given})
        return await asyncio.wait_for(answer, 30)

    async def go(self, url: str) -> None:
        self._loaded.clear()
        await self.call("Page.navigate", url=url)
        await asyncio.wait_for(self._loaded.wait(), 30)

    async def press(self, key: str, modifiers: int = 0, leaves: bool = False) -> None:
        """Presses a key; where it `leaves` the page, waits for the next one."""
        self._loaded.clear()
        code = KEYS.get(key, 0)
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        common = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        await self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **common)
        if leaves:
            await asyncio.wait_for(self._loaded.wait(), 30)

    async def write(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def js(self, code: str) -> Any:
        reply = await self.call("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        return reply["result"].get("value")

    async def until(self, code: str) -> None:
        """Waits until an expression holds."""
        for _ in range(200):
            if await self.js(code):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never: {code}; {await self.js('document.body.innerText')}")

    async def picture(self, path: Path, width: int, dark: bool) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])
        shot = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))


@asynccontextmanager
async def browser():
    """A page of a fresh browser."""
    folder = tempfile.mkdtemp(prefix="chromium-")
    process = subprocess.Popen(
        [
            str(CHROMIUM),
            *("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", f"--user-data-dir={folder}"),
            "about:blank",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = await _port(Path(folder) / "DevToolsActivePort")
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as reply:
                tab = next(one for one in await reply.json() if one["type"] == "page")
            async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=1 << 26) as socket:
                page = Page(socket)
                listening = asyncio.create_task(page.listen())
                for domain in ("Page", "Runtime", "Log", "Network"):
                    await page.call(f"{domain}.enable")
                yield page
                listening.cancel()
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def _port(file: Path) -> int:
    for _ in range(600):
        if file.is_file() and (lines := file.read_text().split()):
            return int(lines[0])
        await asyncio.sleep(0.05)
    raise AssertionError("Chromium did not start")
