"""Step 1: normalize. Clean, set ideographs apart, decompose, strip marks, lower-case.

    "Ça va,\\t日本!"  →  "ca va,  日  本 !"

Every character that is left remembers the position it came from, so that a token can point back into
the text as it was written. Lengths change on the way: marks and controls go, an ideograph brings two
spaces, a Hangul syllable becomes two or three jamo.

Source: the reference code of BERT (Devlin et al. 2019, arXiv:1810.04805); canonical order: the Unicode
Standard, section 3.11, definition D109.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from cutaway.tokenization.normalizers.characters import bert_characters


@dataclass(frozen=True, slots=True)
class Normalized:
    """Normalized text, and for each of its characters the position in the original."""

    text: str
    sources: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the part of the original that `text[start:end]` came from; it is not empty."""
        return self.sources[start], self.sources[end - 1] + 1


def normalize(text: str) -> Normalized:
    """Fold text as BERT's uncased models do.

    Args:
        text: any string without lone surrogates.

    Returns:
        The folded text with the source position of each character.

    Example:
        >>> normalize("Été\\t5").text
        'ete 5'
        >>> normalize("각!").sources
        [0, 0, 0, 1]
    """
    characters = bert_characters()
    if text.isascii() and len(plain := text.translate(_ascii_folds())) == len(text):
        return Normalized(plain, range(len(text)))  # each character is one still: no need to look at it
    writer = _Writer()
    for position, char in enumerate(text):
        known = characters[char]
        if known.kind == "removed":
            continue
        if known.kind == "space" or known.kind == "ideograph":
            writer.starter(" ", position)
            if known.kind == "ideograph":
                writer.starter(known.becomes, position)
                writer.starter(" ", position)
            continue
        extra = False
        for combining_class, fold in known.parts:
            if combining_class == 0 and extra:
                writer.starter(fold, None)
            elif combining_class == 0:
                writer.starter(fold, position)
            else:
                writer.mark(combining_class, fold, None if extra else position)
            extra = True
    writer.end_cluster()
    return Normalized("".join(writer.chars), writer.sources)


@cache
def _ascii_folds() -> dict[int, str]:
    return {code: bert_characters()[chr(code)].becomes for code in range(128)}


class _Writer:
    """Collects characters; marks wait in their cluster until it ends, to be sorted by class.

    Departs: the position of a sorted mark. The reference tokenizer hands positions out again in the
    new order, one to each character of the text (not to the extra parts of a decomposition, which
    share their predecessor's). Its offsets are those, so ours are.
    """

    def __init__(self) -> None:
        self.chars: list[str] = []
        self.sources: list[int] = []
        self._last = 0
        self._cluster: list[tuple[int, str, int | None]] = []

    def starter(self, fold: str, position: int | None) -> None:
        """Add a character of class 0; a `position` of None shares the last one."""
        if self._cluster:
            self.end_cluster()
        if position is not None:
            self._last = position
        if fold:
            self.chars.append(fold)
            self.sources.append(self._last)

    def mark(self, combining_class: int, fold: str, position: int | None) -> None:
        """Add a character that is to be sorted among its neighbors."""
        self._cluster.append((combining_class, fold, position))

    def end_cluster(self) -> None:
        """Sort the marks that wait, stably by class, and let those through that are not stripped."""
        positions = [position for _, _, position in self._cluster if position is not None]
        upcoming = iter(positions)
        for _, fold, position in sorted(self._cluster, key=_class_of):
            if position is not None:
                self._last = next(upcoming)
            if fold:
                self.chars.append(fold)
                self.sources.append(self._last)
        self._cluster.clear()


def _class_of(mark: tuple[int, str, int | None]) -> int:
    return mark[0]
