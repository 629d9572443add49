"""What a training leaves: both tables, the words, and how a step moves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError, UsageError
from cutaway.core.trace import Trace
from cutaway.embeddings.draws import Draws, Plan, mixed
from cutaway.embeddings.steps import Sides, Step, steps_of
from cutaway.embeddings.subwords import GramSettings
from cutaway.embeddings.training_job import Job
from cutaway.embeddings.vectors import WordVectors
from cutaway.embeddings.vocabulary import Vocabulary

if TYPE_CHECKING:
    from cutaway.embeddings.training import Progress


class TrainedModel:
    """A model in training or after it.

    Args:
        job: tables, corpus, chances.
        grams: which n-grams stand for words; None without subwords.
    """

    def __init__(self, job: Job, grams: GramSettings | None = None) -> None:
        self._job, self._grams = job, grams
        self.words = Vocabulary(job.corpus.words, distinct="known")
        """The words in row order."""

    @property
    def inputs(self) -> NDArray[np.float32]:
        """The rows that become vectors, (R, D) float32: words, then n-grams."""
        return self._job.inputs[:-1, : self._job.recipe.dim]

    @property
    def outputs(self) -> NDArray[np.float32]:
        """The rows that are asked about, (V, D) float32: words, or nodes of the tree."""
        return self._job.outputs[:-1, : self._job.recipe.dim]

    @property
    def counts(self) -> NDArray[np.int64]:
        """How often each word occurs in the corpus, (V,)."""
        return self._job.corpus.counts

    @property
    def vectors(self) -> WordVectors:
        """A copy of the words' vectors as they stand; with n-grams, one that knows unknown words too."""
        if self._grams is None:
            return WordVectors(self.words, self.inputs)
        from cutaway.embeddings.subword_vectors import SubwordVectors

        return SubwordVectors(self.words, self.inputs, self._job.pieces.buckets, self._grams)

    def finite(self) -> bool:
        """Tell whether every number of both tables is finite.

        Returns:
            False after a training that diverged.
        """
        return bool(np.isfinite(self.inputs).all() and np.isfinite(self.outputs).all())

    def step(self, sentence: Sequence[str], center: int, negatives: Sequence[str] | None = None) -> Step:
        """Return the step that a sentence asks for at one word, its whole window open.

        It has the whole context beside one set of negatives, also where a training takes its words one after
        the other, each with negatives of its own.

        Args:
            sentence: words, all in the vocabulary.
            center: the place of the center, from 0.
            negatives: noise words; drawn, if none are given.

        Returns:
            Who is asked about whom.

        Raises:
            UsageError: no such place.
            DataError: the center stands alone.
        """
        if not 0 <= center < len(sentence):
            raise UsageError(f"center is {center}: the sentence has places 0 to {len(sentence) - 1}")
        if len(sentence) < 2:
            raise DataError(f"{sentence[0]!r} stands alone: a step needs a context")
        job = self._job
        rows = np.array([self.words.row(word) for word in sentence], np.int32)
        size = job.recipe.negatives if negatives is None else len(negatives)
        drawn = np.zeros((len(rows), size), np.int32)
        if negatives is not None:
            drawn[center] = [self.words.row(word) for word in negatives]
        else:
            draws = Draws(mixed(job.recipe.seed))
            drawn[center] = [job.frequencies.draw(draws.next()) for _ in range(job.recipe.negatives)]
        reaches = np.full(len(rows), job.recipe.window)
        plan = Plan(words=rows, reaches=reaches, negatives=drawn, serves="centers")
        return next(step for step in steps_of(plan, sides_of(job)) if step.center == center)

    def trace(
        self,
        sentence: Sequence[str],
        center: int,
        negatives: Sequence[str] | None = None,
        *,
        rate: float | None = None,
    ) -> Trace:
        """Return one training step: context, noise, scores, errors, and how far each vector is pulled.

        Args:
            sentence: words, all in the vocabulary.
            center: the place of the center, from 0.
            negatives: noise words; drawn, if none are given.
            rate: the learning rate; that of the start, if none is given.

        Returns:
            The trace of `step_trace.trace_step`; no vector moves.

        Example:
            >>> from cutaway.embeddings.word2vec import Word2Vec
            >>> model = Word2Vec(dim=8, min_count=1).train([["a", "b", "c"]] * 20, epochs=1)
            >>> trace = model.trace(["a", "b"], 1, negatives=["c"])
            >>> trace.labels["input"], trace.labels["output"], trace["labels"].tolist()
            (('a',), ('b', 'c'), [1.0, 0.0])
        """
        from cutaway.embeddings.step_trace import trace_step

        step = self.step(sentence, center, negatives)
        names = self._names(step)
        given = self._job.recipe.rate if rate is None else rate
        return trace_step(self.inputs, self.outputs, step, given, names)

    def _names(self, step: Step) -> tuple[list[str], list[str]]:
        job = self._job
        words = job.corpus.words

        def of(rows: NDArray[np.int32]) -> str:
            named = [words[row] for row in rows.tolist() if row < len(words)]
            return " + ".join(named) + (" + n-grams" if len(named) < len(rows) else "")

        outputs = [f"node {row}" if job.paths else words[row] for row in step.outputs.tolist()]
        return [of(rows) for rows in step.inputs], outputs


class Snapshots:
    """A listener for `fit`: the same step, traced again and again while the vectors move.

    Args:
        sentence: words, all in the vocabulary.
        center: the place of the center.
        negatives: noise words, the same each time.
        times: how many snapshots, evenly spread; the last when training ends.

    Example:
        >>> from cutaway.embeddings.word2vec import Word2Vec
        >>> seen = Snapshots(["a", "b"], 1, ["c"], times=4)
        >>> _ = Word2Vec(dim=8, min_count=1).fit([["a", "b", "c"]] * 20, epochs=4, listen=seen)
        >>> [round(float(trace.facts["words"])) for trace in seen.traces]
        [60, 120, 180, 240]
    """

    def __init__(
        self, sentence: Sequence[str], center: int, negatives: Sequence[str], *, times: int = 20
    ) -> None:
        self._asked = (tuple(sentence), center, tuple(negatives))
        self._times = times
        self.traces: list[Trace] = []
        """One trace a snapshot, with the facts `words` and `rate`."""

    def __call__(self, progress: Progress, model: TrainedModel) -> None:
        """Take a snapshot if one is due.

        Args:
            progress: where the training stands.
            model: as it stands.
        """
        if progress.words * self._times >= progress.total * (len(self.traces) + 1):
            taken = model.trace(*self._asked, rate=progress.rate)
            facts = {**taken.facts, "words": progress.words, "epoch": progress.epoch}
            self.traces.append(replace(taken, facts=facts))


def sides_of(job: Job) -> Sides:
    """Return how a job chooses inputs and outputs, for the open path.

    Args:
        job: the training.

    Returns:
        Model, pieces and tree.
    """
    return Sides(
        model=job.recipe.model,
        pieces=tuple(job.pieces.of(word) for word in range(len(job.corpus.words))),
        subwords="n-grams" if len(job.pieces.buckets) else "whole words",
        paths=job.paths,
    )
