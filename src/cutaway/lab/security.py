"""What stands before every route: who may ask, how much they may send, what the page may load.

The lab listens on loopback, yet any web page open in the same browser can send requests there. So the
Host header must name this machine (a rebound DNS name does not), and a writing request that names an
origin must name ours. No header of these answers ever lets another site read them.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Literal

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT = 256_000  # bytes
BODY_SECONDS = 15.0

READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.ASCII | re.IGNORECASE)

Hosts = Literal["loopback", "any"]

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A request that goes no further: its status and the line that says why."""

    status: int
    reason: str


class Guard:
    """ASGI middleware: Host, Origin and body size are checked before anything else sees the request.

    Args:
        app: what the request goes on to.
        body_limit: the most bytes a body may have, announced or not.
        body_seconds: how long a body may take to arrive.
        hosts: "any" where something else, such as a token, tells who may ask.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        body_limit: int = BODY_LIMIT,
        body_seconds: float = BODY_SECONDS,
        hosts: Hosts = "loopback",
    ) -> None:
        self._app = app
        self._body_limit = body_limit
        self._body_seconds = body_seconds
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body whole, or answer it here."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = _refused_sender(scope, headers, self._hosts)
        if scope["type"] == "websocket":
            # The lab has no sockets yet; one that comes later still meets the sender's check.
            await (_close_socket(send) if refusal else self._app(scope, receive, send))
            return
        body = refusal or await self._take_body(headers, receive)
        guarded = _with_headers(send)
        if isinstance(body, Refusal):
            answer = JSONResponse({"error": body.reason}, status_code=body.status)
            await answer(scope, receive, guarded)
        elif body is not None:
            await self._app(scope, _replay(body, receive), guarded)

    async def _take_body(self, headers: Headers, receive: Receive) -> bytes | Refusal | None:
        """Hold the body up to the limit; one byte more and the rest is never read. None: they left."""
        too_large = Refusal(
            status=413, reason=f"the request is over {self._body_limit:,} bytes: send a shorter text"
        )
        announced = headers.get("content-length", "0")
        if announced.isascii() and announced.isdigit() and int(announced[:20]) > self._body_limit:
            return too_large
        pieces = bytearray()
        try:
            async with asyncio.timeout(self._body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    pieces += message.get("body", b"")
                    if len(pieces) > self._body_limit:
                        return too_large
                    if not message.get("more_body", False):
                        return bytes(pieces)
        except TimeoutError:
            return Refusal(
                status=408, reason=f"the request's body did not arrive within {self._body_seconds:g} s"
            )


def _refused_sender(scope: Scope, headers: Headers, allowed: Hosts) -> Refusal | None:
    hosts = headers.getlist("host")
    if len(hosts) != 1 or (allowed == "loopback" and not LOOPBACK_HOST.fullmatch(hosts[0])):
        named = ", ".join(hosts) or "nothing"
        return Refusal(
            status=400,
            reason=f"the Host header names {named[:100]!r}: it must name 127.0.0.1 or localhost",
        )
    writes = scope["type"] == "websocket" or scope["method"] not in READING_METHODS
    origins = headers.getlist("origin")
    if writes and any(origin.lower() != f"http://{hosts[0].lower()}" for origin in origins):
        return Refusal(
            status=403,
            reason=f"the request comes from {', '.join(origins)[:100]!r}, not from a page of this server",
        )
    return None


def _replay(body: bytes, receive: Receive) -> Receive:
    """Hand out the body that was taken, once, and then what follows it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _with_headers(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            answered = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                answered[name] = value
        await send(message)

    return guarded


async def _close_socket(send: Send) -> None:
    await send({"type": "websocket.close", "code": 1008})
