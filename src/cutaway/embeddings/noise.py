"""What word frequencies decide: which occurrences are trained on, and which words serve as noise.

Letters: V words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ALL = (1 << 32) - 1


@dataclass(frozen=True, kw_only=True)
class Frequencies:
    """Chances as whole numbers of 2⁻³², which kernels and plain Python compare alike.

    Attributes:
        keep: (V,) uint32; an occurrence stays if 32 random bits are at most this.
        threshold: (V,) uint32; a column of the alias table stands for itself up to here.
        alias: (V,) int32; and for this word beyond.
    """

    keep: NDArray[np.uint32]
    threshold: NDArray[np.uint32]
    alias: NDArray[np.int32]

    def draw(self, bits: int) -> int:
        """Return the word that 64 random bits stand for: 32 choose a column, 32 one of its two words.

        Args:
            bits: from 0 to 2⁶⁴ - 1.

        Returns:
            A row.
        """
        column = ((bits >> 32) * len(self.alias)) >> 32
        return column if bits & _ALL <= int(self.threshold[column]) else int(self.alias[column])


def frequencies(counts: NDArray[np.int64], *, subsample: float, power: float) -> Frequencies:
    """Work out the chances from counts.

    Args:
        counts: (V,) how often each word occurs.
        subsample: the share of the corpus above which a word's occurrences are thinned; 0 keeps all.
        power: noise is drawn in proportion to count to this power.

    Returns:
        The chances.

    Source:
        Mikolov et al. 2013, arXiv:1310.4546, sections 2.2 and 2.3.
    """
    kept = keep_chances(counts, subsample)
    threshold, alias = alias_table(noise_shares(counts, power))
    return Frequencies(keep=_of_all(kept), threshold=_of_all(threshold), alias=alias)


def keep_chances(counts: NDArray[np.int64], subsample: float) -> NDArray[np.float64]:
    """Return the chance that an occurrence of each word is trained on.

        P(keep w) = min(1, √(t / f(w)) + t / f(w))                                          (1)

    where f(w) is the word's share of the corpus. Departs: the paper has √(t / f) alone; its program
    adds the second term, and so does everybody since.

    Args:
        counts: (V,) how often each word occurs.
        subsample: t; 0 keeps all.

    Returns:
        (V,) from 0 to 1.

    Source:
        Mikolov et al. 2013, arXiv:1310.4546, equation 5.

    Example:
        >>> keep_chances(np.array([90, 10]), 0.1).round(4).tolist()
        [0.4444, 1.0]
    """
    ratio = subsample * counts.sum() / counts  # (V,)
    return np.minimum(1.0, np.sqrt(ratio) + ratio) if subsample > 0 else np.ones(len(counts))


def noise_shares(counts: NDArray[np.int64], power: float) -> NDArray[np.float64]:
    """Return how likely each word is to be drawn as a negative.

        P(w) = count(w)^power / Σ count^power                                               (2)

    Args:
        counts: (V,) how often each word occurs.
        power: 3/4 in the paper; 1 is the unigram distribution, 0 the uniform one.

    Returns:
        (V,) adding up to 1.

    Source:
        Mikolov et al. 2013, arXiv:1310.4546, section 2.2.

    Example:
        >>> noise_shares(np.array([16, 1]), 0.75).round(4).tolist()
        [0.8889, 0.1111]
    """
    weights = counts.astype(np.float64) ** power  # (V,)
    return np.asarray(weights / weights.sum())


def alias_table(shares: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return V columns of equal width, each shared by at most two words: drawing takes one look.

    Args:
        shares: (V,) adding up to 1.

    Returns:
        (V,) up to which part a column is its own word, and (V,) the word of the rest.

    Source:
        Walker 1977, An efficient method for generating discrete random variables, ACM TOMS 3(3).

    Example:
        >>> own, other = alias_table(np.array([0.75, 0.25]))
        >>> own.tolist(), other.tolist()
        ([1.0, 0.5], [0, 0])
    """
    heights = (shares * len(shares)).tolist()
    other = list(range(len(heights)))
    low = [at for at, height in enumerate(heights) if height < 1]
    high = [at for at, height in enumerate(heights) if height >= 1]
    while low and high:
        at, giver = low.pop(), high[-1]
        other[at] = giver
        heights[giver] -= 1 - heights[at]
        if heights[giver] < 1:
            low.append(high.pop())
    for at in low + high:  # rounding leaves some a little off 1
        heights[at] = 1.0
    return np.array(heights), np.array(other, np.int32)


def _of_all(chances: NDArray[np.float64]) -> NDArray[np.uint32]:
    return np.minimum(chances * (_ALL + 1), _ALL).astype(np.uint32)
