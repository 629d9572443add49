"""GPT-2's way: cut by its pattern, then write each word's bytes as letters."""

from __future__ import annotations

from dataclasses import dataclass

from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.normalizers.byte_level import ByteLevel
from cutaway.tokenization.normalizers.replace import Prepend
from cutaway.tokenization.splitters.by_pattern import parts_of
from cutaway.tokenization.splitters.patterns import GPT2, split_by_pattern


@dataclass(frozen=True, kw_only=True)
class ByteLevelSplitter:
    """Cut by GPT-2's pattern and write bytes as letters.

    Attributes:
        add_prefix_space: put a space before a text that does not start with one.
        trim_offsets: leave white space out of a token's place (done by post/byte_level.py).
        use_regex: cut; False only writes bytes as letters.

    Example:
        >>> [word.text for word in ByteLevelSplitter().split(AlignedText.of("I don't"))]
        ['ĠI', 'Ġdon', "'t"]
    """

    add_prefix_space: bool = True
    trim_offsets: bool = True
    use_regex: bool = True

    def split(self, text: AlignedText) -> list[AlignedText]:
        """Return the words, as letters."""
        if self.add_prefix_space and not text.text.startswith(" "):
            text = Prepend(prepend=" ").apply(text)
        words = [text]
        if self.use_regex:
            parts = parts_of(len(text), split_by_pattern(text.text, GPT2))
            words = [text.cut(start, end) for start, end, _ in parts]
        return [ByteLevel().apply(word) for word in words]
