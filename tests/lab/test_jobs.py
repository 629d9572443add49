"""Trainings started over the API of a real lab: told as they happen, stopped, found again, kept within limits."""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

import cutaway
from cutaway.lab.jobs.store import find_job
from cutaway.tokenization.training.trainer import train_pipeline

if TYPE_CHECKING:
    from tests.lab.conftest import Server

HUG = "hug " * 10 + "pug " * 5 + "pun " * 12 + "bun " * 4
# No word so frequent that it is thinned out.
MANY = "\n".join(
    " ".join(f"w{(at * at + 7 * at) % 1999}" for at in range(row, row + 20)) for row in range(1500)
)
REVIEWS = "text,label\n" + "".join(
    f"a {word} film number {at},{label}\n"
    for at in range(12)
    for word, label in (("lovely", "good"), ("dreadful", "bad"))
)


def tokenizer(text: str = HUG, **more: Any) -> dict[str, Any]:
    return {"training": {"kind": "tokenizer", "data": {"text": text}, "vocab_size": 262, **more}}


def endless() -> dict[str, Any]:
    """Vectors that are not ready before they are stopped."""
    more = {"epochs": 500, "dim": 300, "window": 20, "watch": ["w8"]}
    return {"training": {"kind": "vectors", "data": {"text": MANY}, **more}}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


def send(server: Server, method: str, path: str, body: object = None) -> Answer:
    connection = http.client.HTTPConnection(*server.address.removeprefix("http://").split(":"), timeout=60)
    text = None if body is None else json.dumps(body)
    connection.request(method, path, text, {"content-type": "application/json"})
    answer = connection.getresponse()
    found = Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, json.loads(answer.read()))
    connection.close()
    return found


def start(server: Server, body: object) -> str:
    answer = send(server, "POST", "/api/jobs", body)
    assert answer.status == 201, answer.body
    name: str = answer.body["id"]
    return name


@dataclass
class Heard:
    """What an event stream told."""

    ids: list[int] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    state: str | None = None

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind]

    @property
    def points(self) -> list[list[Any]]:
        return [point for event in self.of("progress") for point in event["points"]]


def lines(server: Server, name: str, after: int = 0) -> Generator[str, None, None]:
    connection = http.client.HTTPConnection(*server.address.removeprefix("http://").split(":"), timeout=120)
    connection.request("GET", f"/api/jobs/{name}/events", headers={"last-event-id": str(after)})
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.getheader("content-type", "").startswith("text/event-stream")
    try:
        while line := answer.readline():
            yield line.decode().rstrip("\n")
    finally:
        answer.close()
        connection.close()


def listen(
    server: Server, name: str, after: int = 0, until: Callable[[Heard], bool] = lambda _: False
) -> Heard:
    heard, last = Heard(), ""
    with closing(lines(server, name, after)) as stream:
        for line in stream:
            if line.startswith("id: "):
                heard.ids.append(int(line[4:]))
            elif line.startswith("data: ") and last.startswith("event: state"):
                heard.state = json.loads(line[6:])
            elif line.startswith("data: "):
                heard.events.append(json.loads(line[6:]))
                if until(heard):
                    break
            last = line
    return heard


def wait_for(server: Server, name: str, state: str) -> dict[str, Any]:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found: dict[str, Any] = send(server, "GET", f"/api/jobs/{name}").body
        if found["state"] == state:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{found['state']!r} is not {state!r}: {found}")


def test_a_tokenizer_is_learned_and_told_merge_by_merge(server: Server) -> None:
    name = start(server, tokenizer())
    heard = listen(server, name)
    assert heard.state == "done"
    assert heard.ids == list(range(1, len(heard.events) + 1))
    # pug 5 and pun 12, each with a space before it: " p" stands 17 times.
    learned = train_pipeline([HUG], vocab_size=262)[1]
    assert [point[1:] for point in heard.points] == [[at, step.times] for at, step in enumerate(learned, 1)]
    assert heard.points[0][2] == 17
    result = heard.of("done")[0]["result"]
    own = cutaway.Tokenizer.train([HUG], model="bpe", vocab_size=262)
    assert result["vocabulary"] == own.vocab_size
    out = server.folder / "runs" / "lab" / name / "out" / "tokenizer.json"
    assert cutaway.Tokenizer.load(out).encode("hug pun").ids == own.encode("hug pun").ids


def test_whoever_comes_later_gets_what_is_missing(server: Server) -> None:
    name = start(server, tokenizer())
    first = listen(server, name)
    again = listen(server, name, after=first.ids[1])
    assert again.events == first.events[2:]
    assert again.state == "done"
    assert listen(server, name, after=first.ids[-1]).events == []


def test_vectors_of_a_few_sentences_put_like_words_together(server: Server) -> None:
    text = "\n".join(
        f"the {who} wears a crown\nthe {pet} eats a bone" for who, pet in (("king", "dog"), ("queen", "cat"))
    )
    asked = {
        "kind": "vectors",
        "data": {"text": text},
        "epochs": 300,
        "dim": 16,
        "watch": ["king", "dog", "none"],
    }
    heard = listen(server, start(server, {"training": asked}))
    near = {one["word"]: one["near"][0][0] for one in heard.of("done")[0]["result"]["neighbors"]}
    assert near == {"king": "queen", "dog": "cat"}
    losses = [y for _, _, y in heard.points]
    assert sum(losses[-20:]) < 0.8 * sum(losses[:20])


def test_two_listeners_hear_the_same_and_a_stop_keeps_what_was_learned(server: Server) -> None:
    name = start(server, endless())
    seen = listen(server, name, until=lambda heard: len(heard.points) > 3)
    assert seen.of("began")[0]["curves"] == ["loss, nats"]
    assert send(server, "GET", "/api/jobs").body[0]["state"] == "running"
    stopped = send(server, "POST", f"/api/jobs/{name}/stop", {}).body
    assert stopped["state"] in ("stopping", "stopped")
    both = [listen(server, name), listen(server, name)]
    assert both[0] == both[1]
    assert both[0].events[: len(seen.events)] == seen.events
    assert both[0].state == "stopped"
    assert both[0].of("stopped")[0]["kept"] == ["state"]
    # It goes on where it stood, and whoever listens hears on.
    assert send(server, "POST", f"/api/jobs/{name}/resume", {}).body["state"] == "running"
    assert send(server, "POST", f"/api/jobs/{name}/resume", {}).status == 422
    on = listen(server, name, both[0].ids[-1], until=lambda heard: len(heard.points) > 1)
    assert on.points[0][1] > both[0].points[-1][1]
    assert on.events[0]["seconds"] >= both[0].events[-1]["seconds"]
    send(server, "POST", f"/api/jobs/{name}/stop", {})
    wait_for(server, name, "stopped")


@pytest.mark.parametrize(
    "training",
    [
        {"kind": "language", "data": {"text": "to be or not to be " * 800}, "epochs": 6, "hidden": 64},
        {"kind": "finetune", "data": {"text": REVIEWS}, "epochs": 12, "max_tokens": 64, "rank": 2},
    ],
)
def test_a_training_that_was_stopped_ends_as_if_it_had_not_been(
    server: Server, training: dict[str, Any]
) -> None:
    name = start(server, {"training": training})
    listen(server, name, until=lambda heard: len(heard.of("epoch")) > 1)
    send(server, "POST", f"/api/jobs/{name}/stop", {})
    stopped = listen(server, name)
    assert stopped.state == "stopped", stopped.events[-1]
    assert send(server, "POST", f"/api/jobs/{name}/resume", {}).status == 200
    heard = listen(server, name)
    assert heard.state == "done", heard.events[-1]
    epochs = [event["epoch"] for event in heard.of("epoch")]
    assert epochs == list(range(1, training["epochs"] + 1))
    # One thread, one processor: the losses are those of a training that nobody stopped.
    whole = listen(server, start(server, {"training": training}))
    losses = [{series: y for series, _, y in one.points}["training loss"] for one in (heard, whole)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_language_model_tells_its_losses_and_writes(server: Server) -> None:
    text = "to be or not to be that is the question " * 30
    heard = listen(
        server, start(server, {"training": {"kind": "language", "data": {"text": text}, "epochs": 2}})
    )
    assert heard.state == "done", heard.events[-1]
    held_out = [y for series, _, y in heard.points if series == "held-out loss"]
    assert held_out == [event["held_out"] for event in heard.of("epoch")]
    assert len(held_out) == 2
    result = heard.of("done")[0]["result"]
    assert result["loss"] == pytest.approx(min(held_out), rel=1e-5)
    assert len(heard.of("snapshot")[0]["text"]) == 241
    assert set(result["text"]) <= set(text)


def test_a_fine_tuning_on_ones_own_table_leaves_a_run(server: Server) -> None:
    asked = {"kind": "finetune", "data": {"text": REVIEWS}, "epochs": 2, "max_tokens": 16, "rank": 2}
    name = start(server, {"training": asked})
    heard = listen(server, name)
    assert heard.state == "done", heard.events[-1]
    folder = server.folder / "runs" / "lab" / name / "out" / name
    history = json.loads((folder / "history.json").read_text())
    told = [[x, y] for series, x, y in heard.points if series == "training loss"]
    assert told == [[step["step"], step["loss"]] for step in history["steps"]]
    assert [one["loss"] for one in heard.of("epoch")] == [
        one["validation"]["loss"] for one in history["epochs"]
    ]
    assert heard.of("done")[0]["result"]["classes"] == ["bad", "good"]
    assert cutaway.Classifier.load(folder).predict(["a lovely film"]).classes == ("bad", "good")


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"kind": "finetune", "data": {"text": "text,label\na film,good\nanother,good\n"}}, "has 1 classes"),
        ({"kind": "finetune", "data": {"text": "no header here"}}, "column"),
        ({"kind": "language", "data": {"text": "short"}}, "5 characters"),
        ({"kind": "tokenizer", "data": {"text": "  "}}, "no text"),
        ({"kind": "vectors", "data": {"text": "a b a b"}, "min_count": 9}, "9"),
    ],
)
def test_data_that_cannot_be_learned_from_is_one_line(
    server: Server, training: dict[str, Any], message: str
) -> None:
    heard = listen(server, start(server, {"training": training}))
    assert heard.state == "failed"
    error = heard.of("failed")[0]["error"]
    assert message in error
    assert "\n" not in error
    assert str(server.folder) not in error
    assert "unexpected" not in error


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"training": {"kind": "nothing"}},
        tokenizer(vocab_size=10**9),
        tokenizer(path="/etc/passwd"),
        {"training": {"kind": "vectors", "data": {"name": "/etc/passwd"}}},
        {"training": {"kind": "finetune", "rate": float("1e9")}},
        tokenizer(text=""),
        tokenizer(text="a" * 200_001),
    ],
)
def test_what_cannot_be_asked_starts_nothing(client: TestClient, tmp_path: Path, body: object) -> None:
    answer = client.post("/api/jobs", json=body)
    assert answer.status_code == 422
    assert "training" in answer.json()["error"]
    assert not (tmp_path / "jobs").exists()


@pytest.mark.parametrize(
    "name",
    ["nothing", "..", "%2e%2e", "20260101-000000-0000000g", "a%00b", "20260101-000000-00000000"],
)
@pytest.mark.parametrize("path", ["", "/events", "/stop"])
def test_an_unknown_training_is_404(client: TestClient, name: str, path: str) -> None:
    method = "POST" if path == "/stop" else "GET"
    assert client.request(
        method, f"/api/jobs/{name}{path}", json={} if path == "/stop" else None
    ).status_code in (
        404,
        405,
    )


def test_a_third_training_waits_and_a_crash_of_the_lab_ends_none(start_server: Callable[..., Server]) -> None:
    first = start_server()
    names = [start(first, endless()) for _ in range(2)]
    refused = send(first, "POST", "/api/jobs", tokenizer())
    assert refused.status == 429
    assert refused.headers["retry-after"] == "10"
    assert "2 trainings run already" in refused.body["error"]
    before = listen(first, names[0], until=lambda heard: len(heard.points) > 1)
    first.stop()  # kill -9
    second = start_server(0, first.folder)
    assert [job["state"] for job in send(second, "GET", "/api/jobs").body] == ["running"] * 2
    after = listen(second, names[0], before.ids[-1], until=lambda heard: len(heard.points) > 1)
    assert after.ids[0] == before.ids[-1] + 1
    assert send(second, "POST", "/api/jobs", tokenizer()).status == 429
    send(second, "POST", f"/api/jobs/{names[0]}/stop", {})
    wait_for(second, names[0], "stopped")
    # One that dies without a word is told as lost.
    pid = int((first.folder / "runs" / "lab" / names[1] / "lock").read_text())
    os.kill(pid, signal.SIGKILL)
    wait_for(second, names[1], "lost")
    assert listen(second, names[1]).state == "lost"


def test_a_lab_that_is_ended_ends_its_trainings(start_server: Callable[..., Server]) -> None:
    server = start_server()
    name = start(server, endless())
    listen(server, name, until=lambda heard: len(heard.points) > 1)
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(20)
    job = find_job(server.folder / "runs" / "lab", name)
    until = time.monotonic() + 30
    while job.runs() and time.monotonic() < until:
        time.sleep(0.1)
    assert job.state() == "stopped"
