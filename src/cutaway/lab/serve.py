"""The lab's server: a socket on loopback that is ours before anything is promised, then uvicorn."""

from __future__ import annotations

import errno
import socket
from typing import Literal

import uvicorn
from fastapi import FastAPI

from cutaway.core.errors import ResourceError

Log = Literal["silent", "tracebacks"]

HOST = "127.0.0.1"
PORTS_TRIED = 100
LAST_PORT = 65_535


def open_socket(port: int, host: str = HOST) -> socket.socket:
    """Take a port of this machine.

    Args:
        port: its number; 0 takes any that is free.
        host: the address to listen on, a number such as 127.0.0.1.

    Returns:
        A socket that listens already: a browser opened now waits instead of failing.

    Raises:
        ResourceError: the port is taken (the next free one is named) or not ours to take.
    """
    try:
        return _listen(port, host)
    except OSError as error:
        if error.errno == errno.EACCES:
            raise ResourceError(f"port {port} needs more rights: try --port {max(port, 7007)}") from error
        if error.errno != errno.EADDRINUSE:
            raise ResourceError(f"cannot listen on {host}:{port}: {error.strerror}") from error
        raise ResourceError(f"port {port} is in use: try --port {_next_free(port, host)}") from error


def serve(app: FastAPI, listening: socket.socket, *, log: Log = "silent") -> None:
    """Serve until a signal comes; uvicorn then passes the signal on.

    Args:
        app: the lab.
        listening: from `open_socket`.
        log: "silent", or "tracebacks" to print those of unexpected errors.
    """
    config = uvicorn.Config(
        app,
        log_level="warning" if log == "tracebacks" else "critical",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run(sockets=[listening])


def _listen(port: int, host: str) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # Not for taking a port that someone listens on: for one whose old connections are still closing.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections have it from here. asyncio sets it only where the protocol was named; without it an answer's
    # body waits for the client to acknowledge its head, 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening


def _next_free(port: int, host: str) -> int:
    for candidate in range(port + 1, min(port + PORTS_TRIED, LAST_PORT) + 1):
        try:
            _listen(candidate, host).close()
        except OSError:
            continue
        return candidate
    return 0
