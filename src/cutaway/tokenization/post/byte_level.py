"""The places of byte-level tokens, without the white space that their words start with.

"I love"    Ġlove  →  [1, 6) as the model has it, [2, 6) trimmed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cutaway.tokenization.encoding import Encoding
from cutaway.tokenization.normalizers.byte_level import LETTERS
from cutaway.tokenization.normalizers.strip import is_white

_SPACE = LETTERS[0x20]


@dataclass(frozen=True, kw_only=True)
class ByteLevelProcessing:
    """Trim the places of tokens; adds none.

    Attributes:
        add_prefix_space: the splitter put a space before the text; its place is kept as it is.
        trim_offsets: trim.
        use_regex: as for the splitter; no effect here.
    """

    add_prefix_space: bool = True
    trim_offsets: bool = True
    use_regex: bool = True

    def added(self, texts: int) -> int:
        """Return 0."""
        return 0 * texts

    def process(self, texts: Sequence[Encoding], *, special: bool) -> list[Encoding]:
        """Return the texts with trimmed places."""
        del special
        if not self.trim_offsets:
            return list(texts)
        return [trimmed(text, prefixed=self.add_prefix_space) for text in texts]


def trimmed(text: Encoding, *, prefixed: bool) -> Encoding:
    """Return an encoding whose tokens' places leave out white space at their ends; its overflow too.

    Args:
        text: the encoding.
        prefixed: a single space at the very start was put there and has no place to be trimmed.
    """
    offsets = [
        _trimmed_span(token, span, first=prefixed and (at == 0 or span[0] == 0))
        for at, (token, span) in enumerate(zip(text.tokens, text.offsets, strict=True))
    ]
    return Encoding(
        ids=text.ids,
        tokens=text.tokens,
        offsets=offsets,
        word_ids=text.word_ids,
        type_ids=text.type_ids,
        text_ids=text.text_ids,
        overflow=[trimmed(part, prefixed=prefixed) for part in text.overflow],
    )


def _trimmed_span(token: str, span: tuple[int, int], *, first: bool) -> tuple[int, int]:
    leading, trailing = _spaces(token), _spaces(token[::-1])
    if first and leading == 1:
        leading = 0
    start, end = min(span[0] + leading, span[1]), span[1]
    if trailing and end >= trailing:
        end = max(end - trailing, start)
    return start, end


def _spaces(token: str) -> int:
    count = 0
    while count < len(token) and (token[count] == _SPACE or is_white(token[count])):
        count += 1
    return count
