"""The kernels compute what `steps.py` writes, step after step, from the same random numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.embeddings.corpus_counts import EncodedCorpus, count_corpus
from cutaway.embeddings.draws import epoch_key, plan_sentence
from cutaway.embeddings.fasttext import FastText
from cutaway.embeddings.pair_kernel import FEW
from cutaway.embeddings.steps import steps_of, take, take_pairs
from cutaway.embeddings.subwords import GramSettings
from cutaway.embeddings.trained import sides_of
from cutaway.embeddings.training_job import Job, Worker
from cutaway.embeddings.word2vec import CBOW, FEW_NOISE, Word2Vec

EPOCHS = 2


def corpus_of(seed: int, sentences: int = 12, words: int = 14, longest: int = 18) -> EncodedCorpus:
    random = np.random.default_rng(seed)
    names = [f"w{at}" + "xyz"[at % 3] * (at % 4) for at in range(words)]
    chances = 1 / np.arange(1, words + 1)
    made = [
        random.choice(names, random.integers(1, longest), p=chances / chances.sum()).tolist()
        for _ in range(sentences)
    ]
    return count_corpus(made)


def train_open(job: Job) -> tuple[np.ndarray, np.ndarray, float, int]:
    """Every step of every sentence in float64; tables, and the loss and number of the sampled centers."""
    inputs, outputs = (table[:, : job.recipe.dim].astype(np.float64) for table in (job.inputs, job.outputs))
    corpus, recipe, sides = job.corpus, job.recipe, sides_of(job)
    loss, asked = 0.0, 0
    for epoch in range(recipe.epochs):
        for s in range(len(corpus.starts) - 1):
            ids = corpus.ids[corpus.starts[s] : corpus.starts[s + 1]]
            plan = plan_sentence(
                ids, job.frequencies, window=recipe.window, negatives=recipe.negatives, serves=recipe.serves,
                key=epoch_key(recipe.seed, epoch), sentence=s,
            )  # fmt: skip
            rate = job.rate_at(epoch * len(corpus.ids) + int(corpus.starts[s]))
            steps = list(steps_of(plan, sides))
            if plan.serves == "pairs":
                taken = take_pairs(inputs, outputs, steps, rate)
            else:
                taken = (take(inputs, outputs, step, rate) for step in steps)
            for step, done in zip(steps, taken, strict=True):
                if step.center % 16 == 0:
                    loss += done.loss
                    asked += (
                        int(step.labels.sum())
                        if sides.subwords == "n-grams" and sides.model == "skip-gram"
                        else len(step.inputs)
                    )
    return inputs, outputs, loss, asked


def train_fast(job: Job, hot: int = 0) -> np.ndarray:
    worker = Worker(job, (job.inputs, job.outputs), hot)
    sums = []
    for epoch in range(job.recipe.epochs):
        before = job.inputs.copy()
        sums.append(worker.run(epoch, 0, len(job.corpus.starts) - 1))
        assert np.array_equal(job.inputs[:hot], before[:hot])  # what is the thread's own moves apart
        worker.meet()
    return np.sum(sums, axis=0)


def check(model: Word2Vec, corpus: EncodedCorpus, hot: int = 0) -> None:
    job = model.job(corpus, EPOCHS)
    # From outputs of zero the first steps would be too much alike.
    random = np.random.default_rng(5)
    job.outputs[:-1, : model.dim] = random.normal(0, 0.3, (len(job.outputs) - 1, model.dim))
    before = job.inputs.copy()
    inputs, outputs, loss, asked = train_open(job)
    sums = train_fast(job, hot)
    assert np.abs(job.inputs[:, : model.dim] - inputs).max() < 5e-5
    assert np.abs(job.outputs[:, : model.dim] - outputs).max() < 5e-5
    assert not job.inputs[:, model.dim :].any()
    assert not job.inputs[-1].any()
    assert not job.outputs[-1].any()
    assert sums[1] == asked
    assert sums[0] == pytest.approx(loss, rel=1e-3)
    assert not np.array_equal(job.inputs, before)


MODELS = {
    "skip-gram": Word2Vec(dim=20, noise="shared"),
    "skip-gram, own noise": Word2Vec(dim=20, noise="own"),
    "cbow": CBOW(dim=20),
    "skip-gram, hierarchical": Word2Vec(dim=20, objective="hierarchical"),
    "cbow, hierarchical": CBOW(dim=20, objective="hierarchical"),
    "fasttext": FastText(dim=20),
    "fasttext, cbow": FastText(dim=20, model="cbow"),
}


@pytest.mark.parametrize("hot", [0, 5])
@pytest.mark.parametrize("name", MODELS)
def test_every_model_equals_its_open_path(name: str, hot: int) -> None:
    model = replace(MODELS[name], min_count=1, subsample=0.05, rate=0.2, last_rate=0.01)
    check(model, corpus_of(1, sentences=30), hot)


@given(
    name=st.sampled_from(sorted(MODELS)),
    window=st.integers(1, 7),
    negatives=st.sampled_from([1, 5]),
    subsample=st.sampled_from([0.0, 0.02]),
    power=st.sampled_from([0.0, 0.75, 1.0]),
    seed=st.integers(0, 1 << 40),
)
@settings(max_examples=30)
def test_settings(name: str, window: int, negatives: int, subsample: float, power: float, seed: int) -> None:
    # Windows and negatives choose the width of a tile and so the kernel: few of them, each compiled once.
    if name == "fasttext":
        window, negatives = 5, 5
    model = replace(
        MODELS[name], window=window, negatives=negatives, subsample=subsample, noise_power=power,
        seed=seed, min_count=1, rate=0.1,
    )  # fmt: skip
    check(model, corpus_of(seed % 1000, sentences=6))


@pytest.mark.parametrize("negatives", [7, 8, 20])
def test_more_negatives_than_a_tile_holds(negatives: int) -> None:
    check(
        Word2Vec(dim=20, negatives=negatives, noise="shared", min_count=1, subsample=0, rate=0.1),
        corpus_of(2),
    )
    check(Word2Vec(dim=20, negatives=negatives, noise="own", min_count=1, rate=0.1), corpus_of(2))
    check(CBOW(dim=20, negatives=negatives, min_count=1, subsample=0, rate=0.1), corpus_of(2))


def test_fasttext_with_buckets_that_collide_and_a_wide_window() -> None:
    grams = GramSettings(shortest=1, longest=4, buckets=7)
    # So few rows are in every word many times: at the usual rate they would blow up, and rounding with them.
    check(FastText(dim=20, window=9, grams=grams, min_count=1, subsample=0, rate=0.005), corpus_of(3))


def test_skip_gram_of_whole_words_has_noise_of_its_own_unless_told_otherwise() -> None:
    corpus = corpus_of(4)

    def serves(model: Word2Vec) -> str:
        return replace(model, min_count=1, dim=4).job(corpus, 1).recipe.serves

    assert FEW_NOISE == FEW  # the kernel that is quick
    assert serves(Word2Vec()) == "pairs"
    shared = [
        Word2Vec(noise="shared"), Word2Vec(negatives=8), Word2Vec(window=101), Word2Vec(objective="hierarchical"),
        CBOW(), FastText(),
    ]  # fmt: skip
    assert [serves(model) for model in shared] == ["centers"] * len(shared)
    assert serves(Word2Vec(negatives=8, noise="own")) == "pairs"


def test_own_noise_is_drawn_for_each_pair() -> None:
    job = Word2Vec(dim=4, min_count=1, subsample=0, noise="own").job(corpus_of(4, longest=40), 1)
    plan = plan_sentence(
        job.corpus.ids[:30], job.frequencies, window=5, negatives=2, serves="pairs", key=7, sentence=0
    )
    n = len(plan.words)
    plan = replace(plan, negatives=np.arange(2 * len(plan.negatives), dtype=np.int32).reshape(-1, 2))
    steps = list(steps_of(plan, sides_of(job)))
    assert job.recipe.serves == "pairs"
    assert len(plan.negatives) == len(steps)
    assert all(len(step.inputs) == 1 for step in steps)
    assert [step.outputs[1:].tolist() for step in steps] == plan.negatives.tolist()
    around = [min(i, reach) + min(n - 1 - i, reach) for i, reach in enumerate(plan.reaches.tolist())]
    assert [step.center for step in steps] == np.repeat(np.arange(n), around).tolist()


def test_one_word_alone_has_nothing_to_learn() -> None:
    for model in MODELS.values():
        job = replace(model, min_count=1, subsample=0).job(count_corpus([["a"], ["a"]]), 1)
        before = job.inputs.copy()
        sums = train_fast(job)
        assert sums.tolist() == [0, 0, 0]
        assert np.array_equal(job.inputs, before)
