"""fastText: word2vec whose words are made of character n-grams, so that unknown words have vectors too.

A word's vector is the mean of its own row and the rows of its n-grams (`subwords.py`); the steps are
those of `steps.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cutaway.core.errors import UsageError
from cutaway.embeddings.subwords import GramSettings, Pieces, pieces_of
from cutaway.embeddings.word2vec import Objective, Word2Vec


@dataclass(frozen=True, kw_only=True)
class FastText(Word2Vec):
    """Train word vectors with character n-grams.

    Attributes:
        grams: which n-grams, and how many buckets they share.

    Raises:
        UsageError: a value outside its range, or the hierarchical softmax with skip-gram.

    Source:
        Bojanowski et al. 2017, arXiv:1607.04606.

    Example:
        >>> vectors = FastText(dim=8, min_count=1).fit([["walk", "walked", "walking"]] * 20)
        >>> vectors, vectors["walks"].shape
        (SubwordVectors(3 words × 8 dimensions), (8,))
    """

    grams: GramSettings = field(default_factory=GramSettings)

    def __post_init__(self) -> None:
        super(FastText, self).__post_init__()  # noqa: UP008  slots aside, a dataclass needs the long form
        tree: Objective = "hierarchical"
        if self.objective == tree and self.model == "skip-gram":
            raise UsageError("fastText's skip-gram is trained with negatives here: objective='negatives'")

    def _pieces(self, words: list[str]) -> Pieces:
        return pieces_of(words, self.grams)

    def _grams(self) -> GramSettings | None:
        return self.grams
