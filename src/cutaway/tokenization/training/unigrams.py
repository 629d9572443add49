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
from itertools import accumulate, pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError, UsageError
from cutaway.core.text import scrub
from cutaway.tokenization.decoders.sentencepiece import SentencePieceDecoder
from cutaway.tokenization.kernels import likelihood
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

Words = tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]


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
    length = float((words[2] * np.diff(words[1])).sum())
    rounds = []
    while True:
        for _ in range(_STEPS_A_ROUND):
            pieces, scores, whole = _fitted(words, pieces, scores, set(characters))
        rounds.append(Round(len(pieces), whole / length))
        if len(pieces) <= wanted:
            break
        most = max(wanted, int(settings.kept * len(pieces)))
        pieces, scores = _pruned(words, pieces, scores, most, set(characters))
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


def _seeds(
    words: Words, characters: Sequence[str], settings: UnigramTraining
) -> tuple[list[str], NDArray[np.float64]]:
    """Return every character, and the substrings with the largest count times length."""
    slots = 1 << (2 * len(words[0])).bit_length()
    room = (np.empty(len(words[0]), np.uint64), np.empty(len(words[0]), np.int64))
    while True:
        hashes, found = np.zeros(slots, np.uint64), np.zeros(likelihood.SEED * slots, np.int64)
        if likelihood.count_substrings(words, settings.longest, (hashes, found), room) >= 0:
            break
        slots *= 2
    rows = found.reshape(-1, likelihood.SEED)
    rows = rows[hashes != 0]
    several = rows[(rows[:, 2] > 1) & (rows[:, 0] > 1)]
    several = several[np.lexsort((several[:, 1], -several[:, 0] * several[:, 2]))][: settings.seeds]
    letters = words[0].tobytes()
    alone = rows[rows[:, 2] == 1]
    single = dict(zip(map(chr, words[0][alone[:, 1]].tolist()), alone[:, 0].tolist(), strict=True))
    pieces = [letters[4 * at : 4 * (at + size)].decode("utf-32-le") for _, at, size in several.tolist()]
    values = [count * size for count, _, size in several.tolist()] + [single[char] for char in characters]
    scores = np.log(np.array(values, np.float64))
    return [*pieces, *characters], scores - np.log(np.exp(scores).sum())


def _trie(pieces: Sequence[str], scores: NDArray[np.float64]) -> tuple[Any, Any]:
    """Return the trie of some pieces, and their code points with where each starts."""
    letters, starts, _ = _flat(pieces, [])
    slots = 1 << (2 * len(letters) + 2).bit_length()
    children, at_nodes = np.full(slots, _EMPTY), np.empty(len(letters) + 1, np.int32)
    likelihood.fill_letters(letters, starts, children, at_nodes)
    return (children, at_nodes, scores), (letters, starts)


def _fitted(
    words: Words, pieces: list[str], scores: NDArray[np.float64], needed: set[str]
) -> tuple[list[str], NDArray[np.float64], float]:
    """Return the pieces that are used, their log probabilities, and the likelihood before this step."""
    trie, _ = _trie(pieces, scores)
    expected = np.zeros(len(pieces))
    shares = np.linspace(0, len(words[2]), _SHARES + 1).astype(np.int64).tolist()

    def expect(part: tuple[int, int]) -> tuple[float, NDArray[np.float64]]:
        own = np.zeros(len(pieces))
        return float(likelihood.expect(words, part, trie, own)), own

    # A fixed number of shares, added in order: the result does not depend on how many threads there are.
    whole = 0.0
    with ThreadPoolExecutor(processors()) as pool:
        for found, own in pool.map(expect, pairwise(shares)):
            whole += found
            expected += own
    kept = expected >= _LEAST_EXPECTED
    kept |= np.fromiter((piece in needed for piece in pieces), bool, len(pieces))
    expected = np.maximum(expected[kept], _LEAST_EXPECTED)
    fitted = _digamma(expected) - _digamma(np.array([expected.sum()]))[0]
    return [piece for piece, keep in zip(pieces, kept, strict=True) if keep], fitted, whole


def _pruned(
    words: Words, pieces: list[str], scores: NDArray[np.float64], most: int, needed: set[str]
) -> tuple[list[str], NDArray[np.float64]]:
    """Return the pieces that the words' likelihood needs most; characters stay."""
    trie, spelled = _trie(pieces, scores)
    frequencies, lost = np.zeros(len(pieces)), np.zeros(len(pieces))
    likelihood.losses(words, trie, spelled, frequencies, lost)
    lost[[at for at, piece in enumerate(pieces) if piece in needed]] = np.inf
    chosen = np.sort(np.argsort(-lost, kind="stable")[:most])
    return [pieces[at] for at in chosen], scores[chosen]


def _digamma(values: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import digamma

    found: NDArray[np.float64] = digamma(values)
    return found
