"""A real Chromium without a window, driven over its DevTools protocol: what a page logs, loads and shows.

Nothing but aiohttp is needed. `open_page` gives a page of a browser of its own, which ends with it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PROGRAM = next((found for name in NAMES if (found := shutil.which(name))), None)
"""Where Chromium is; None where there is none."""
SWITCHES = (
    "--headless --no-sandbox --disable-gpu --hide-scrollbars --no-first-run --disable-extensions "
    "--disable-background-networking --disable-component-update --disable-sync --remote-debugging-port=0"
).split()
SECONDS = 60
KEYS = {"Enter": 13, "Tab": 9, " ": 32, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39}
CTRL = 2
FAINT = """(() => {
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const linear = v => v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
  const behind = one => {
    for (; one; one = one.parentElement) {
      const colour = parts(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const one = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !one.checkVisibility()) continue;
    const style = getComputedStyle(one);
    const colour = parts(one.closest('svg') ? style.fill : style.color);
    const [dim, bright] = [light(colour), light(behind(one))].sort((a, b) => a - b);
    if ((bright + .05) / (dim + .05) < 4.5)
      found.push(one.tagName + ' ' + walk.currentNode.data.trim().slice(0, 40));
  }
  return found;
})()"""
"""The texts whose contrast with what is behind them is below 4.5 (WCAG 2.2, AA)."""


class Page:
    """A page, and what happened on it: `requests`, `logged` and `dialogs`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._number = socket, 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._events: dict[str, asyncio.Event] = {}
        self.session = ""
        self.requests: list[str] = []
        self.logged: list[str] = []
        self.dialogs: list[str] = []

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Calls a method of the protocol; fails where the browser says no."""
        self._number += 1
        answer = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        call = {"id": self._number, "method": method, "params": params}
        await self._socket.send_json({**call, **({"sessionId": self.session} if self.session else {})})
        async with asyncio.timeout(SECONDS):
            return await answer

    async def listen(self) -> None:
        """Takes what the browser sends until it is gone."""
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                answer = self._waiting.pop(told["id"])
                if "error" in told:
                    answer.set_exception(AssertionError(f"Chromium: {told['error']['message']}"))
                else:
                    answer.set_result(told["result"])
                continue
            method, params = told["method"], told["params"]
            if method == "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            elif method == "Runtime.consoleAPICalled":
                self.logged.append(f"{params['type']}: {[one.get('value') for one in params['args']]}")
            elif method == "Runtime.exceptionThrown":
                self.logged.append(params["exceptionDetails"]["text"])
            elif method == "Log.entryAdded":
                self.logged.append(f"{params['entry']['level']}: {params['entry']['text']}")
            elif method == "Page.javascriptDialogOpening":
                self.dialogs.append(params["message"])
            if method in self._events:
                self._events[method].set()

    async def go(self, url: str) -> None:
        """Opens an address and waits until all of it is there."""
        loaded = self._events["Page.loadEventFired"] = asyncio.Event()
        await self.send("Page.navigate", url=url)
        async with asyncio.timeout(SECONDS):
            await loaded.wait()

    async def look(self, width: int, height: int = 900, dark: bool = False) -> None:
        """Sets the size of the window, and whether the reader likes it dark."""
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])

    async def value(self, script: str) -> Any:
        """What an expression comes to on the page."""
        found = await self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, script: str) -> None:
        """Waits until an expression holds."""
        for _ in range(200):
            if await self.value(f"Boolean({script})"):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never: {script}; {await self.value('document.body.innerText')}")

    async def press(self, key: str, modifiers: int = 0, leaves: bool = False) -> None:
        """Presses a key and lets it go; where it `leaves` the page, waits for the next one."""
        loaded = self._events["Page.loadEventFired"] = asyncio.Event()
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        common = {"key": key, "windowsVirtualKeyCode": KEYS.get(key, 0), "modifiers": modifiers}
        await self.send(
            "Input.dispatchKeyEvent", type="keyDown", **common, **({"text": text} if text else {})
        )
        await self.send("Input.dispatchKeyEvent", type="keyUp", **common)
        if leaves:
            async with asyncio.timeout(SECONDS):
                await loaded.wait()

    async def write(self, text: str) -> None:
        """Types a text where the cursor is."""
        await self.send("Input.insertText", text=text)

    async def picture(self, whole: bool = False) -> bytes:
        """A PNG of the window, or of the whole page."""
        shot = await self.send(
            "Page.captureScreenshot", captureBeyondViewport=whole, **(await self._clip(whole))
        )
        return base64.b64decode(shot["data"])

    async def _clip(self, whole: bool) -> dict[str, Any]:
        if not whole:
            return {}
        size = (await self.send("Page.getLayoutMetrics"))["cssContentSize"]
        return {"clip": {**size, "scale": 1}}


@contextlib.asynccontextmanager
async def open_page(profile: Path) -> AsyncIterator[Page]:
    """A page of a fresh browser whose files are in `profile`."""
    assert PROGRAM is not None
    command = [PROGRAM, *SWITCHES, f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as browser:
        try:
            assert browser.stderr is not None
            found = next(filter(None, (re.search(r"ws://\S+", line) for line in browser.stderr)), None)
            assert found, "Chromium ended before it listened"
            drained = asyncio.get_running_loop().run_in_executor(None, browser.stderr.read)
            async with (
                aiohttp.ClientSession() as client,
                client.ws_connect(found[0], max_msg_size=0) as socket,
            ):
                page = Page(socket)
                listening = asyncio.create_task(page.listen())
                target = (await page.send("Target.createTarget", url="about:blank"))["targetId"]
                attached = await page.send("Target.attachToTarget", targetId=target, flatten=True)
                page.session = attached["sessionId"]
                for domain in ("Page", "Runtime", "Log", "Network"):
                    await page.send(f"{domain}.enable")
                yield page
                page.session = ""
                await page.send("Browser.close")
                listening.cancel()
            await drained
        finally:
            browser.kill()
