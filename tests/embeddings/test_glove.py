"""GloVe: counts equal the plain double loop, the fit equals plain NumPy, threads change nothing."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.oracles.glove import PlainGloVe

from cutaway.core.errors import DataError, FormatError, ResourceError, ShapeError, UsageError
from cutaway.embeddings import cooccurrence_runs, glove_tiles, spill
from cutaway.embeddings.cooccurrence import Cooccurrences, CountSettings, count_cooccurrences, count_openly
from cutaway.embeddings.corpus_counts import count_corpus
from cutaway.embeddings.glove import GloVe, Pass, first_table
from cutaway.embeddings.glove_tiles import arrange, round_robin
from cutaway.embeddings.ppmi import PPMI

WORDS = 12
SENTENCES = st.lists(st.lists(st.integers(0, WORDS - 1), max_size=12), max_size=8)


def as_block(sentences: list[list[int]]) -> np.ndarray:
    return np.array([word for sentence in sentences for word in (*sentence, -1)], dtype=np.int32)


def as_dict(counts: Cooccurrences) -> dict[tuple[int, int], float]:
    found = {}
    for row in range(len(counts)):
        for at in range(counts.row_starts[row], counts.row_starts[row + 1]):
            found[row, int(counts.columns[at])] = found[int(counts.columns[at]), row] = float(
                counts.values[at]
            )
    return found


def random_counts(words: int = 60, positions: int = 4000, seed: int = 0) -> Cooccurrences:
    rng = np.random.default_rng(seed)
    ids = np.minimum(rng.zipf(1.5, positions) - 1, words - 1).astype(np.int32)
    ids[rng.random(positions) < 0.05] = -1
    return count_cooccurrences([ids], words, CountSettings(window=5))


@given(SENTENCES, st.integers(1, 15), st.sampled_from(["harmonic", "flat"]), st.integers(1, 3))
def test_fast_counts_equal_open_ones(sentences: Any, window: int, distance: Any, threads: int) -> None:
    settings = CountSettings(window=window, distance=distance, threads=threads)
    fast = count_cooccurrences([as_block(sentences)], WORDS, settings)
    slow = count_openly(sentences, settings)
    assert as_dict(fast) == pytest.approx(slow, rel=1e-6)
    assert fast.cells == len(slow)
    assert all(fast.count(i, j) == pytest.approx(slow.get((i, j), 0.0)) for i in range(12) for j in range(12))


def test_blocks_tasks_and_files_change_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pieces = [np.append(rng.integers(0, 300, 4000), -1).astype(np.int32) for _ in range(60)]
    once = count_cooccurrences(pieces, 300)
    assert not any(tmp_path.iterdir())
    monkeypatch.setattr(cooccurrence_runs, "TASK_CELLS", 1000)
    small = CountSettings(memory=1 << 20, folder=tmp_path, threads=3)
    spilled = count_cooccurrences(pieces, 300, small)
    assert any(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert (spilled.columns == once.columns).all()
    assert (spilled.row_starts == once.row_starts).all()
    assert spilled.values == pytest.approx(once.values, rel=1e-5)
    del spilled
    assert not any(tmp_path.iterdir())


def test_a_full_disk_is_said_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(self: Path, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    rng = np.random.default_rng(0)
    pieces = [np.append(rng.integers(0, 3000, 40000), -1).astype(np.int32) for _ in range(20)]
    with pytest.raises(ResourceError, match="no space left") as error:
        count_cooccurrences(pieces, 3000, CountSettings(memory=1 << 20, folder=tmp_path))
    assert error.value.exit_code == 4
    assert not any(tmp_path.iterdir())


def test_what_a_dead_process_spilled_goes(tmp_path: Path) -> None:
    (tmp_path / f"{spill.PREFIX}4194304-x").mkdir()
    (tmp_path / f"{spill.PREFIX}1-x").mkdir()
    spill.SpillFolder(tmp_path).close()
    assert [path.name for path in tmp_path.iterdir()] == [f"{spill.PREFIX}1-x"]


def test_ids_beyond_the_words_are_refused() -> None:
    with pytest.raises(ShapeError, match="id 7"):
        count_cooccurrences([np.array([1, 7], dtype=np.int32)], 7)


@pytest.mark.parametrize("blocks", [1, 2, 5, 8])
def test_a_round_robin_pairs_all_and_repeats_no_block(blocks: int) -> None:
    rounds = list(round_robin(blocks))
    pairs = [pair for pairs in rounds for pair in pairs]
    assert sorted(pairs) == [(a, b) for a in range(blocks) for b in range(a, blocks)]
    for some in rounds[1:]:
        players = [player for pair in some for player in pair]
        assert len(players) == len(set(players))


def test_tiles_hold_every_cell_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(glove_tiles, "BLOCK_WORDS", 9)
    counts = random_counts()
    tiles = arrange(counts, np.random.default_rng(0), 1 << 20, spill.SpillFolder(tmp_path))
    found = {}
    for _, first, last, row, column in tiles.table.tolist():
        for cell in range(first, last):
            code = int(tiles.codes[cell])
            i, j = row + (code >> 16), column + (code & 0xFFFF)
            found[i, j] = found[j, i] = float(tiles.values[cell])
    assert found == as_dict(counts)
    assert sorted(np.concatenate(tiles.rounds)) == [
        number for number, first, last, *_ in tiles.table.tolist() if last > first
    ]


@pytest.mark.parametrize("block_words", [7, 512])
def test_a_pass_equals_plain_numpy(monkeypatch: pytest.MonkeyPatch, block_words: int, tmp_path: Path) -> None:
    monkeypatch.setattr(glove_tiles, "BLOCK_WORDS", block_words)
    counts, model = random_counts(), GloVe(dim=6, seed=3, threads=1, x_max=5.0)
    fit = model.fit_counts(counts, [str(k) for k in range(60)], epochs=2)
    rng = np.random.default_rng(3)
    tiles = arrange(counts, rng, 1 << 20, spill.SpillFolder(tmp_path))
    table = first_table(60, 6, rng)
    plain = PlainGloVe(table[:, 0, :6], table[:, 2, :6], table[:, 0, 6], table[:, 2, 7])
    for done in fit.passes:
        loss = 0.0
        for at in rng.permutation(len(tiles.rounds)):
            for number in tiles.rounds[at]:
                _, first, last, row, column = tiles.table[number].tolist()
                for cell in range(first, last):
                    code, x = int(tiles.codes[cell]), float(tiles.values[cell])
                    i, j = row + (code >> 16), column + (code & 0xFFFF)
                    for pair in [(i, j)] if i == j else [(i, j), (j, i)]:
                        loss += plain.step(*pair, x, x_max=5.0)
        assert done.loss == pytest.approx(loss / counts.cells, rel=1e-4)
    np.testing.assert_allclose(fit.table[:, 0, :6], plain.w, atol=2e-5)
    np.testing.assert_allclose(fit.table[:, 2, :6], plain.c, atol=2e-5)
    np.testing.assert_allclose(fit.table[:, 0, 6], plain.b, atol=2e-5)
    np.testing.assert_allclose(fit.table[:, 3, :6], plain.gc, atol=2e-5)
    np.testing.assert_allclose(fit.vectors.vectors, plain.w + plain.c, atol=4e-5)


def test_threads_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glove_tiles, "BLOCK_WORDS", 7)
    counts, words = random_counts(), [str(k) for k in range(60)]
    fits = [GloVe(dim=5, threads=threads).fit_counts(counts, words, epochs=3) for threads in (1, 4)]
    assert (fits[0].table == fits[1].table).all()
    assert [p.loss for p in fits[0].passes] == [p.loss for p in fits[1].passes]


def test_a_fit_from_spilled_cells_is_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    counts, words = random_counts(), [str(k) for k in range(60)]
    here = GloVe(dim=5).fit_counts(counts, words, epochs=2)
    there = GloVe(dim=5, memory=100, folder=tmp_path).fit_counts(counts, words, epochs=2)
    assert (here.table == there.table).all()
    assert not any(tmp_path.iterdir())


def test_the_gradient_equals_finite_differences() -> None:
    counts = random_counts()
    fit = GloVe(dim=4, x_max=3.0).fit_counts(counts, [str(k) for k in range(60)], epochs=1)
    trace = fit.trace("0", "2")
    x = counts.count(0, 2)
    table = fit.table.astype(np.float64)

    def half_loss(w: np.ndarray) -> float:
        plain = PlainGloVe(w[None], table[[2], 2, :4], table[[0], 0, 4], table[[2], 2, 5])
        return plain.loss(0, 0, x, x_max=3.0) / 2

    for k in range(4):
        shift = np.eye(4)[k] * 1e-6
        slope = (half_loss(table[0, 0, :4] + shift) - half_loss(table[0, 0, :4] - shift)) / 2e-6
        assert trace["gradient"][k] == pytest.approx(slope, rel=1e-5, abs=1e-9)
    assert float(trace["loss"]) == pytest.approx(2 * half_loss(table[0, 0, :4]))


def test_words_that_never_meet_have_no_fit() -> None:
    counts = count_cooccurrences([np.array([0, 1, -1, 2, 3], dtype=np.int32)], 4)
    fit = GloVe(dim=2).fit_counts(counts, list("abcd"), epochs=1)
    with pytest.raises(DataError, match="never stand"):
        fit.trace("a", "c")
    with pytest.raises(DataError, match="no two words"):
        GloVe().fit_counts(count_cooccurrences([], 3), list("abc"))


@pytest.mark.parametrize("wrong", [{"dim": 0}, {"x_max": 0.0}, {"alpha": 2.0}, {"rate": -1.0}])
def test_settings_outside_their_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        GloVe(**wrong)


def test_ppmi_equals_its_definition_on_the_dense_matrix() -> None:
    counts = random_counts(words=30)
    x = np.zeros((30, 30))
    for (i, j), value in as_dict(counts).items():
        x[i, j] = value
    p = x / x.sum()
    smoothed = x.sum(axis=0) ** 0.75
    with np.errstate(divide="ignore", invalid="ignore"):
        pmi = np.log(p / np.outer(p.sum(axis=1), smoothed / smoothed.sum()))
    expected = np.where(p > 0, np.maximum(pmi - np.log(2), 0), 0)
    model = PPMI(dim=4, negatives=2)
    np.testing.assert_allclose(model.matrix(counts).toarray(), expected, atol=1e-5)
    left, singular, _ = np.linalg.svd(expected)
    vectors = model.fit_counts(counts, [str(k) for k in range(30)]).vectors
    np.testing.assert_allclose(vectors @ vectors.T, (left[:, :4] * singular[:4]) @ left[:, :4].T, atol=1e-3)
    trace = model.trace(counts, [str(k) for k in range(30)], "3", "1")
    assert float(trace["ppmi"]) == pytest.approx(expected[3, 1], abs=1e-5)


class StopHereError(Exception):
    """Raised where a test ends a training."""


SENTENCES_OF_WORDS = [["the", "king", "rules"], ["the", "queen", "rules"], ["rare"]] * 6


def test_a_corpus_is_counted_as_its_sentences_stand() -> None:
    corpus = count_corpus([*SENTENCES_OF_WORDS, ["once"]], min_count=2)
    rows = {word: row for row, word in enumerate(corpus.words)}
    slow = count_openly([[rows[word] for word in sentence] for sentence in SENTENCES_OF_WORDS])
    for size in (1, 4, 1000):
        fast = count_cooccurrences(corpus.blocks(size), len(corpus.words))
        assert as_dict(fast) == pytest.approx(slow)


def test_an_interrupted_fit_goes_on_to_the_same_vectors(tmp_path: Path) -> None:
    def stop(done: Pass) -> None:
        if done.number == 2:
            raise StopHereError

    model, state = GloVe(dim=4, min_count=1), tmp_path / "glove.state"
    whole = model.fit(SENTENCES_OF_WORDS, epochs=5)
    with pytest.raises(StopHereError):
        model.fit(SENTENCES_OF_WORDS, epochs=5, state_file=state, listener=stop)
    heard: list[Pass] = []
    resumed = model.fit(SENTENCES_OF_WORDS, epochs=5, state_file=state, listener=heard.append)
    assert [done.number for done in heard] == [3, 4, 5]
    assert np.array_equal(resumed.vectors, whole.vectors)
    assert not state.exists()


def test_a_state_of_other_settings_is_refused(tmp_path: Path) -> None:
    def stop(done: Pass) -> None:
        raise StopHereError

    state = tmp_path / "glove.state"
    with pytest.raises(StopHereError):
        GloVe(dim=4, min_count=1).fit(SENTENCES_OF_WORDS, state_file=state, listener=stop)
    with pytest.raises(UsageError, match="other settings"):
        GloVe(dim=4, min_count=1, rate=0.1).fit(SENTENCES_OF_WORDS, state_file=state)
    state.write_bytes(state.read_bytes()[:-9])
    with pytest.raises(FormatError, match="damaged"):
        GloVe(dim=4, min_count=1).fit(SENTENCES_OF_WORDS, state_file=state)


def test_ppmi_of_a_corpus_is_that_of_its_counts() -> None:
    corpus = count_corpus(SENTENCES_OF_WORDS, min_count=5)
    counts = count_cooccurrences(corpus.blocks(), len(corpus.words), CountSettings(window=5, distance="flat"))
    expected = PPMI(dim=2).fit_counts(counts, corpus.words)
    assert np.array_equal(PPMI(dim=2).fit(SENTENCES_OF_WORDS).vectors, expected.vectors)
