"""Who may ask the lab, how much they may send, and what its answers forbid."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from cutaway.lab.security import BODY_LIMIT, Guard

OWN = "http://127.0.0.1:7007"
SENTENCE = {"text": ""}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:7007", "localhost:80", "LocalHost", "[::1]:7007"])
def test_hosts_that_are_this_machine(client: TestClient, host: str) -> None:
    assert client.get("/api/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "evil.example:7007",
        "localhost:7007@evil.example",
        "127.0.0.1:7007 evil.example",
        "127.0.0.1:",
        "0.0.0.0",
        "10.0.0.5:7007",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/health", "/assets/page-abc.js", "/nowhere"])
def test_other_hosts_are_refused_on_every_path(client: TestClient, host: str, path: str) -> None:
    answer = client.get(path, headers={"host": host})
    assert answer.status_code == 400
    assert "Host header" in answer.json()["error"]


def test_two_hosts_are_refused(client: TestClient) -> None:
    headers = [("host", "127.0.0.1"), ("host", "127.0.0.1")]
    assert client.get("/api/health", headers=headers).status_code == 400


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:8000",
        "https://127.0.0.1:7007",
        "http://127.0.0.1",
        "",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_writing_from_elsewhere_is_refused(client: TestClient, origin: str, method: str) -> None:
    answer = client.request(method, "/api/tour", headers={"origin": origin}, json=SENTENCE)
    assert answer.status_code == 403
    assert "not from a page of this server" in answer.json()["error"]


def test_writing_from_the_page_or_from_no_page_is_not(client: TestClient) -> None:
    # 422: it reached the route, which takes no number for a text.
    assert client.post("/api/tour", headers={"origin": OWN}, json={"text": 1}).status_code == 422
    assert client.post("/api/tour", json={"text": 1}).status_code == 422


def test_reading_answers_let_no_other_site_in(client: TestClient) -> None:
    answer = client.get("/api/health", headers={"origin": "http://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    asked = client.options(
        "/api/tour", headers={"origin": "http://evil.example", "access-control-request-method": "POST"}
    )
    assert not [name for name in asked.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "headers", [{"origin": "http://evil.example"}, {"host": "evil.example"}, {"origin": "null"}]
)
def test_sockets_from_elsewhere_are_closed(client: TestClient, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect("/api/tour", headers=headers):
        pass
    assert closed.value.code == 1008


def test_a_body_over_the_limit_is_refused_by_its_length(client: TestClient) -> None:
    answer = client.post("/api/tour", json={"text": "a" * 1_000_000})
    assert answer.status_code == 413
    assert f"{BODY_LIMIT:,} bytes" in answer.json()["error"]


def test_a_body_over_the_limit_is_refused_in_pieces(client: TestClient) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b"a" * 10_000

    assert client.post("/api/tour", content=pieces()).status_code == 413


async def _talk(guard: Guard, messages: list[Message], headers: dict[str, str]) -> tuple[int, int]:
    """Return the status and how many messages were taken from the client."""
    taken = 0
    statuses = []

    async def receive() -> Message:
        nonlocal taken
        if taken == len(messages):
            await asyncio.sleep(60)
        taken += 1
        return messages[taken - 1]

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    pairs = [(name.encode(), value.encode()) for name, value in ({"host": "localhost"} | headers).items()]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": pairs}
    await guard(scope, receive, send)
    return (statuses or [0])[0], taken


async def _echo_length(scope: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    await send({"type": "http.response.start", "status": 200 + len(message["body"]), "headers": []})
    await send({"type": "http.response.body", "body": b""})


def _piece(size: int, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": b"a" * size, "more_body": more}


@pytest.mark.parametrize(
    ("messages", "headers", "expected"),
    [
        ([_piece(5), _piece(5, more=False)], {}, (210, 2)),
        ([_piece(5), _piece(6), _piece(1)], {}, (413, 2)),
        ([_piece(11)], {"content-length": "11"}, (413, 0)),
        ([_piece(3), _piece(20)], {"content-length": "3"}, (413, 2)),
        ([_piece(3)], {"content-length": "9" * 5000}, (413, 0)),
        ([_piece(3), {"type": "http.disconnect"}], {}, (0, 2)),
        ([_piece(3)], {}, (408, 1)),
    ],
    ids=["at the limit", "over in pieces", "announced", "announced falsely", "absurd", "gone", "too slow"],
)
def test_no_byte_beyond_the_limit_is_read(
    messages: list[Message], headers: dict[str, str], expected: tuple[int, int]
) -> None:
    guard = Guard(_echo_length, body_limit=10, body_seconds=0.05)
    assert asyncio.run(_talk(guard, messages, headers)) == expected


def test_every_answer_forbids_what_the_page_does_not_need(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(text: str) -> bytes:
        raise RuntimeError("boom\nsecond line")

    monkeypatch.setattr("cutaway.lab.routes.tour._tour", broken)
    answers = [
        client.get("/"),
        client.get("/assets/page-abc.js"),
        client.get("/api/health"),
        client.get("/nowhere"),
        client.get("/", headers={"host": "evil.example"}),
        client.post("/api/tour", json={"text": "a" * 300_000}),
        client.post("/api/tour", json={"text": "a"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 404, 400, 413, 500]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert answers[-1].json() == {
        "error": "unexpected RuntimeError: boom second line (a bug: `cutaway lab --debug` shows where)"
    }


@pytest.mark.parametrize(
    "path",
    [
        "/%00",
        "/assets/%00page-abc.js",
        "/../conftest.py",
        "/..%2f..%2fconftest.py",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/assets/..%5c..%5csecret.txt",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/assets/link.txt",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/" + "a" * 5_000,
    ],
)
def test_paths_lead_nowhere_but_to_the_built_files(client: TestClient, static: Path, path: str) -> None:
    secret = static.parent / "secret.txt"
    secret.write_text("secret")
    (static / "assets" / "link.txt").symlink_to(secret)
    answer = client.get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text.replace("secret.txt", "")


def test_hashed_files_are_kept_and_the_page_is_asked_for_anew(client: TestClient) -> None:
    assert "immutable" in client.get("/assets/page-abc.js").headers["cache-control"]
    assert client.get("/").headers["cache-control"] == "no-cache"
