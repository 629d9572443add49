"""The prediction server: a real process, real clients; equal to `predict`, bounded, guarded, and none lost."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from tests.finetuning.tiny_model import reviews, write_tiny_classifier

from cutaway.cli.main import main
from cutaway.finetuning.classifier import Classifier
from cutaway.lab.serving.app import AccessSettings, create_server
from cutaway.lab.serving.batching import BatchSettings, Probabilities
from cutaway.lab.serving.metrics import Metrics
from cutaway.lab.serving.routes import ROUTES
from cutaway.lab.serving.served import load_models
from cutaway.lab.serving.state import RequestLimits, State

TOKEN = "a secret of the test"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_classifier(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def classifier(run: Path) -> Classifier:
    return Classifier.load(run)


class Server:
    """`cutaway serve` as a process of its own."""

    def __init__(self, *words: str, **environment: str) -> None:
        command = [sys.executable, "-m", "cutaway", "serve", *words, "--port", "0"]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if "http://" not in line:
            self.process.kill()
            raise AssertionError(f"no address in {line!r}; {self.process.communicate()[1]}")
        self.port = int(line.split("http://")[1].split(" ")[0].rsplit(":", 1)[1])

    def ask(self, body: object, connection: http.client.HTTPConnection | None = None) -> tuple[int, Any, Any]:
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        own.request("POST", "/v1/predict", json.dumps(body), {"content-type": "application/json"})
        answer = own.getresponse()
        told = json.loads(answer.read())
        if connection is None:
            own.close()
        return answer.status, told, dict(answer.getheaders())

    def get(self, path: str) -> tuple[int, str]:
        own = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        own.request("GET", path)
        answer = own.getresponse()
        told = answer.read().decode()
        own.close()
        return answer.status, told

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def server(run: Path) -> Iterator[Server]:
    running = Server(str(run))
    yield running
    running.stop()


@pytest.fixture
def start(run: Path) -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def begin(*words: str, **environment: str) -> Server:
        started.append(Server(str(run), *words, **environment))
        return started[-1]

    yield begin
    for one in started:
        one.stop()


def test_sixteen_clients_at_once_get_what_predict_says(server: Server, classifier: Classifier) -> None:
    texts = reviews(320)
    wanted = classifier.predict(texts)

    def client(first: int) -> list[dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        found = []
        for at in range(first, len(texts), 32):
            pair = [texts[at], texts[at + 16]]
            status, told, _ = server.ask({"texts": pair}, connection)
            assert status == 200, told
            found += list(zip((at, at + 16), told["predictions"], strict=True))
        connection.close()
        return found

    with ThreadPoolExecutor(16) as pool:
        answers = dict(pair for part in pool.map(client, range(16)) for pair in part)
    assert sorted(answers) == list(range(320))
    assert [answers[at]["label"] for at in range(320)] == wanted.labels
    got = np.array([[answers[at]["probabilities"][name] for name in wanted.classes] for at in range(320)])
    assert np.abs(got - wanted.probabilities).max() < 1e-5
    told = server.get("/metrics")[1]
    assert 'cutaway_texts_total{model="run"} 320.0' in told
    assert 'cutaway_requests_total{route="/v1/predict",status="200"} 160.0' in told
    assert "cutaway_queue_texts" in told


def test_two_hundred_slow_connections_hold_nobody_up(server: Server) -> None:
    begun = b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\n{"
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(200)]
    try:
        for one in slow:
            one.sendall(begun)
        started = time.perf_counter()
        assert [server.ask({"text": "fine"})[0] for _ in range(5)] == [200] * 5
        # The bodies above take 15 s to be given up.
        assert time.perf_counter() - started < 10
    finally:
        for one in slow:
            one.close()


def test_overload_is_told_and_loses_none(start: Callable[..., Server], classifier: Classifier) -> None:
    server = start("--queue", "8", "--most-texts", "8", "--batch-tokens", "64")
    texts = reviews(400)
    wanted = classifier.predict(texts).labels

    def client(at: int) -> tuple[int, int]:
        refused = 0
        while True:
            status, told, headers = server.ask({"texts": texts[at : at + 4]})
            if status == 200:
                assert [one["label"] for one in told["predictions"]] == wanted[at : at + 4]
                return at, refused
            assert status == 429, told
            assert "texts are waiting, 8 may" in told["error"]
            assert int(headers["retry-after"]) >= 1
            refused += 1
            time.sleep(0.01)

    with ThreadPoolExecutor(50) as pool:
        found = dict(pool.map(client, range(0, 400, 4)))
    assert sorted(found) == list(range(0, 400, 4))
    assert sum(found.values()) > 0


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_drains_and_loses_none(
    start: Callable[..., Server], classifier: Classifier, stop: signal.Signals, code: int
) -> None:
    server = start()
    text = " ".join(reviews(300))
    wanted = classifier.predict([text]).labels[0]
    answered, lost = [], []
    going = threading.Barrier(17)

    def client(_: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        going.wait()
        for _ in range(10_000):
            try:
                connection.connect() if connection.sock is None else None
            except OSError:
                return  # nobody listens any more, so nothing was sent
            try:
                status, told, _ = server.ask({"texts": [text] * 4}, connection)
                answered.append(status)
                assert [one["label"] for one in told["predictions"]] == [wanted] * 4
            except Exception as error:
                lost.append(error)
                return

    with ThreadPoolExecutor(16) as pool:
        done = [pool.submit(client, who) for who in range(16)]
        going.wait()
        time.sleep(0.3)
        server.process.send_signal(stop)
        for one in done:
            one.result(60)
    said = server.process.communicate(timeout=60)[1]
    assert not lost
    assert set(answered) == {200}
    assert len(answered) >= 16
    assert server.process.returncode == code, said
    if stop == signal.SIGTERM:
        assert said == "stopped: every request that came in is answered\n"


@pytest.fixture
def client(run: Path) -> Iterator[TestClient]:
    metrics = Metrics()
    models = load_models([str(run)], BatchSettings(), metrics, precision="float32")
    limits = RequestLimits(bytes=20_000, texts=3, characters=1000)
    app = create_server(models, metrics, AccessSettings(limits=limits))
    yield TestClient(app, base_url="http://127.0.0.1:7008", raise_server_exceptions=False)
    app.state.server.close()


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 422, 'send {"text": "..."} or {"texts": ["..."]}'),
        ({"text": "a", "texts": ["b"]}, 422, 'send {"text"'),
        ({"texts": []}, 422, "texts is empty"),
        ({"texts": ["fine", " \n"]}, 422, "text 2 of 2 is empty"),
        ({"text": "\u200b"}, 422, "holds no token"),
        ({"texts": ["a", 5]}, 422, "texts.1"),
        ({"text": 5}, 422, "text: "),
        ({"text": "a", "modle": "x"}, 422, "modle"),
        ({"text": "a", "model": "../run"}, 404, "there is no model '../run': this server has ['run']"),
        ({"text": "a", "model": "/etc/passwd"}, 404, "there is no model"),
        ({"text": "a", "model": "run\x00"}, 404, "there is no model"),
        ({"text": "a", "threshold": 1.5}, 422, "threshold"),
        ({"text": "a", "threshold": 0}, 422, "threshold"),
        ({"texts": ["a"] * 4}, 413, "4 texts in one request: 3 may be"),
        ({"texts": ["a", "b" * 1001]}, 413, "text 2 has 1,001 characters: 1,000 may be read"),
        ({"text": "a" * 30_000}, 413, "over 20,000 bytes"),
    ],
)
def test_a_bad_request_gets_its_line_and_the_next_one_an_answer(
    client: TestClient, body: object, status: int, said: str
) -> None:
    answer = client.post("/v1/predict", json=body)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert said in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert client.post("/v1/predict", json={"text": "fine"}).status_code == 200


def test_lone_surrogates_and_markup_are_read_as_text(client: TestClient) -> None:
    raw = b'{"texts": ["a \\ud800 b", "<script>alert(1)</script>"]}'
    answer = client.post("/v1/predict", content=raw, headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["predictions"]) == 2


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 20_000 + b"]" * 1000])
def test_what_is_no_json_is_422_or_413(client: TestClient, raw: bytes) -> None:
    answer = client.post("/v1/predict", content=raw, headers={"content-type": "application/json"})
    assert answer.status_code in (422, 413)
    assert list(answer.json()) == ["error"]


def test_it_abstains_below_the_threshold(client: TestClient, classifier: Classifier) -> None:
    text = reviews(1)[0]
    sure = classifier.predict([text])
    for threshold, abstained in ((sure.confidences[0] - 0.01, False), (sure.confidences[0] + 0.01, True)):
        body = {"text": text, "threshold": float(threshold)}
        (told,) = client.post("/v1/predict", json=body).json()["predictions"]
        assert told["abstained"] == abstained
        assert told["label"] == (None if abstained else sure.labels[0])
        assert abs(told["probability"] - sure.confidences[0]) < 1e-5


def test_the_version_names_the_weights(client: TestClient, tmp_path: Path, run: Path) -> None:
    (model,) = client.get("/v1/models").json()["models"]
    answer = client.post("/v1/predict", json={"text": "fine"}).json()
    assert (model["name"], model["labels"], model["max_tokens"]) == ("run", ["bad", "good", "mixed"], 48)
    assert answer["version"] == model["version"]
    again = Metrics()
    same = load_models([str(run)], BatchSettings(), again, precision="float32")
    other = load_models(
        [str(write_tiny_classifier(tmp_path, classes=("x", "y", "z")))],
        BatchSettings(),
        again,
        precision="float32",
    )
    assert same["run"].version == model["version"] != other["run"].version
    for served in (*same.values(), *other.values()):
        served.batcher.close()


def test_the_schema_tells_every_route_and_every_error(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    assert set(schema["paths"]) | {"/openapi.json"} == set(ROUTES)
    assert {"200", "404", "413", "422", "429", "503"} <= schema["paths"]["/v1/predict"]["post"][
        "responses"
    ].keys()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 400),
        ({"host": "127.0.0.1.evil.example"}, 400),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_other_hosts_and_origins_are_refused(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    assert client.post("/v1/predict", json={"text": "fine"}, headers=headers).status_code == status


@pytest.mark.parametrize(
    "path", ["/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/docs", "/v1/predict/..%2f", "/x\x00"]
)
def test_there_is_nothing_else_to_find(client: TestClient, path: str) -> None:
    assert client.get(path.replace("\x00", "%00")).status_code == 404


def test_an_answer_that_is_late_is_given_up(run: Path) -> None:
    metrics = Metrics()
    models = load_models([str(run)], BatchSettings(), metrics, precision="float32")
    release, answer = threading.Event(), models["run"].batcher._answer

    def slow(rows: Any) -> Probabilities:
        release.wait(10)
        return answer(rows)

    models["run"].batcher._answer = slow
    app = create_server(models, metrics, AccessSettings(limits=RequestLimits(seconds=0.05)))
    client = TestClient(app, base_url="http://127.0.0.1:7008")
    late = client.post("/v1/predict", json={"text": "fine"})
    release.set()
    assert (late.status_code, late.json()["error"]) == (
        503,
        "no answer within 0.05 s: the server is busy, try again",
    )
    assert client.post("/v1/predict", json={"text": "fine"}).status_code == 200
    app.state.server.close()


def test_with_a_token_every_route_needs_it(run: Path) -> None:
    metrics = Metrics()
    models = load_models([str(run)], BatchSettings(), metrics, precision="float32")
    app = create_server(models, metrics, AccessSettings(token=TOKEN))
    client = TestClient(app, base_url="http://predictions.example:7008")
    right = {"authorization": f"Bearer {TOKEN}"}
    for path in (*ROUTES, "/nothing"):
        method = "POST" if path == "/v1/predict" else "GET"
        for wrong in ({}, {"authorization": "Bearer x"}, {"authorization": TOKEN}):
            answer = client.request(method, path, json={"text": "fine"}, headers=wrong)
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"] == "Bearer"
        answer = client.request(method, path, json={"text": "fine"}, headers=right)
        assert answer.status_code == (404 if path == "/nothing" else 200), path
    app.state.server.close()


def test_a_stopping_server_says_so(client: TestClient) -> None:
    state: State = client.app.state.server  # type: ignore[attr-defined]
    assert (client.get("/health").status_code, client.get("/health").json()["status"]) == (200, "ok")
    state.stopping = True
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "stopping")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nope"], 1, "nope"),
        (["{run}", "{run}"], 2, "two models are called 'run'"),
        (["{run}", "--host", "0.0.0.0"], 2, "set CUTAWAY_TOKEN"),
        (["{run}", "--host", "no-such-host.invalid"], 2, "set CUTAWAY_TOKEN"),
        (["{run}", "--queue", "0"], 2, "limit"),
        (["{run}", "--wait", "5000"], 2, "a batch waits 0 to 1 s"),
        (["{run}", "--precision", "half"], 2, "not 'half'"),
        (["{run}", "--port", "70000"], 2, ""),
    ],
)
def test_bad_options_have_their_line(
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.delenv("CUTAWAY_TOKEN", raising=False)
    port = [] if "--port" in words else ["--port", "0"]
    assert main(["serve", *(word.format(run=run) for word in words), *port]) == code
    assert said in capsys.readouterr().err


def test_a_short_token_is_refused(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUTAWAY_TOKEN", "hunter2")
    assert main(["serve", str(run), "--port", "0", "--host", "0.0.0.0"]) == 2
    told = capsys.readouterr().err
    assert "16 ASCII characters or more, not 7" in told
    assert "hunter2" not in told
