"""Lower case, character by character: no rule looks at the neighbors, so a final sigma stays σ."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.normalizers.characters import bert_characters
from cutaway.tokenization.normalizers.unicode_forms import unicode_forms

# Greek capitals with an oxia: their lower case has one too, which no composition would give.
_OXIA = frozenset("\u1fbb\u1fc9\u1fcb\u1fdb\u1feb\u1ff9\u1ffb")


@dataclass(frozen=True, kw_only=True)
class Lowercase:
    """Lower every character.

    Example:
        >>> Lowercase().apply(AlignedText.of("ÉΣİ")).text
        'éσi̇'
    """

    def apply(self, text: AlignedText) -> AlignedText:
        """Return the text in lower case; İ becomes two characters that share its place."""
        if text.text.isascii():
            return text.mapped(text.text.lower())
        return text.rewritten(
            (part, int(at > 0)) for char in text.text for at, part in enumerate(lower_of(char))
        )


@cache
def lower_of(char: str) -> str:
    """Return the lower case of one character: take it apart, lower the letter, put it together.

    Example:
        >>> lower_of("Ǻ")
        'ǻ'
    """
    if char in _OXIA:
        return char.lower()
    characters, forms = bert_characters(), unicode_forms()
    parts = characters.decompose(char)
    first, rest = parts[0], parts[1:]
    low = characters.lowered(first)
    if low == first:
        return char
    for at, part in enumerate(rest):
        made = forms.composed(low, part)
        if made is None:
            return low + rest[at:]
        low = made
    return low
