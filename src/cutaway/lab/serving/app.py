"""The prediction server's application: four routes, one line of JSON for every error, counts of it all."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cutaway.core.errors import UsageError
from cutaway.core.version import VERSION
from cutaway.lab.errors import answer_errors
from cutaway.lab.security import HEADERS, Guard
from cutaway.lab.serving.metrics import Metrics
from cutaway.lab.serving.routes import ROUTES, router
from cutaway.lab.serving.served import Served
from cutaway.lab.serving.state import RequestLimits, State

SHORTEST_TOKEN = 16


@dataclass(frozen=True, kw_only=True)
class AccessSettings:
    """Who may ask, and how much.

    Attributes:
        token: what a request must carry; none is needed on loopback.
        limits: of one request.
    """

    token: str | None = None
    limits: RequestLimits = field(default_factory=RequestLimits)

    def __post_init__(self) -> None:
        if self.token is not None and (len(self.token) < SHORTEST_TOKEN or not self.token.isascii()):
            raise UsageError(f"a token has {SHORTEST_TOKEN} ASCII characters or more, not {len(self.token)}")


def create_server(models: Mapping[str, Served], metrics: Metrics, access: AccessSettings) -> FastAPI:
    """Put the server together.

    Args:
        models: by name; the first answers by default.
        metrics: what counts.
        access: token and limits.

    Returns:
        The application, guarded: Host or token, Origin and size are checked before any route; its
        `state.server` tells how many requests are under way.
    """
    app = FastAPI(
        title="Cutaway predictions",
        version=VERSION,
        summary="Trained classifiers over HTTP.",
        docs_url=None,
        redoc_url=None,
    )
    app.state.server = State(models=dict(models), metrics=metrics, limits=access.limits)
    # Added last, called first: counted, then the token, then the guard.
    app.add_middleware(
        Guard, body_limit=access.limits.bytes, hosts="loopback" if access.token is None else "any"
    )
    if access.token is not None:
        app.add_middleware(Bearer, token=access.token)
    app.add_middleware(Counted, state=app.state.server)
    answer_errors(
        app, command="cutaway serve", hints={"/v1/predict": '{"text": "..."} or {"texts": ["..."]}'}
    )
    app.include_router(router)
    return app


class Bearer:
    """ASGI middleware: no route answers without the token.

    Args:
        app: what the request goes on to.
        token: that `Authorization: Bearer` must carry.
    """

    def __init__(self, app: ASGIApp, *, token: str) -> None:
        self._app, self._wanted = app, f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        given = Headers(scope=scope).getlist("authorization") if scope["type"] != "lifespan" else []
        if scope["type"] == "lifespan" or (
            len(given) == 1 and hmac.compare_digest(given[0].encode("latin-1"), self._wanted)
        ):
            await self._app(scope, receive, send)
            return
        headers = {**HEADERS, "www-authenticate": "Bearer"}
        refusal = {"error": "send the server's token: Authorization: Bearer <token>"}
        await JSONResponse(refusal, status_code=401, headers=headers)(scope, receive, send)


class Counted:
    """ASGI middleware: counts each request and its time; while the server stops, connections end with it.

    Args:
        app: what the request goes on to.
        state: the server's.
    """

    def __init__(self, app: ASGIApp, *, state: State) -> None:
        self._app, self._state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and see what comes back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Other paths are one: whoever asks for random ones shall not grow the counts.
        route = scope["path"] if scope["path"] in ROUTES else "other"
        started, status = perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._state.stopping:
                    MutableHeaders(scope=message)["connection"] = "close"
            await send(message)

        self._state.under_way += 1
        try:
            await self._app(scope, receive, watched)
        finally:
            self._state.under_way -= 1
            self._state.metrics.requests.labels(route, str(status)).inc()
            self._state.metrics.seconds.labels(route).observe(perf_counter() - started)
