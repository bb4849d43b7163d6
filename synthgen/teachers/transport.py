"""How a request's bytes get to a server and the reply's bytes back: one attempt, no retries, nothing parsed.

Two transports stand behind one small interface: `aiohttp` (the default: a twelfth of the openai client's work for each
request) and `openai` (the openai client's own low-level post, for where its connection handling is wanted).
"""

from __future__ import annotations

import resource
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

MOST_FILES = 1 << 16
MOST_HEADER_BYTES, MOST_HEADERS = 1 << 17, 1024  # a reply is paid for, however much some gateway wrote above it


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server sent: status, headers (of which case does not matter) and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TransportFault(Exception):
    """An attempt without an answer; `reason` is one of the names in the retry table."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}")


class Transport(Protocol):
    """One way to post; lives on one event loop."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> Answer:
        """Posts and reads the whole answer.

        Raises:
            TransportFault: there is no whole answer.
        """
        ...

    async def close(self) -> None:
        """Closes all connections."""
        ...


class AiohttpTransport:
    """Posts with aiohttp; proxies come from the environment.

    The proxy is looked up here, once an address: with `trust_env` aiohttp reads the environment (and ~/.netrc) in a thread
    for each request, which costs more than all the rest.
    """

    def __init__(self) -> None:
        import aiohttp

        self._aiohttp = aiohttp
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}
        self._proxies: dict[str, str | None] = {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300, keepalive_timeout=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=1 << 18,
            max_line_size=MOST_HEADER_BYTES,
            max_field_size=MOST_HEADER_BYTES,
            max_headers=MOST_HEADERS,
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> Answer:
        """See `Transport`."""
        aiohttp = self._aiohttp
        limit = self._timeouts.get(timeout)
        if limit is None:
            limit = self._timeouts[timeout] = aiohttp.ClientTimeout(total=timeout, connect=min(timeout, 30.0))
        if url not in self._proxies:
            self._proxies[url] = proxy_for(url)
        proxy = self._proxies[url]
        try:
            async with self._session.post(url, data=body, headers=headers, timeout=limit, allow_redirects=False, proxy=proxy) as answer:
                content = await answer.read()
                return Answer(answer.status, answer.headers, content)
        except aiohttp.ClientConnectorCertificateError as fault:
            raise TransportFault("certificate", str(fault)) from fault
        except aiohttp.ClientConnectorError as fault:
            raise TransportFault("unreachable", str(fault)) from fault
        except aiohttp.ConnectionTimeoutError as fault:
            raise TransportFault("unreachable", "no connection within 30 s") from fault
        except TimeoutError as fault:
            raise TransportFault("timeout", f"no answer within {timeout:g} s") from fault
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as fault:
            raise TransportFault("connection_reset", str(fault) or type(fault).__name__) from fault
        except aiohttp.ClientPayloadError as fault:
            raise TransportFault("incomplete_body", str(fault)) from fault
        except (aiohttp.InvalidURL, ValueError) as fault:
            raise TransportFault("invalid_url", str(fault)) from fault
        except aiohttp.ClientError as fault:
            raise TransportFault("broken_answer", f"{type(fault).__name__}: {fault}") from fault

    async def close(self) -> None:
        """See `Transport`."""
        await self._session.close()


def proxy_for(url: str) -> str | None:
    """The proxy that the environment (http_proxy, https_proxy, all_proxy, no_proxy) names for an address, or None."""
    parts = urlsplit(url)
    if not parts.hostname or urllib.request.proxy_bypass(parts.netloc):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


class OpenAITransport:
    """Posts with the openai client; its own retries are off, since the retry table decides."""

    def __init__(self) -> None:
        import httpx2
        import openai

        self._openai, self._httpx = openai, httpx2
        limits = httpx2.Limits(max_connections=4096, max_keepalive_connections=4096)
        self._http = openai.DefaultAsyncHttpxClient(limits=limits)
        self._clients: dict[str, Any] = {}

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> Answer:
        """See `Transport`."""
        openai = self._openai
        base, path = _split_url(url)
        client = self._clients.get(base)
        if client is None:
            client = self._clients[base] = openai.AsyncOpenAI(api_key="unused", base_url=base, max_retries=0, http_client=self._http)
        try:
            # The key travels in `headers`; an absent one must not be replaced by the client's own.
            own = {**headers, "authorization": headers.get("authorization", openai.Omit())}
            found = await client.post(path, cast_to=self._httpx.Response, content=body, options={"headers": own, "timeout": timeout, "follow_redirects": False})
            return Answer(found.status_code, found.headers, found.content)
        except openai.APIStatusError as fault:
            answer = fault.response
            return Answer(answer.status_code, answer.headers, answer.content)
        except openai.APITimeoutError as fault:
            raise TransportFault("timeout", f"no answer within {timeout:g} s") from fault
        except openai.APIConnectionError as fault:
            raise _fault_of(fault, self._httpx) from fault

    async def close(self) -> None:
        """See `Transport`."""
        await self._http.aclose()


def _split_url(url: str) -> tuple[str, str]:
    for path in ("/chat/completions", "/completions"):
        if url.endswith(path):
            return url.removesuffix(path), path
    head, _, tail = url.rpartition("/")
    return head, f"/{tail}"


def _fault_of(fault: Exception, httpx: Any) -> TransportFault:
    cause = fault.__cause__ or fault
    detail = str(cause) or type(cause).__name__
    if isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout):
        return TransportFault("certificate" if "certificate" in detail.lower() else "unreachable", detail)
    if isinstance(cause, httpx.RemoteProtocolError) and "incomplete" in detail.lower():
        return TransportFault("incomplete_body", detail)
    if isinstance(cause, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return TransportFault("invalid_url", detail)
    if isinstance(cause, httpx.TransportError):
        return TransportFault("connection_reset", detail)
    return TransportFault("broken_answer", detail)


async def open_transport(kind: str, workers: int = 1, say: Callable[[str], None] = lambda told: None) -> Transport:
    """The transport that a teacher's `transport` option names, in this process or in several, ready to post.

    `say` is told when one of several processes ends before its time.
    """
    if workers > 1:
        from synthgen.teachers.workers import WorkersTransport

        return await WorkersTransport(kind, workers, say).start()
    allow_connections()
    return OpenAITransport() if kind == "openai" else AiohttpTransport()


def allow_connections() -> None:
    """Raises how many files this process may have open to what the system allows it: often 1,024 are set, too few for as many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # some systems allow less than they say
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
