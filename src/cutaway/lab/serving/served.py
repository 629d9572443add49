"""A classifier behind a queue: texts in, probabilities out, checked before they wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cutaway.core.errors import ResourceError, UsageError
from cutaway.finetuning.classifier import Classifier
from cutaway.finetuning.inputs import Row, rows_of
from cutaway.finetuning.precision import Asked, choose_precision
from cutaway.finetuning.version import version_of
from cutaway.lab.serving.batching import Batcher, BatchSettings, Probabilities
from cutaway.lab.serving.metrics import Metrics

# More characters than this are tokenized beside the event loop: they take over a millisecond.
_MANY = 4000
# Enough text to load the tokenizer's kernels before the first long one comes.
_WARM = "some words to read " * 100


class TooLateError(ResourceError):
    """An answer did not come in time."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """One model of a server.

    Attributes:
        name: what requests call it.
        version: of settings and weights.
        classifier: the model.
        precision: what it computes in.
        batcher: its queue.
        note: why the precision is not the one asked for.
    """

    name: str
    version: str
    classifier: Classifier
    precision: str
    batcher: Batcher
    note: str = ""

    @classmethod
    def load(cls, model: str, settings: BatchSettings, metrics: Metrics, *, precision: Asked) -> Served:
        """Load a model, warm it up and put a queue before it.

        Args:
            model: a run folder, the name of a run, or a catalog name.
            settings: of the queue.
            metrics: what counts its batches.
            precision: as in `Classifier.predict`.

        Returns:
            The model, ready.
        """
        classifier = Classifier.load(model)
        name = Path(model).name
        rows = rows_of(classifier.tokenizer, [_WARM], classifier.settings.inputs)
        chosen = choose_precision(classifier, rows, precision)
        classifier.warm_up(chosen.precision)

        def answer(given: Sequence[Row]) -> Probabilities:
            found = np.zeros((len(given), len(classifier.settings.labels)), dtype=np.float32)
            for at, part in classifier.predict_rows(given, precision=chosen.precision):
                found[at] = part
            return found

        batcher = Batcher(answer, settings, lambda batch: metrics.count(name, batch))
        metrics.watch(name, lambda: batcher.waiting)
        return cls(
            name=name,
            version=version_of(classifier),
            classifier=classifier,
            precision=chosen.precision,
            batcher=batcher,
            note=chosen.note,
        )

    async def answer(self, texts: Sequence[str], *, seconds: float) -> Probabilities:
        """Classify texts, together with what else waits.

        Args:
            texts: none of them empty.
            seconds: how long the answer may take.

        Returns:
            (B, C) float32.

        Raises:
            TooLateError: it takes longer; what did not begin yet is taken out of the queue.
        """
        inputs, tokenizer = self.classifier.settings.inputs, self.classifier.tokenizer
        if sum(map(len, texts)) > _MANY:
            rows = await asyncio.to_thread(rows_of, tokenizer, texts, inputs)
        else:
            rows = rows_of(tokenizer, texts, inputs)
        future = asyncio.wrap_future(self.batcher.submit(rows[:]))
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError as error:
            raise TooLateError(f"no answer within {seconds:g} s: the server is busy, try again") from error


def load_models(
    models: Sequence[str], settings: BatchSettings, metrics: Metrics, *, precision: Asked
) -> dict[str, Served]:
    """Load the models of a server, by the names that requests call them.

    Args:
        models: run folders, names of runs, catalog names.
        settings: of each one's queue.
        metrics: what counts.
        precision: of each.

    Returns:
        The models, in the order given.

    Raises:
        UsageError: there is none, or two have one name.
    """
    names = [Path(model).name for model in models]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not names:
        raise UsageError(f"two models are called {twice[0]!r}" if twice else "name at least one model")
    return {
        name: Served.load(model, settings, metrics, precision=precision)
        for name, model in zip(names, models, strict=True)
    }
