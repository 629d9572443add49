"""fastText's classifier: a text is the mean of its n-grams' vectors, and a softmax names its label.

    p = softmax(W h),   h = 1/n Σ vᵢ   over the n distinct n-grams of the text                  (1)

Departs: an n-gram counts once a text; vectors begin at zero and W at random, so that an n-gram that
training never met adds nothing; in training chance leaves n-grams out, which keeps rare ones honest.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import (
    DataError,
    DivergedError,
    FormatError,
    MissingFileError,
    ShapeError,
    UsageError,
)
from cutaway.core.files import whole_file
from cutaway.core.trace import Recorder, Trace
from cutaway.embeddings.ngrams import bucket_texts, ngrams_of

KIND = "bag of n-grams"
TEXTS_AT_A_TIME = 512


class Pass(NamedTuple):
    """What one pass over the texts came to: its number from 1, and the mean loss in nats."""

    number: int
    loss: float


@dataclass(frozen=True, kw_only=True)
class BagOfNgrams:
    """Train a classifier of texts on word n-grams in hashed buckets.

    Attributes:
        order: the most words in an n-gram.
        dim: numbers in a vector.
        bits: there are 2 to this power buckets.
        epochs: passes over the texts.
        rate: the learning rate at the start; it falls to 0 on a straight line.
        keep: the share of n-grams that take part in a step.
        threads: one gives the same model every time; more are faster and do not.
        seed: of every random choice.

    Raises:
        UsageError: a value outside its range.

    Source:
        Joulin et al. 2017, arXiv:1607.01759, section 2.

    Example:
        >>> model = BagOfNgrams(bits=10, rate=5.0).fit(["so good", "so bad"] * 9, ["yes", "no"] * 9)
        >>> model.predict(["good", "bad"])
        ['yes', 'no']
    """

    order: int = 2
    dim: int = 8
    bits: int = 21
    epochs: int = 20
    rate: float = 2.0
    keep: float = 0.3
    threads: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        limits = {"order": (1, 8), "dim": (1, 1024), "bits": (4, 28), "epochs": (1, 10_000)}
        for name, (low, high) in {**limits, "threads": (1, 1024), "seed": (0, 1 << 31)}.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise UsageError(f"{name} is {value!r}: expected a whole number from {low} to {high}")
        if not (0 < self.rate <= 1000 and 0 < self.keep <= 1):
            raise UsageError(
                f"rate is {self.rate}, keep {self.keep}: expected a rate above 0 and at most 1000, and "
                "to keep a share above 0 and at most 1"
            )

    def fit(
        self, texts: Sequence[str], labels: Sequence[str], *, listen: Callable[[Pass], None] | None = None
    ) -> NgramClassifier:
        """Train on texts and their labels.

        Args:
            texts: any texts.
            labels: the label of each text.
            listen: told of each pass.

        Returns:
            The trained classifier.

        Raises:
            ShapeError: not one label for each text.
            DataError: fewer than two labels, or one that is no string.
            DivergedError: the loss is no longer finite.
        """
        if len(texts) != len(labels):
            raise ShapeError(f"{len(texts)} texts but {len(labels)} labels: expected one label a text")
        for label in labels:
            if not isinstance(label, str):
                raise DataError(f"label {label!r} is of type {type(label).__name__}: labels are strings")
        names = tuple(sorted(set(labels)))
        if len(names) < 2:
            raise DataError(f"the labels are {list(names)}: expected at least two different strings")
        number = {name: at for at, name in enumerate(names)}
        truth = np.array([number[label] for label in labels], np.int32)
        bags = bucket_texts(texts, self.order, self.bits, threads=self.threads)
        random = np.random.default_rng(self.seed)
        table = np.zeros((1 << self.bits, self.dim), np.float32)
        output = (random.standard_normal((len(names), self.dim)) / math.sqrt(self.dim)).astype(np.float32)
        model = NgramClassifier(self, names, table, output)
        steps = self.epochs * len(texts)
        for epoch in range(self.epochs):
            order = random.permutation(len(texts))
            rates = self.rate * (1 - (epoch * len(texts) + np.arange(len(texts))) / steps)
            key, keep = np.uint64(random.integers(1 << 62)), np.uint64(self.keep * 2**32)

            def work(at: int, turn: tuple = (order, rates, key, keep)) -> float:  # type: ignore[type-arg]
                from cutaway.embeddings.ngram_kernels import train_texts

                span = slice(at, at + TEXTS_AT_A_TIME)
                flat = (table.reshape(-1), output.reshape(-1), self.dim)
                turns = (turn[0][span], turn[1][span])
                return float(train_texts(flat, tuple(bags), truth, turns, turn[2:]))

            loss = sum(_each(work, len(texts), self.threads)) / len(texts)
            if not (math.isfinite(loss) and np.isfinite(output).all()):
                raise DivergedError(f"pass {epoch + 1}: the loss is {loss}: try a rate below {self.rate}")
            if listen:
                listen(Pass(epoch + 1, loss))
        return model


class NgramClassifier:
    """A trained bag of n-grams; `BagOfNgrams.fit` makes one, `load` reads one.

    Args:
        settings: how it was trained.
        labels: their names, one for each row of `output`.
        table: (buckets, dim) float32, the vector of each bucket.
        output: (labels, dim) float32, W.
    """

    def __init__(
        self,
        settings: BagOfNgrams,
        labels: Sequence[str],
        table: NDArray[np.float32],
        output: NDArray[np.float32],
    ) -> None:
        self.settings, self.labels, self.table, self.output = settings, tuple(labels), table, output

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the probability of each label for each text.

        Args:
            texts: any texts; one without words gives every label the same.

        Returns:
            (texts, labels) float64, rows that sum to 1.
        """
        bags = bucket_texts(texts, self.settings.order, self.settings.bits, threads=self.settings.threads)
        found = np.zeros((len(texts), len(self.labels)))

        def work(at: int) -> float:
            from cutaway.embeddings.ngram_kernels import label_texts

            last = min(at + TEXTS_AT_A_TIME, len(texts))
            flat = (self.table.reshape(-1), self.output.reshape(-1), self.settings.dim)
            label_texts(flat, tuple(bags), at, last, found)
            return 0.0

        _each(work, len(texts), self.settings.threads)
        return found

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return the likeliest label of each text.

        Args:
            texts: any texts.

        Returns:
            A label a text.
        """
        return [self.labels[at] for at in self.probabilities(texts).argmax(axis=1)]

    def trace(self, text: str) -> Trace:
        """Return equation (1) for one text step by step: what each n-gram adds to each label's score.

        Args:
            text: any text with a word in it.

        Returns:
            A trace with the table `ngrams` and the arrays `vectors`, `mean`, `shares` (they sum to the
            scores), `scores` and `probabilities`.

        Raises:
            DataError: the text has no words.

        Source:
            Joulin et al. 2017, arXiv:1607.01759, section 2.
        """
        first: dict[int, str] = {}
        for gram, bucket in ngrams_of(text, self.settings.order, self.settings.bits):
            first.setdefault(bucket, gram)
        if not first:
            raise DataError(f"{text!r} has no words: there is nothing to trace")
        rec = Recorder("a bag of n-grams")
        rec.label("ngram", first.values())
        rec.label("label", self.labels)
        rows = self.table[list(first)].astype(np.float64)
        met = np.any(rows, axis=1).tolist()
        shown = [(gram, bucket, m) for (bucket, gram), m in zip(first.items(), met, strict=True)]
        rec.table("ngrams", ("ngram", "bucket", "met"), shown, formula="each distinct n-gram and its bucket")
        axes = ("ngram", "dimension")
        rec.keep("vectors", rows, axes=axes, formula="vᵢ: the bucket's row", inputs=("ngrams",))
        mean = rec.keep(
            "mean", rows.mean(axis=0), axes=("dimension",), formula="h = 1/n Σ vᵢ", inputs=("vectors",)
        )
        weights = self.output.astype(np.float64)
        shares = rows @ weights.T / len(rows)
        rec.keep("shares", shares, axes=("ngram", "label"), formula="sᵢ = W vᵢ / n", inputs=("vectors",))
        scores = rec.keep(
            "scores", weights @ mean, axes=("label",), formula="z = W h = Σ sᵢ", inputs=("mean",)
        )
        powers = np.exp(scores - scores.max())
        rec.keep(
            "probabilities",
            powers / powers.sum(),
            axes=("label",),
            formula="p = softmax(z)",
            inputs=("scores",),
        )
        return rec.finish()

    def save(self, path: str | Path) -> None:
        """Write the classifier as one safetensors file, whole or not at all.

        Args:
            path: the file; settings and labels stand in its header as JSON.
        """
        from safetensors.numpy import save_file

        used = np.flatnonzero(self.table.any(axis=1))
        tensors: dict[str, NDArray[Any]] = {
            "buckets": used,
            "vectors": self.table[used],
            "output": self.output,
        }
        told = {
            "kind": KIND,
            "settings": json.dumps(asdict(self.settings)),
            "labels": json.dumps(self.labels),
        }
        with whole_file(Path(path).expanduser()) as part:
            save_file(tensors, part, told)

    @classmethod
    def load(cls, path: str | Path) -> NgramClassifier:
        """Read what `save` wrote.

        Args:
            path: the file.

        Returns:
            The classifier.

        Raises:
            MissingFileError: there is no such file.
            FormatError: the file is damaged or holds something else.
        """
        from safetensors import SafetensorError, safe_open

        source = Path(path).expanduser()
        if not source.is_file():
            raise MissingFileError(f"there is no file {source}")
        try:
            with safe_open(source, "numpy") as file:
                told = file.metadata() or {}
                buckets, vectors, output = (
                    file.get_tensor(name) for name in ("buckets", "vectors", "output")
                )
            settings, labels = BagOfNgrams(**json.loads(told["settings"])), json.loads(told["labels"])
            fits = told["kind"] == KIND and vectors.shape == (len(buckets), settings.dim)
            fits = fits and vectors.dtype == output.dtype == np.float32 and buckets.dtype == np.int64
            fits = fits and output.shape == (len(labels), settings.dim) and len(set(labels)) > 1
            fits = fits and bool(np.isfinite(vectors).all() and np.isfinite(output).all())
            if not fits or ((buckets < 0) | (buckets >= 1 << settings.bits)).any():
                raise FormatError(f"{source}: its tensors do not fit its settings")
        except (SafetensorError, KeyError, ValueError, TypeError) as error:
            raise FormatError(f"{source} is no bag of n-grams: {str(error)[:200]}") from error
        table = np.zeros((1 << settings.bits, settings.dim), np.float32)
        table[buckets] = vectors
        return cls(settings, labels, table, output)


def _each(work: Callable[[int], float], texts: int, threads: int) -> list[float]:
    """Do the work at every block of texts; an interrupt waits for the blocks under way alone."""
    pool = ThreadPoolExecutor(threads)
    try:
        return list(pool.map(work, range(0, texts, TEXTS_AT_A_TIME)))
    finally:
        pool.shutdown(cancel_futures=True)
