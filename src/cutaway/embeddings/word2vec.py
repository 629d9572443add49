"""word2vec: vectors from the company that words keep.

    J = Σ log σ(v·u) + Σ log σ(-v·n)   over pairs (v, u) that stand near, and noise n         (1)

The steps that climb J stand in `steps.py`, what chance decides in `draws.py` and `noise.py`, the tree of
hierarchical softmax in `huffman.py`; this file puts them together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cutaway.core.errors import DivergedError, UsageError
from cutaway.embeddings.corpus import Sentence, read_corpus
from cutaway.embeddings.corpus_counts import EncodedCorpus, count_corpus
from cutaway.embeddings.huffman import huffman_paths
from cutaway.embeddings.noise import frequencies
from cutaway.embeddings.steps import Model
from cutaway.embeddings.subwords import GramSettings, Pieces, whole_words
from cutaway.embeddings.trained import TrainedModel
from cutaway.embeddings.training import Progress, Run, RunSettings, Schedule
from cutaway.embeddings.training_job import Job, Recipe, new_tables
from cutaway.embeddings.training_state import load_state, save_state, state_name
from cutaway.embeddings.vectors import WordVectors

Objective = Literal["negatives", "hierarchical"]
Noise = Literal["shared", "own"]
MOST_NOISE = 500  # drawn for each side of a center
FEW_NOISE = 7  # with more, a pair no longer fits in registers, and noise of its own is slow
Listen = Callable[[Progress, TrainedModel], None]


@dataclass(frozen=True, kw_only=True)
class Word2Vec:
    """Train word vectors by skip-gram or CBOW.

    Attributes:
        dim: numbers in a vector.
        window: how far the context reaches at most; how far it does is drawn for each center.
        negatives: noise words for each center, or for each pair with own noise.
        noise: "own" noise for each pair, as the paper has it, or "shared" by all words around a center: a
            little worse, in three quarters of the time. By default "own" for skip-gram of whole words with at
            most 7 negatives, else "shared"; "own" is for skip-gram of whole words only.
        model: "skip-gram" asks each context word for the center, "cbow" their mean.
        objective: "negatives", or "hierarchical" for the softmax over a Huffman tree.
        subsample: the share of the corpus above which a word is thinned; 0 keeps every occurrence.
        min_count: rarer words are left out.
        max_words: at most so many words are kept, the most frequent.
        rate: the learning rate at the start; it falls to `last_rate` on a straight line.
        last_rate: at the end.
        noise_power: noise is drawn in proportion to count to this power.
        seed: of every random choice.

    Raises:
        UsageError: a value outside its range.

    Source:
        Mikolov et al. 2013, arXiv:1301.3781 and arXiv:1310.4546.

    Example:
        >>> sentences = [["the", "king", "rules"], ["the", "queen", "rules"]] * 50
        >>> Word2Vec(dim=16, min_count=1).fit(sentences, epochs=2)
        WordVectors(4 words × 16 dimensions)
    """

    dim: int = 100
    window: int = 5
    negatives: int = 5
    noise: Noise | None = None
    model: Model = "skip-gram"
    objective: Objective = "negatives"
    subsample: float = 1e-3
    min_count: int = 5
    max_words: int | None = None
    rate: float = 0.025
    last_rate: float = 1e-4
    noise_power: float = 0.75
    seed: int = 0

    def __post_init__(self) -> None:
        _check_whole("dim", self.dim, 1, 4096)
        _check_whole("window", self.window, 1, 1000)
        _check_whole("negatives", self.negatives, 1, 1000)
        _check_whole("min_count", self.min_count, 1, 1 << 62)
        _check_whole("seed", self.seed, 0, (1 << 62))
        if self.max_words is not None:
            _check_whole("max_words", self.max_words, 1, 1 << 30)
        _check_number("subsample", self.subsample, 0, 1)
        _check_number("rate", self.rate, 1e-12, 10)
        _check_number("last_rate", self.last_rate, 0, self.rate)
        _check_number("noise_power", self.noise_power, -2, 2)
        if self.model not in ("skip-gram", "cbow"):
            raise UsageError(f"model is {self.model!r}: expected 'skip-gram' or 'cbow'")
        if self.objective not in ("negatives", "hierarchical"):
            raise UsageError(f"objective is {self.objective!r}: expected 'negatives' or 'hierarchical'")
        if self.noise not in (None, "shared", "own"):
            raise UsageError(f"noise is {self.noise!r}: expected 'shared' or 'own'")
        if self.noise == "own" and not self._in_pairs():
            raise UsageError("noise is 'own': that goes with skip-gram of whole words, and with negatives")
        if self.noise == "own" and self.window * self.negatives > MOST_NOISE:
            raise UsageError(
                f"noise is 'own': window {self.window} times negatives {self.negatives} "
                f"may be {MOST_NOISE:,} at most"
            )

    def fit(
        self,
        sentences: Iterable[Sentence] | Path,
        *,
        epochs: int = 5,
        threads: int = 1,
        schedule: Schedule = "free",
        state_file: Path | None = None,
        listen: Listen = lambda progress, model: None,
    ) -> WordVectors:
        """Train on a corpus, read once.

        Args:
            sentences: texts, which a plain splitter divides into words, or lists of words; or the path
                of a file or folder, as `corpus.read_corpus` takes it.
            epochs: passes over the corpus.
            threads: one gives the same vectors every time; more are faster and do not, unless:
            schedule: "repeatable" has several threads train copies, which are joined now and then.
            state_file: an interrupt leaves the training there; the same call again goes on from it.
            listen: told of progress at most two hundred times, with the model as it stands.

        Returns:
            The vectors of all words, the most frequent first.
        """
        run = RunSettings(threads=threads, schedule=schedule, state_file=state_file)
        return self.train(sentences, epochs=epochs, run=run, listen=listen).vectors

    def train(
        self,
        sentences: Iterable[Sentence] | Path,
        *,
        epochs: int = 5,
        run: RunSettings | None = None,
        listen: Listen = lambda progress, model: None,
    ) -> TrainedModel:
        """Train as `fit` does; return both tables, which a trace of a step needs.

        Args:
            sentences: as for `fit`.
            epochs: passes over the corpus.
            run: threads, schedule, state file.
            listen: told of progress, with the model as it stands.

        Returns:
            The model.

        Raises:
            DivergedError: a number of the tables is no longer finite.
        """
        _check_whole("epochs", epochs, 1, 1_000_000)
        if isinstance(sentences, Path):
            sentences = read_corpus(sentences)
        run = run or RunSettings()
        corpus = count_corpus(sentences, min_count=self.min_count, max_words=self.max_words)
        job = self.job(corpus, epochs)
        model = TrainedModel(job, self._grams())
        name = state_name(self, job, run)
        work = Run(job, run, load_state(run.state_file, job, name))
        work.go(
            lambda progress: listen(progress, model),
            lambda position: save_state(run.state_file, job, name, position),
        )
        if not model.finite():
            raise DivergedError(f"a vector is no longer finite: lower the rate ({self.rate})")
        if run.state_file:
            run.state_file.unlink(missing_ok=True)
        return model

    def job(self, corpus: EncodedCorpus, epochs: int) -> Job:
        """Return a training before its first step.

        Args:
            corpus: counted and encoded.
            epochs: passes over it.

        Returns:
            Tables and all that moves them.
        """
        tree = self.objective == "hierarchical"
        recipe = Recipe(
            model=self.model,
            dim=self.dim,
            window=self.window,
            negatives=0 if tree else self.negatives,
            serves="pairs" if self._own_noise() else "centers",
            rate=self.rate,
            last_rate=self.last_rate,
            epochs=epochs,
            seed=self.seed,
        )
        pieces = self._pieces(corpus.words)
        rows = len(corpus.words) + len(pieces.buckets)
        inputs, outputs = new_tables(recipe, rows, len(corpus.words))
        return Job(
            recipe=recipe,
            corpus=corpus,
            frequencies=frequencies(corpus.counts, subsample=self.subsample, power=self.noise_power),
            pieces=pieces,
            paths=huffman_paths(corpus.counts) if tree else None,
            inputs=inputs,
            outputs=outputs,
        )

    def _pieces(self, words: list[str]) -> Pieces:
        return whole_words(len(words))

    def _in_pairs(self) -> bool:
        """Tell whether what is trained on are pairs of words and noise."""
        return self.model == "skip-gram" and self.objective == "negatives" and self._grams() is None

    def _own_noise(self) -> bool:
        """Tell whether each pair has noise of its own."""
        if self.noise is not None:
            return self.noise == "own"
        few = self.negatives <= FEW_NOISE and self.window * self.negatives <= MOST_NOISE
        return few and self._in_pairs()

    def _grams(self) -> GramSettings | None:
        return None


@dataclass(frozen=True, kw_only=True)
class CBOW(Word2Vec):
    """Train word vectors by CBOW: `Word2Vec` with another model from the start.

    Source:
        Mikolov et al. 2013, arXiv:1301.3781, section 3.1.

    Example:
        >>> CBOW(dim=8, min_count=1).fit([["a", "b", "c"]] * 20)
        WordVectors(3 words × 8 dimensions)
    """

    model: Model = "cbow"


def _check_whole(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise UsageError(f"{name} is {value!r}: expected a whole number from {low} to {high}")


def _check_number(name: str, value: object, low: float, high: float) -> None:
    fits = isinstance(value, (int, float)) and math.isfinite(value) and low <= value <= high
    if not fits:
        raise UsageError(f"{name} is {value!r}: expected a number from {low:g} to {high:g}")
