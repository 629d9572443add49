"""The API: what it answers to good texts, and one line for everything else."""

from __future__ import annotations

import asyncio
import threading
import time
from functools import partial

import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient

from cutaway.core.version import VERSION
from cutaway.lab.security import BODY_LIMIT
from cutaway.lab.turns import MOST_WAITING, Turns


def test_health_tells_version_and_limit(client: TestClient) -> None:
    assert client.get("/api/health").json() == {"version": VERSION, "body_limit": BODY_LIMIT}


def test_the_tour_is_the_librarys_own(client: TestClient) -> None:
    from cutaway.tour import tour

    text = "I love learning about LLMs 🙃 <b>"
    answer = client.post("/api/tour", json={"text": text})
    assert answer.status_code == 200
    assert answer.json() == tour(text).to_json()


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b"])
def test_text_without_a_word_is_one_line(client: TestClient, text: str) -> None:
    answer = client.post("/api/tour", json={"text": text})
    assert answer.status_code == 422
    assert list(answer.json()) == ["error"]
    assert "\n" not in answer.json()["error"]


def test_odd_characters_follow_the_one_policy(client: TestClient) -> None:
    sent = b'{"text": "good \\ud800 film \\u0000 \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"}'
    answer = client.post("/api/tour", content=sent, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    assert answer.json()["text"] == "good \ufffd film \0 שלום"


def test_a_long_text_is_cut_by_the_tours_policy_and_says_so(client: TestClient) -> None:
    answer = client.post("/api/tour", json={"text": "good film " * 20_000})
    assert answer.status_code == 200
    assert "200,000 characters" in answer.json()["notes"][0]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"null", "application/json"),
        (b"\xff\xfe", "application/json"),
        (b'{"text": 1}', "application/json"),
        (b'{"text": null}', "application/json"),
        (b'{"txt": "a"}', "application/json"),
        (b'{"text": "a", "path": "/etc/passwd"}', "application/json"),
        (b"[" * 10_000, "application/json"),
        (b'{"text": "a"}', "text/plain"),
        (b"text=a", "application/x-www-form-urlencoded"),
    ],
)
def test_wrong_bodies_are_one_line(client: TestClient, body: bytes, kind: str) -> None:
    answer = client.post("/api/tour", content=body, headers={"content-type": kind})
    assert answer.status_code in (400, 422)
    assert list(answer.json()) == ["error"]
    assert "\n" not in answer.json()["error"]
    assert len(answer.json()["error"]) < 300


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/tour", 404), ("DELETE", "/api/tour", 405), ("GET", "/api/none", 404)],
)
def test_wrong_routes_are_one_line(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert path in answer.json()["error"]


def test_one_text_at_a_time_a_few_waiting_the_rest_sent_away() -> None:
    inside, most, threads = 0, 0, set()

    def slow(text: str) -> bytes:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        threads.add(threading.get_ident())
        time.sleep(0.01)
        inside -= 1
        return text.encode()

    async def ask() -> list[bytes | BaseException]:
        turns = Turns()
        texts = [str(at) for at in range(MOST_WAITING + 3)]
        answers = await asyncio.gather(
            *(turns.run(partial(slow, text)) for text in texts), return_exceptions=True
        )
        assert await turns.run(partial(slow, "after")) == b"after"
        return answers

    answers = asyncio.run(ask())
    assert answers[:MOST_WAITING] == [str(at).encode() for at in range(MOST_WAITING)]
    refused = answers[MOST_WAITING:]
    assert all(isinstance(one, HTTPException) and one.status_code == 429 for one in refused)
    assert [one.headers for one in refused if isinstance(one, HTTPException)] == [{"Retry-After": "2"}] * 3
    assert most == 1
    assert threading.get_ident() not in threads
