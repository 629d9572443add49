"""Which tokens are hidden, and behind what: BERT's 80/10/10, drawn anew each time a text is seen.

Legend: N tokens of all rows, V vocabulary, M places that are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cutaway.core.errors import DataError, UsageError
from cutaway.transformers.packing import PackedBatch

Unit = Literal["token", "word"]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class MaskingSettings:
    """What is hidden.

    Attributes:
        share: of the tokens, or of the words, that are asked for.
        masked: share of these that is replaced by the mask.
        swapped: share of these that is replaced by a token drawn at random; the rest stays as it is.
        unit: "word" hides all pieces of a word or none.
    """

    share: float = 0.15
    masked: float = 0.8
    swapped: float = 0.1
    unit: Unit = "token"

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise UsageError(f"share is {self.share}: it must be above 0 and below 1")
        if self.masked < 0 or self.swapped < 0 or self.masked + self.swapped > 1:
            raise UsageError(f"masked {self.masked} and swapped {self.swapped} must be shares of one whole")
        if self.unit not in get_args(Unit):
            raise UsageError(f"unit is {self.unit!r}: choose one of {list(get_args(Unit))}")


@dataclass(frozen=True, kw_only=True)
class MaskingVocabulary:
    """What masking must know of a vocabulary.

    Attributes:
        mask: the mask's id.
        special: true at ids that are never hidden and never put in, (V,) bool.
        begins: true at ids that begin a word, (V,) bool: the others go on with the word before.
    """

    mask: int
    special: BoolArray
    begins: BoolArray

    def __post_init__(self) -> None:
        if self.special.shape != self.begins.shape or not 0 <= self.mask < len(self.special):
            raise UsageError(
                f"the mask's id {self.mask} and tables of {self.special.shape} and {self.begins.shape} "
                "tokens do not fit"
            )
        if self.special.all():
            raise UsageError(f"all {len(self.special)} tokens are special: there is none to hide")


@dataclass(frozen=True, kw_only=True)
class MaskedBatch:
    """Rows with something hidden, and what.

    Attributes:
        batch: what the model reads, N tokens.
        places: which of the N are asked for, (M,) int64, growing.
        words: what stood there, (M,) int64.
    """

    batch: PackedBatch
    places: Tensor
    words: Tensor


def hide(
    batch: PackedBatch,
    vocabulary: MaskingVocabulary,
    settings: MaskingSettings,
    random: np.random.Generator,
) -> MaskedBatch:
    """Hide a share of a batch's tokens.

    Each token, or each word, is asked for with the same chance. Of the tokens asked for, 80 % become the
    mask, 10 % a token drawn at random, and 10 % stay: the model cannot tell which words it will be asked
    for, and never meets a mask once it is used. As draws are made for each batch, an epoch hides other
    words than the one before (RoBERTa's dynamic masking).

    Departs: BERT's first release hides 15 % of each text to the token; here 15 % on average.

    Args:
        batch: N tokens.
        vocabulary: whose ids they are.
        settings: shares and unit.
        random: draws; it moves on.

    Returns:
        The batch with something hidden, in at least one place.

    Raises:
        DataError: every token is special.

    Source:
        Devlin et al. 2019, arXiv:1810.04805, section 3.1 and appendix A.1; Liu et al. 2019,
        arXiv:1907.11692, section 4.1.

    Example:
        >>> known = MaskingVocabulary(
        ...     mask=1, special=np.array([True, True, False, False]), begins=np.ones(4, bool)
        ... )
        >>> batch = PackedBatch.from_rows([np.array([0, 2, 3])])
        >>> every = MaskingSettings(share=0.999, masked=1.0, swapped=0.0)
        >>> hide(batch, known, every, np.random.default_rng(0)).batch.ids.tolist()
        [0, 1, 1]
    """
    ids = batch.ids.cpu().numpy()
    words = _word_numbers(ids, batch.positions.cpu().numpy(), vocabulary, settings.unit)
    count = int(words.max()) + 1
    if count == 0:
        raise DataError(f"all {len(ids)} tokens of a batch are special: there is none to hide")
    chosen = random.random(count) < settings.share
    if not chosen.any():
        chosen[random.integers(count)] = True
    places = np.flatnonzero((words >= 0) & chosen[words])
    shown = ids.copy()
    shown[places] = _shown_instead(ids[places], vocabulary, settings, random)
    device = batch.ids.device
    return MaskedBatch(
        batch=replace(batch, ids=torch.from_numpy(shown).to(device)),
        places=torch.from_numpy(places).to(device),
        words=torch.from_numpy(ids[places]).to(device),
    )


def _shown_instead(
    words: NDArray[Any], vocabulary: MaskingVocabulary, settings: MaskingSettings, random: np.random.Generator
) -> NDArray[Any]:
    """Return what the model reads at the places asked for: the mask, another token, or what stood there."""
    fate = random.random(len(words))
    ordinary = np.flatnonzero(~vocabulary.special)
    drawn = ordinary[random.integers(len(ordinary), size=len(words))]
    return np.select(
        [fate < settings.masked, fate < settings.masked + settings.swapped],
        [vocabulary.mask, drawn],
        default=words,
    )


def _word_numbers(
    ids: NDArray[Any], positions: NDArray[Any], vocabulary: MaskingVocabulary, unit: Unit
) -> NDArray[np.int64]:
    """Number what is hidden together, from 0; −1 at special tokens."""
    special = vocabulary.special[ids]
    if unit == "token":
        return np.where(special, -1, np.cumsum(~special) - 1)
    behind = np.concatenate(([True], special[:-1]))
    # A piece begins a word by its spelling, or because its row or what is special ends before it.
    begins = ~special & (vocabulary.begins[ids] | behind | (positions == 0))
    return np.where(special, -1, np.cumsum(begins) - 1)
