"""Step 1: normalize. Clean, set ideographs apart, decompose, strip marks, lower-case.

    "Ça va,\\t日本!"  →  "ca va,  日  本 !"

Every character that is left remembers the position it came from, so that a token can point back into
the text as it was written. Lengths change on the way: marks and controls go, an ideograph brings two
spaces, a Hangul syllable becomes two or three jamo.

Source: the reference code of BERT (Devlin et al. 2019, arXiv:1810.04805); canonical order: the Unicode
Standard, section 3.11, definition D109.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.normalizers.characters import bert_characters
from cutaway.tokenization.normalizers.lowercase import Lowercase
from cutaway.tokenization.normalizers.strip import kept
from cutaway.tokenization.normalizers.unicode_forms import NFD


@dataclass(frozen=True, kw_only=True)
class Bert:
    """BERT's normalizer, each of whose four rules can be switched off: cased models do.

    Attributes:
        clean_text: drop control characters, make all white space " ".
        handle_chinese_chars: set each ideograph apart by spaces.
        strip_accents: decompose and drop marks; None goes by `lowercase`.
        lowercase: lower every character.

    Example:
        >>> Bert(lowercase=False).apply(AlignedText.of("Été\\t日")).text
        'Été  日 '
    """

    clean_text: bool = True
    handle_chinese_chars: bool = True
    strip_accents: bool | None = None
    lowercase: bool = True

    @property
    def is_uncased(self) -> bool:
        """Whether all four rules hold, as in the uncased models."""
        strips = self.lowercase if self.strip_accents is None else self.strip_accents
        return self.clean_text and self.handle_chinese_chars and strips and self.lowercase

    def apply(self, text: AlignedText) -> AlignedText:
        """Return the folded text."""
        if self.is_uncased:
            return normalize(text)
        if self.clean_text:
            text = _cleaned(text)
        if self.handle_chinese_chars:
            text = text.rewritten(_ideographs_apart(text.text))
        if self.lowercase if self.strip_accents is None else self.strip_accents:
            marks = bert_characters().kinds["mark"]
            text = NFD().apply(text)
            text = kept(text, [at for at, char in enumerate(text.text) if not marks.find(ord(char))])
        return Lowercase().apply(text) if self.lowercase else text


def _cleaned(text: AlignedText) -> AlignedText:
    kinds = bert_characters().kinds
    left = kept(text, [at for at, char in enumerate(text.text) if not kinds["removed"].find(ord(char))])
    return left.mapped("".join(" " if kinds["space"].find(ord(char)) else char for char in left.text))


def _ideographs_apart(text: str) -> Iterator[tuple[str, int]]:
    ideographs = bert_characters().kinds["ideograph"]
    for char in text:
        if ideographs.find(ord(char)):
            yield from ((" ", 0), (char, 1), (" ", 1))
        else:
            yield char, 0


def normalize(text: AlignedText) -> AlignedText:
    """Fold text as BERT's uncased models do, in one pass.

    Args:
        text: any text without lone surrogates.

    Returns:
        The folded text.

    Example:
        >>> normalize(AlignedText.of("Été\\t5")).text
        'ete 5'
        >>> normalize(AlignedText.of("각!")).starts
        [0, 0, 0, 1]
    """
    characters = bert_characters()
    if text.text.isascii() and len(plain := text.text.translate(_ascii_folds())) == len(text):
        return text.mapped(plain)  # each character is one still: no need to look at it
    writer = _Writer()
    for position, char in enumerate(text.text):
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
    return text.picked("".join(writer.chars), writer.sources)


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
