"""The random choices of a training, in plain Python: the definition that the kernels repeat bit for bit.

Every sentence of every epoch has a generator of its own, so what it draws does not depend on what was
trained before it or beside it: a training that is cut anywhere goes on as if it never stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cutaway.embeddings.noise import Frequencies

Serves = Literal["centers", "pairs"]

_64 = (1 << 64) - 1
_STRIDE = 0x9E3779B97F4A7C15


class Draws:
    """Marsaglia's xorshift generator, its output multiplied: 64 random bits a call.

        x ← x ⊕ (x ≫ 12); x ← x ⊕ (x ≪ 25); x ← x ⊕ (x ≫ 27); output x · M mod 2⁶⁴        (1)

    Args:
        state: where it starts, not 0.

    Source:
        Vigna 2016, arXiv:1402.6246, xorshift64*.

    Example:
        >>> Draws(1).next()
        5180492295206395165
    """

    def __init__(self, state: int) -> None:
        self._state = state

    def next(self) -> int:
        """Return the next 64 bits.

        Returns:
            A number from 0 to 2⁶⁴ - 1.
        """
        x = self._state
        x ^= x >> 12
        x ^= (x << 25) & _64
        x ^= x >> 27
        self._state = x
        return (x * 0x2545F4914F6CDD1D) & _64


def mixed(number: int) -> int:
    """Return a number whose bits all depend on all bits of another (SplitMix64's finish), never even.

    Args:
        number: any.

    Returns:
        An odd number below 2⁶⁴.

    Source:
        Steele, Lea and Flood 2014, Fast splittable pseudorandom number generators, OOPSLA.
    """
    z = number & _64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _64
    return (z ^ (z >> 31)) | 1


def epoch_key(seed: int, epoch: int) -> int:
    """Return the key from which an epoch's sentences get their generators.

    Args:
        seed: of the training.
        epoch: 0 for the first.

    Returns:
        An odd number below 2⁶⁴.
    """
    return mixed(mixed(seed) + (epoch + 1) * _STRIDE)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What chance decides about one sentence before any of its words is trained on.

    Attributes:
        words: (n,) the rows of the words that subsampling left.
        reaches: (n,) how far the window of each reaches, 1 to `window`.
        negatives: (n, N) rows drawn from the noise distribution for each word as center, or (P, N) for each
            of P pairs: all words of the context of the first center, from the left, then of the second.
        serves: which of the two.
    """

    words: NDArray[np.int32]
    reaches: NDArray[np.int64]
    negatives: NDArray[np.int32]
    serves: Serves


def plan_sentence(
    ids: NDArray[np.int32],
    frequencies: Frequencies,
    *,
    window: int,
    negatives: int,
    serves: Serves,
    key: int,
    sentence: int,
) -> Plan:
    """Draw a sentence's plan: first which words stay, then every reach, then all negatives.

    A window whose reach is drawn evenly from 1 to `window` weighs near words more, at no cost.

    Args:
        ids: the sentence.
        frequencies: chances of staying and of being drawn.
        window: the farthest reach.
        negatives: how many make a set.
        serves: what a set is drawn for.
        key: of the epoch.
        sentence: its number in the corpus.

    Returns:
        The plan.

    Source:
        Mikolov et al. 2013, arXiv:1301.3781, section 3.2 (reach); arXiv:1310.4546, sections 2.2 and 2.3.
    """
    draws = Draws(mixed(key + sentence * _STRIDE))
    kept = [row for row in ids.tolist() if draws.next() >> 32 <= int(frequencies.keep[row])]
    reaches = [1 + (draws.next() >> 33) % window for _ in kept]
    last = len(kept) - 1
    around = sum(min(i, reach) + min(last - i, reach) for i, reach in enumerate(reaches))
    served = len(kept) if serves == "centers" else around
    drawn = [frequencies.draw(draws.next()) for _ in range(served * negatives)]
    return Plan(
        words=np.array(kept, np.int32),
        reaches=np.array(reaches, np.int64),
        negatives=np.array(drawn, np.int32).reshape(served, negatives),
        serves=serves,
    )
