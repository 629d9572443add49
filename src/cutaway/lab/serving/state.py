"""What the routes of one server share: models, counts, limits, whether it is stopping."""

from __future__ import annotations

from dataclasses import dataclass

from cutaway.core.errors import UsageError
from cutaway.lab.serving.metrics import Metrics
from cutaway.lab.serving.served import Served


@dataclass(frozen=True, kw_only=True)
class RequestLimits:
    """What one request may have.

    Attributes:
        bytes: of its body.
        texts: in it.
        characters: of each text.
        seconds: until it is given up.
    """

    bytes: int = 1_000_000
    texts: int = 64
    characters: int = 100_000
    seconds: float = 30.0

    def __post_init__(self) -> None:
        if min(self.bytes, self.texts, self.characters, self.seconds) <= 0:
            raise UsageError(f"each limit of a request is above 0: {self}")


@dataclass(kw_only=True)
class State:
    """One server.

    Attributes:
        models: by name; the first answers by default.
        metrics: what counts.
        limits: of a request.
        stopping: no new connections are wanted.
        under_way: requests that have no answer yet.
    """

    models: dict[str, Served]
    metrics: Metrics
    limits: RequestLimits
    stopping: bool = False
    under_way: int = 0

    def close(self) -> None:
        """Answer what waits, and end each model's thread."""
        for model in self.models.values():
            model.batcher.close()
