"""Unigram trained on texts: begin with far too many pieces, fit probabilities, drop what is missed least.

    1  every frequent substring of a word is a piece
    2  twice: expect how often each piece is used, and make that its probability
    3  drop the quarter that the words' likelihood needs least; from 2 again until there are few enough

Source: Kudo 2018, arXiv:1804.10959, section 3.2; the digamma of step 2 is the variational Bayes of Liang et
al. 2007, The Infinite PCFG using Hierarchical Dirichlet Processes, section 3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate, compress, pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError, UsageError
from cutaway.core.text import scrub
from cutaway.tokenization.decoders.sentencepiece import SentencePieceDecoder
from cutaway.tokenization.kernels import lattice as lattices
from cutaway.tokenization.kernels import substrings
from cutaway.tokenization.models.blocks import processors
from cutaway.tokenization.models.unigram import Unigram
from cutaway.tokenization.normalizers.sentencepiece import SPACE, SentencePieceNormalizer
from cutaway.tokenization.pipeline import Pipeline
from cutaway.tokenization.splitters.sentencepiece import SentencePieceSplitter

UNKNOWN: Final = "<unk>"
SPECIAL: Final = (UNKNOWN, "<s>", "</s>")
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
_LEAST_EXPECTED: Final = 0.5
_STEPS_A_ROUND: Final = 2
_SHARES: Final = 8
_EDGES_A_CHARACTER: Final = 5  # room to begin with: English has four

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
Longs = NDArray[np.int64]
Words = tuple[Ints, Longs, Longs]
Lattice = tuple[Longs, Ints, Ints]  # of some words in some pieces, as kernels/lattice.py has it


@dataclass(frozen=True, kw_only=True)
class UnigramTraining:
    """What to learn.

    Attributes:
        vocab_size: pieces at most, the special ones included; few texts give fewer.
        seeds: how many pieces to begin with.
        longest: characters of a piece.
        kept: the share of pieces that each round keeps.

    Raises:
        UsageError: a number is out of range.
    """

    vocab_size: int = 8_000
    seeds: int = 200_000
    longest: int = 16
    kept: float = 0.75

    def __post_init__(self) -> None:
        if self.vocab_size <= len(SPECIAL) or self.longest < 1 or not 0 < self.kept < 1:
            raise UsageError(
                f"vocab_size is {self.vocab_size}, longest {self.longest} and kept {self.kept}: they must be "
                f"over {len(SPECIAL)}, at least 1, and between 0 and 1"
            )


class Round(NamedTuple):
    """One round of training: how many pieces there were, and the log likelihood of a character in nats."""

    pieces: int
    likelihood: float


def train_unigram(texts: Iterable[str], settings: UnigramTraining) -> tuple[Pipeline, list[Round]]:
    """Train on texts.

    Args:
        texts: any number, read once; what is kept grows with the number of distinct words.
        settings: what to learn.

    Returns:
        A pipeline like that of a SentencePiece model, and the rounds.

    Raises:
        DataError: there is no word in the texts.
        UsageError: vocab_size leaves no room for the characters.
    """
    words = _words(texts)
    characters = sorted({chr(code) for code in np.unique(words[0])})
    wanted = settings.vocab_size - len(SPECIAL)
    if wanted < len(characters):
        raise UsageError(
            f"vocab_size is {settings.vocab_size}, but the special pieces and the characters are "
            f"{len(SPECIAL) + len(characters)}: raise it"
        )
    pieces, scores = _seeds(words, characters, settings)
    lattice, needed = _lattice(words, pieces), np.arange(len(pieces)) >= len(pieces) - len(characters)
    length = float((words[2] * np.diff(words[1])).sum())
    rounds = []
    while True:
        for _ in range(_STEPS_A_ROUND):
            kept, scores, whole = _fitted(words, lattice, scores, needed)
            pieces, needed = _kept(pieces, lattice, kept), needed[kept]
        rounds.append(Round(len(pieces), whole / length))
        if len(pieces) <= wanted:
            break
        most = max(wanted, int(settings.kept * len(pieces)))
        kept = _pruned(words, lattice, pieces, scores, needed, most)
        pieces, scores, needed = _kept(pieces, lattice, kept), scores[kept], needed[kept]
    order = np.argsort(-scores, kind="stable")
    ranked = [(pieces[at], float(np.float32(scores[at]))) for at in order]
    model = Unigram(
        [*((piece, 0.0) for piece in SPECIAL), *ranked],
        unknown_id=0,
        hidden=range(len(SPECIAL)),
        precision="single",
        origin="the trained tokenizer",
    )
    pipeline = Pipeline(
        model=model,
        normalizer=SentencePieceNormalizer(),
        splitter=SentencePieceSplitter(),
        decoder=SentencePieceDecoder(unknown=UNKNOWN),
        origin="the trained tokenizer",
    )
    return pipeline, rounds


def _words(texts: Iterable[str]) -> Words:
    counted: Counter[str] = Counter()
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"text {row} is {type(text).__name__}, not a string: pass strings")
        counted.update(scrub(text).split(" "))
    counted.pop("", None)
    if not counted:
        raise DataError("there is no text to learn from: give texts with words in them")
    return _flat([SPACE + word.replace(SPACE, "") for word in counted], list(counted.values()))


def _flat(words: Sequence[str], counts: Sequence[int]) -> Words:
    letters = np.frombuffer("".join(words).encode("utf-32-le"), np.int32).copy()
    return letters, np.array([0, *accumulate(map(len, words))], np.int64), np.array(counts, np.int64)


def _seeds(words: Words, characters: Sequence[str], settings: UnigramTraining) -> tuple[list[str], Floats]:
    """Return the substrings with the largest count times length, then every character; log probabilities."""
    counts, places, sizes = _substrings(words, settings.longest)
    values = counts * sizes
    several = np.flatnonzero((sizes > 1) & (counts > 1))
    several = several[np.lexsort((places[several], -values[several]))][: settings.seeds]
    text = words[0].tobytes().decode("utf-32-le")
    spans = zip(places[several].tolist(), sizes[several].tolist(), strict=True)
    pieces = [text[at : at + size] for at, size in spans]
    alone = np.flatnonzero(sizes == 1)
    single = {text[at]: count for at, count in zip(places[alone], counts[alone], strict=True)}
    whole = np.array([*values[several], *(single[char] for char in characters)], np.float64)
    return [*pieces, *characters], np.log(whole / whole.sum())


def _substrings(words: Words, longest: int) -> tuple[Longs, Longs, Longs]:
    """Return how often each substring came, where it stands first, and its code points."""
    slots = 1 << (2 * len(words[0])).bit_length()
    at_slots, ends = np.empty(len(words[0]), np.int64), np.empty(longest + 1, np.int64)
    while True:
        table, found = np.zeros(substrings.SLOT * slots, np.uint64), np.empty(2 * slots, np.int64)
        used = substrings.count_substrings(words, table, at_slots, found, ends)
        if used >= 0:
            break
        slots *= 2
    counts = table[substrings.SLOT * found[: 2 * used : 2] + 1].astype(np.int64)
    return counts, found[1 : 2 * used : 2], np.repeat(np.arange(1, longest + 1), np.diff(ends))


def _lattice(words: Words, pieces: Sequence[str]) -> Lattice:
    """Return the lattice of some words in some pieces."""
    letters, starts, _ = _flat(pieces, [])
    slots = 1 << (2 * len(letters) + 2).bit_length()
    trie = (np.full(slots, _EMPTY), np.empty(len(letters) + 1, np.int32))
    substrings.fill_letters(letters, starts, *trie)
    longest = int(np.diff(starts).max())
    firsts, room, done = np.empty(len(words[0]) + 1, np.int64), _EDGES_A_CHARACTER * len(words[0]), (0, 0)
    edges = np.empty(room, np.int32), np.empty(room, np.int32)
    while True:
        done = lattices.fill_lattice(words, done, trie, longest, (firsts, *edges))
        if done[0] == len(words[1]) - 1:
            break
        more = np.empty(len(edges[0]) + longest * int(np.diff(words[1]).max()), np.int32)
        edges = np.concatenate([edges[0], more]), np.concatenate([edges[1], more])
    return firsts, *edges


def _kept(pieces: list[str], lattice: Lattice, kept: NDArray[np.bool_]) -> list[str]:
    """Return the pieces that are kept, and take the others out of the lattice."""
    numbers = np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)
    lattices.keep_edges(lattice, numbers)
    return list(compress(pieces, kept.tolist()))


def _fitted(
    words: Words, lattice: Lattice, scores: Floats, needed: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], Floats, float]:
    """Return which pieces are used, their log probabilities, and the likelihood before this step."""
    chances, expected = np.exp(scores), np.zeros(len(scores))
    shares = np.linspace(0, len(words[2]), _SHARES + 1).astype(np.int64).tolist()
    longest = int(np.diff(words[1]).max()) + 1

    def expect(part: tuple[int, int]) -> tuple[float, Floats]:
        own, room = np.zeros(len(scores)), (np.empty(longest), np.empty(longest))
        return float(lattices.expect(words, part, lattice, chances, own, room)), own

    # A fixed number of shares, added in order: the result does not depend on how many threads there are.
    whole = 0.0
    with ThreadPoolExecutor(processors()) as pool:
        for found, own in pool.map(expect, pairwise(shares)):
            whole += found
            expected += own
    kept = (expected >= _LEAST_EXPECTED) | needed
    expected = np.maximum(expected[kept], _LEAST_EXPECTED)
    return kept, _digamma(expected) - _digamma(np.array([expected.sum()]))[0], whole


def _pruned(
    words: Words,
    lattice: Lattice,
    pieces: Sequence[str],
    scores: Floats,
    needed: NDArray[np.bool_],
    most: int,
) -> NDArray[np.bool_]:
    """Return which pieces the words' likelihood needs most; characters stay."""
    spelled = _flat(pieces, [])
    longest = int(max(np.diff(words[1]).max(), np.diff(spelled[1]).max())) + 1
    room = (np.empty(longest), np.empty(longest, np.int32), np.empty(longest, np.int32))
    lost = np.zeros(len(pieces))
    lattices.count_best(words, lattice, scores, lost, room)
    lattices.losses(spelled[1], _lattice(spelled, pieces), scores, lost, room)
    lost[needed] = np.inf
    kept = np.zeros(len(pieces), bool)
    kept[np.argsort(-lost, kind="stable")[:most]] = True
    return kept


def _digamma(values: Floats) -> Floats:
    from scipy.special import digamma

    found: Floats = digamma(values)
    return found
