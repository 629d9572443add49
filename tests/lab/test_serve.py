"""`cutaway lab`: its port, its start and its end."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cutaway.cli.main import main
from cutaway.core.errors import MissingFileError, ResourceError
from cutaway.lab.app import create_app
from cutaway.lab.serve import open_socket


def test_a_taken_port_is_named_with_the_next_free_one() -> None:
    with open_socket(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ResourceError, match=rf"port {port} is in use: try --port (\d+)") as refused:
            open_socket(port)
    free = int(str(refused.value).rsplit(" ", 1)[1])
    assert free > port
    open_socket(free).close()


def test_the_socket_listens_on_loopback_only_and_at_once() -> None:
    with open_socket(0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
        # A browser that is opened before the server runs waits instead of failing.
        socket.create_connection(listening.getsockname(), timeout=1).close()


def test_command_with_a_taken_port(capsys: pytest.CaptureFixture[str]) -> None:
    with open_socket(0) as taken:
        port = taken.getsockname()[1]
        assert main(["lab", "--port", str(port)]) == 4
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"port {port} is in use: try --port" in said


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_command_with_a_port_that_is_none(port: str) -> None:
    assert main(["lab", "--port", port]) == 2


def test_a_page_that_was_never_built(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"not built.*hatch_build\.py"):
        create_app(static=tmp_path)


def test_command_without_a_built_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cutaway.lab.app.STATIC", tmp_path)
    assert main(["lab", "--port", "0"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_ctrl_c_ends_it_with_130_and_one_line(start_server: Callable[..., Any]) -> None:
    server = start_server()
    server.process.send_signal(signal.SIGINT)
    _, said = server.process.communicate(timeout=10)
    assert server.process.returncode == 130
    assert said == "cutaway: interrupted\n"


def test_a_text_over_the_limit_over_a_real_connection(server: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest("POST", "/api/tour")
    connection.putheader("content-type", "application/json")
    connection.putheader("content-length", str(10**9))
    connection.endheaders()
    connection.send(b"{")
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: 127.0", id="heads that never end"),
        pytest.param(
            b"POST /api/tour HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n{", id="half bodies"
        ),
    ],
)
def test_a_healthy_page_is_served_beside_two_hundred_slow_connections(server: Any, begun: bytes) -> None:
    before = resident(server.process.pid)
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
    try:
        for one in slow:
            one.sendall(begun)
        started = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/api/health")
        assert connection.getresponse().status == 200
        connection.close()
        # Not a benchmark: the bodies above take 15 s to be given up.
        assert time.perf_counter() - started < 5
        assert resident(server.process.pid) - before < 64e6
    finally:
        for one in slow:
            one.close()


def resident(process: int) -> int:
    """Bytes of memory that a process holds."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_an_answer_does_not_wait_for_the_one_before_to_be_acknowledged() -> None:
    with open_socket(0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
