"""Room 5 served: `cutaway serve sentiment` as a process, one client and sixteen at once, over HTTP.

    python benchmarks/serving.py

Each client keeps its connection and sends one short review at a time. The same texts go through
`Classifier.predict` first, one by one: what the server adds is the difference.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from cutaway.core.errors import CutawayError
from cutaway.finetuning.classifier import Classifier

TEXTS = [
    "A wonderful, moving film that stays with you.",
    "Dull from the first minute to the last.",
    "It was fine, nothing more.",
    "The acting is superb and the plot even better!",
    "I want these two hours of my life back.",
]
ALONE, TOGETHER, CLIENTS = 300, 60, 16


def ask(connection: http.client.HTTPConnection, text: str) -> tuple[float, int]:
    """Seconds to the whole answer, and its status."""
    started = time.perf_counter()
    body = json.dumps({"text": text})
    connection.request("POST", "/v1/predict", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return time.perf_counter() - started, answer.status


def client(port: int, count: int) -> list[tuple[float, int]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    found = [ask(connection, TEXTS[at % len(TEXTS)]) for at in range(count)]
    connection.close()
    return found


def row(work: str, answers: list[tuple[float, int]], seconds: float) -> dict[str, object]:
    times = np.array([took for took, _ in answers])
    return {
        "work": work,
        "p50_seconds": float(np.quantile(times, 0.5)),
        "p99_seconds": float(np.quantile(times, 0.99)),
        "requests": len(answers),
        "lost": sum(status != 200 for _, status in answers),
        "requests_a_second": len(answers) / seconds,
        "cores": len(os.sched_getaffinity(0)),
        "raw_seconds": times.round(5).tolist(),
    }


def local() -> dict[str, object]:
    classifier = Classifier.load("sentiment")
    classifier.warm_up()
    answers = []
    began = time.perf_counter()
    for at in range(ALONE):
        started = time.perf_counter()
        classifier.predict([TEXTS[at % len(TEXTS)]])
        answers.append((time.perf_counter() - started, 200))
    return row("Classifier.predict, one sentence, no server", answers, time.perf_counter() - began)


def served() -> list[dict[str, object]]:
    command = [sys.executable, "-m", "cutaway", "serve", "sentiment", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline().split("http://")[1].split(" ")[0].rsplit(":", 1)[1])
        client(port, 20)
        began = time.perf_counter()
        alone = row("one client, one sentence", client(port, ALONE), time.perf_counter() - began)
        began = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as pool:
            parts = list(pool.map(lambda _: client(port, TOGETHER), range(CLIENTS)))
        answers = [answer for part in parts for answer in part]
        together = row(f"{CLIENTS} clients at once, one sentence each", answers, time.perf_counter() - began)
        return [alone, together]
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    from record import use_data_beside, write_record

    use_data_beside()
    write_record("serving", [local(), *served()])


if __name__ == "__main__":
    try:
        main()
    except CutawayError as error:
        sys.exit(f"not measured: {error}")
