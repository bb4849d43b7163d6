"""Who may look: a browser on this machine that was given the token, and no page of another site.

The token comes in the address once, and then as a cookie that no other site's request carries. Pages may run
no script but their own file, and load nothing from elsewhere.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from synthgen.core.errors import SynthgenError, first_line
from synthgen.operations.serve.loopback import is_own

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Lets requests through that carry the token and come from this machine's own pages."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(24)

    def cookie(self, request: web.Request) -> str:
        """The cookie's name; cookies do not know ports, and several viewers may run."""
        return f"synthgen-view-{urlsplit(f'//{request.host}').port}"

    @web.middleware
    async def check(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """The middleware; see the module."""
        response: web.StreamResponse
        try:
            response = self._refusal(request) or await handler(request)
        except web.HTTPException as fault:
            response = _said(fault.status, fault.reason)
        except SynthgenError as fault:
            response = _said(400, str(fault))
        except ConnectionError:  # the browser is gone
            raise
        except FileNotFoundError:
            response = _said(404, "this file is gone: its stage is running again, or its run was deleted")
        except Exception as fault:  # whatever a row holds, the others can still be looked at
            logging.getLogger(__name__).error("a page failed", exc_info=fault)
            response = _said(500, f"this page failed: {first_line(fault)}")
        response.headers.update(HEADERS)
        return response

    def _refusal(self, request: web.Request) -> web.StreamResponse | None:
        own = f"http://{request.headers.get('Host', '')}"
        origin = request.headers.get("Origin")
        if not is_own(own) or origin not in (None, own):
            return _said(403, "this page is for its own machine only")
        given = request.query.get("token")
        if given is not None and self._is_token(given):
            return self._welcome(request)
        if not self._is_token(request.cookies.get(self.cookie(request), "")):
            return _said(403, "open the address that `synthgen view` printed, with its token")
        if request.method not in ("GET", "HEAD") and origin is None:
            return _said(403, "marks are made from the page")
        return None

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())

    def _welcome(self, request: web.Request) -> web.StreamResponse:
        """Takes the token out of the address, so that no history and no picture of the screen shows it."""
        # One slash: an address that begins with two would be another machine's.
        rest = f"/{str(request.rel_url.without_query_params('token')).lstrip('/')}"
        response = web.Response(status=303, headers={"Location": rest})
        response.set_cookie(self.cookie(request), self.token, httponly=True, samesite="Strict", path="/")
        return response


def _said(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n", content_type="text/plain")


def answer(value: Any, status: int = 200) -> web.Response:
    """A JSON answer."""
    import orjson

    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")
