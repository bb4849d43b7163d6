"""Serving on this machine alone: bound to loopback, and not for what a browser sends for another site."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from urllib.parse import urlsplit

from aiohttp import web

HOST = "127.0.0.1"
_OWN_NAMES = frozenset((HOST, "localhost", "::1"))


def is_own(address: str) -> bool:
    """Whether an address (`http://host:port`) is this machine's own."""
    try:
        parts = urlsplit(address)
        return parts.hostname in _OWN_NAMES and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


async def serve(application: web.Application, port: int, ready: Callable[[str], None]) -> None:
    """Serves on loopback until SIGTERM or SIGINT.

    Args:
        application: what answers.
        port: 0 for any free one.
        ready: called with the server's URL, without a last slash, when it answers.

    Raises:
        OSError: the port cannot be had.
    """
    runner = web.AppRunner(application, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port, shutdown_timeout=1.0).start()
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        ready(f"http://{HOST}:{runner.addresses[0][1]}")
        await ended.wait()
    finally:
        await runner.cleanup()
