"""What the server counts, in the words of Prometheus: requests, texts, tokens, batches, the queue."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from cutaway.lab.serving.batching import Batch

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.002, 0.004, 0.006, 0.012, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_POWERS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counts of one server, in a registry of their own: two servers in a process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "cutaway_requests", "Requests answered.", ["route", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "cutaway_request_seconds",
            "Time to the answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._texts = Counter("cutaway_texts", "Texts classified.", ["model"], registry=self._registry)
        self._tokens = Counter("cutaway_tokens", "Tokens read.", ["model"], registry=self._registry)
        self._batch = Histogram(
            "cutaway_batch_requests",
            "Requests answered together.",
            ["model"],
            buckets=_POWERS,
            registry=self._registry,
        )
        self._busy = Counter(
            "cutaway_model_seconds", "Time spent in the model.", ["model"], registry=self._registry
        )
        self._queue = Gauge("cutaway_queue_texts", "Texts that wait.", ["model"], registry=self._registry)

    def watch(self, model: str, waiting: Callable[[], float]) -> None:
        """Read a queue's length whenever somebody asks.

        Args:
            model: whose queue.
            waiting: returns its length.
        """
        self._queue.labels(model).set_function(waiting)

    def count(self, model: str, batch: Batch) -> None:
        """Count a batch.

        Args:
            model: that answered.
            batch: what it came to.
        """
        self._texts.labels(model).inc(batch.rows)
        self._tokens.labels(model).inc(batch.tokens)
        self._batch.labels(model).observe(batch.requests)
        self._busy.labels(model).inc(batch.seconds)

    def text(self) -> bytes:
        """Return all counts in the text format."""
        return generate_latest(self._registry)
