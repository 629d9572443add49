"""The serving process: listens, and on a signal stops without losing a request that reached it."""

from __future__ import annotations

import asyncio
import signal
import socket

import uvicorn
from fastapi import FastAPI

from cutaway.core.errors import UsageError
from cutaway.lab.serve import HOST, Log
from cutaway.lab.serving.state import State

# After the signal nobody new is let in; so long those inside are still answered, with word to leave.
GRACE_SECONDS = 0.3
LONGEST_DRAIN = 30.0
_STEP = 0.02


def check_access(host: str, token: str | None) -> None:
    """Refuse to listen where others can ask, unless they need a token.

    Args:
        host: the address.
        token: what they need.

    Raises:
        UsageError: the address is not loopback and there is no token.
    """
    loopback = host in (HOST, "localhost") or host.startswith("127.")
    if not loopback and token is None:
        raise UsageError(
            f"{host} can be reached by others: set CUTAWAY_TOKEN to a secret that they must send, or listen "
            f"on {HOST}"
        )


def run(app: FastAPI, listening: socket.socket, *, log: Log = "silent") -> None:
    """Serve until SIGTERM or SIGINT comes, then answer what is under way.

    Args:
        app: from `create_server`.
        listening: from `open_socket`.
        log: "silent", or "tracebacks" to print those of unexpected errors.
    """
    state: State = app.state.server
    config = uvicorn.Config(
        app,
        log_level="warning" if log == "tracebacks" else "critical",
        access_log=False,
        server_header=False,
        backlog=2048,
        timeout_graceful_shutdown=int(LONGEST_DRAIN),
    )
    # uvicorn passes a signal on once it is done: SIGTERM has then been obeyed, and is no failure.
    before = signal.signal(signal.SIGTERM, lambda number, frame: None)
    try:
        _Draining(config, state).run(sockets=[listening])
    finally:
        signal.signal(signal.SIGTERM, before)
        state.close()


class _Draining(uvicorn.Server):
    """uvicorn's server, that before it closes answers all connections and tells them so."""

    def __init__(self, config: uvicorn.Config, state: State) -> None:
        super().__init__(config)
        self._state = state

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody new in, answer for a while who is inside, wait for what is under way, close."""
        self._state.stopping = True
        for server in self.servers:
            server.close()
        waited = 0.0
        while waited < GRACE_SECONDS or (self._state.under_way and waited < LONGEST_DRAIN):
            await asyncio.sleep(_STEP)
            waited += _STEP
            if self.force_exit:
                break
        await super().shutdown(sockets)
