"""Word2Vec and FastText as a user has them: repeatable, resumable, from any corpus, clear in what they refuse."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutaway.core.errors import DataError, FormatError, MissingFileError, StoppedError, UsageError
from cutaway.embeddings import training
from cutaway.embeddings.corpus import read_corpus
from cutaway.embeddings.fasttext import FastText
from cutaway.embeddings.huffman import huffman_paths
from cutaway.embeddings.subwords import GramSettings
from cutaway.embeddings.trained import TrainedModel
from cutaway.embeddings.training import Progress
from cutaway.embeddings.vectors import WordVectors
from cutaway.embeddings.word2vec import CBOW, Word2Vec

# Words of one group stand together, those of two never do.
GROUPS = [[f"{group}{number}" for number in range(6)] for group in "abc"]
SMALL = Word2Vec(dim=16, min_count=1, subsample=0)


def corpus(sentences: int = 600) -> list[list[str]]:
    random = np.random.default_rng(3)
    return [list(random.choice(GROUPS[at % 3], 8)) for at in range(sentences)]


@pytest.mark.parametrize(
    "model",
    [
        SMALL,
        Word2Vec(dim=16, min_count=1, subsample=0, model="cbow", rate=0.05),
        Word2Vec(dim=16, min_count=1, subsample=0, objective="hierarchical"),
        FastText(dim=16, min_count=1, subsample=0, grams=GramSettings(buckets=500), rate=0.05),
    ],
    ids=["skip-gram", "cbow", "hierarchical", "fasttext"],
)
def test_words_that_stand_together_come_to_lie_together(model: Word2Vec) -> None:
    vectors = model.fit(corpus(1500), epochs=8)
    near = [word for word, _ in vectors.most_similar("a0", topn=5)]
    assert sorted(near) == sorted(GROUPS[0][1:])


def test_one_thread_and_several_that_take_turns_repeat_themselves() -> None:
    texts = corpus()
    one = SMALL.fit(texts, epochs=2)
    again = SMALL.fit(texts, epochs=2)
    assert np.array_equal(one["a1"], again["a1"])
    two = [SMALL.fit(texts, epochs=2, threads=2, schedule="repeatable")["a1"] for _ in range(2)]
    assert np.array_equal(*two)
    assert not np.array_equal(Word2Vec(dim=16, min_count=1, subsample=0, seed=1).fit(texts)["a1"], one["a1"])


def test_an_interrupted_training_goes_on_to_the_same_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "WORDS_IN_BLOCK", 400)
    texts, state = corpus(), tmp_path / "state.safetensors"
    whole = SMALL.fit(texts, epochs=3)

    def stop(progress: Progress, model: TrainedModel) -> None:
        if progress.words > 5000:
            raise KeyboardInterrupt

    with pytest.raises(StoppedError):
        SMALL.fit(texts, epochs=3, state_file=state, listen=stop)
    assert state.is_file()
    with pytest.raises(UsageError, match="another corpus or other settings"):
        SMALL.fit(texts[:-1], epochs=3, state_file=state)
    resumed = SMALL.fit(texts, epochs=3, state_file=state)
    for word in ("a0", "b3", "c5"):
        assert np.array_equal(resumed[word], whole[word])
    assert not state.exists()


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state.safetensors"
    state.write_bytes(b"no state at all")
    with pytest.raises(FormatError, match="damaged state file"):
        SMALL.fit(corpus(30), state_file=state)


def test_progress_tells_words_speed_and_a_falling_loss() -> None:
    told: list[Progress] = []
    SMALL.fit(corpus(2000), epochs=3, listen=lambda progress, model: told.append(progress))
    assert told[-1].words == told[-1].total == 3 * 16_000
    assert told[-1].loss < told[0].loss
    assert all(progress.words_per_second > 0 for progress in told)
    assert [progress.rate for progress in told] == sorted((p.rate for p in told), reverse=True)


def test_probabilities_of_the_hierarchical_softmax_sum_to_one() -> None:
    random = np.random.default_rng(1)
    counts = np.sort(random.integers(1, 100, 37))[::-1].astype(np.int64)
    paths = huffman_paths(counts)
    nodes, hidden = random.normal(size=(36, 9)), random.normal(size=9)
    total = 0.0
    for word in range(37):
        rows, wanted = paths.of(word)
        signs = np.where(wanted > 0, 1.0, -1.0)
        total += float(np.prod(1 / (1 + np.exp(-signs * (nodes[rows] @ hidden)))))
    assert total == pytest.approx(1.0)


def test_unknown_words_have_vectors_of_their_n_grams() -> None:
    vectors = FastText(dim=8, min_count=1, grams=GramSettings(buckets=200)).fit(
        [["walk", "walked", "walking", "talked"]] * 50
    )
    assert vectors["walks"].shape == (8,)
    with pytest.raises(KeyError):
        Word2Vec(dim=8, min_count=1).fit([["walk", "walked"]] * 9)["walks"]


def test_corpora_of_every_kind_give_the_same_vectors(tmp_path: Path) -> None:
    texts = [" ".join(words) for words in corpus(90)]
    (tmp_path / "a.txt").write_text("\n".join(texts[:40]))
    with gzip.open(tmp_path / "b.txt.gz", "wt") as file:
        file.write("\n".join(texts[40:70]))
    pq.write_table(pa.table({"text": texts[70:]}), tmp_path / "c.parquet")
    expected = SMALL.fit([text.split() for text in texts], epochs=1)
    for source in (tmp_path, read_corpus(tmp_path), read_corpus(tmp_path, tokenize=str.split), texts):
        found: WordVectors = SMALL.fit(source, epochs=1)
        assert np.array_equal(found["b2"], expected["b2"])


@pytest.mark.parametrize(
    ("sentences", "message"),
    [([], "no sentence has a word"), ([[]], "no sentence has a word"), ([["a", "b"]], "min_count|5 times")],
)
def test_a_corpus_without_words_to_learn_is_refused(sentences: list[list[str]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Word2Vec(dim=8).fit(sentences)


def test_wrong_settings_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="dim is 0"):
        Word2Vec(dim=0)
    with pytest.raises(UsageError, match="model is 'magic'"):
        Word2Vec(model="magic")  # type: ignore[arg-type]
    for several in (
        lambda: CBOW(noise="own"),
        lambda: FastText(noise="own"),
        lambda: Word2Vec(noise="own", objective="hierarchical"),
    ):
        with pytest.raises(UsageError, match="noise is 'own': that goes with skip-gram"):
            several()
    with pytest.raises(UsageError, match="window 1000 times negatives 6 may be 500"):
        Word2Vec(noise="own", window=1000, negatives=6)
    with pytest.raises(UsageError, match="noise is 'none': expected 'shared' or 'own'"):
        Word2Vec(noise="none")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="threads is 0"):
        SMALL.fit(corpus(3), threads=0)
    with pytest.raises(UsageError, match="not one text"):
        SMALL.fit("one text")
    with pytest.raises(MissingFileError, match="no file or folder"):
        SMALL.fit(tmp_path / "absent")
    with pytest.raises(DataError, match="holds no file"):
        SMALL.fit(tmp_path)
