"""The two tokenizers that need no training: every byte a token, every character a token.

They are what the others are measured against: nothing is ever unknown to bytes, and no sequence is longer.
"""

from __future__ import annotations

from collections.abc import Iterable

from cutaway.core.errors import DataError
from cutaway.tokenization.decoders.bytes import ByteLevelDecoder
from cutaway.tokenization.decoders.sequence import Fuse
from cutaway.tokenization.formats.ranks import byte_words
from cutaway.tokenization.models.bpe import BytePairEncoding, BytePairSettings
from cutaway.tokenization.normalizers.byte_level import LETTERS
from cutaway.tokenization.pipeline import Pipeline
from cutaway.tokenization.splitters.patterns import GPT2

UNKNOWN = "<unk>"


def bytes_pipeline() -> Pipeline:
    """Return the tokenizer of 256 tokens, a byte's value being its id.

    Example:
        >>> from cutaway.tokenization.tokenizer import Tokenizer
        >>> Tokenizer(bytes_pipeline()).encode("Hé").ids
        [72, 195, 169]
    """
    return Pipeline(
        model=BytePairEncoding({letter: byte for byte, letter in enumerate(LETTERS)}, []),
        splitter=byte_words(GPT2),
        decoder=ByteLevelDecoder(),
        origin="the bytes",
    )


def characters_pipeline(texts: Iterable[str]) -> Pipeline:
    """Return the tokenizer whose tokens are the characters of some texts, in the order of Unicode.

    Args:
        texts: any number, read once.

    Returns:
        A pipeline whose id 0 stands for all other characters.

    Raises:
        DataError: there is no character in the texts.

    Example:
        >>> from cutaway.tokenization.tokenizer import Tokenizer
        >>> Tokenizer(characters_pipeline(["abba"])).encode("abc").tokens
        ['a', 'b', '<unk>']
    """
    characters: set[str] = set()
    for text in texts:
        characters.update(text)
    if not characters:
        raise DataError("there are no characters to take: give texts that are not empty")
    vocabulary = {UNKNOWN: 0} | {char: at for at, char in enumerate(sorted(characters), 1)}
    return Pipeline(
        model=BytePairEncoding(vocabulary, [], BytePairSettings(unknown=UNKNOWN)),
        decoder=Fuse(),
        origin="the characters",
    )
