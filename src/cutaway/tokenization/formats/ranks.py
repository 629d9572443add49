"""Between a .tiktoken rank file and a pipeline: bytes written as letters, the pattern, the special tokens."""

from __future__ import annotations

from pathlib import Path

from cutaway.core.errors import FormatError
from cutaway.tokenization.added import AddedToken
from cutaway.tokenization.decoders.bytes import ByteLevelDecoder
from cutaway.tokenization.formats.tiktoken import read_tiktoken, write_tiktoken
from cutaway.tokenization.models.bpe import BytePairEncoding, BytePairSettings
from cutaway.tokenization.normalizers.byte_level import BYTES, LETTERS
from cutaway.tokenization.patterns import Pattern
from cutaway.tokenization.pipeline import Pipeline
from cutaway.tokenization.splitters.by_pattern import Split
from cutaway.tokenization.splitters.byte_level import ByteLevelSplitter
from cutaway.tokenization.splitters.sequence import SplitterSequence
from cutaway.tokenization.stages import Splitter


def read_ranks(path: Path) -> Pipeline:
    """Read a .tiktoken file as a pipeline.

    Args:
        path: the file.

    Raises:
        FormatError: the file is damaged, or its encoding is not known.
    """
    file = read_tiktoken(path)
    vocabulary = {"".join(LETTERS[byte] for byte in token): rank for token, rank in file.ranks.items()}
    settings = BytePairSettings(whole_words="first")
    added = tuple(AddedToken(id=number, content=token) for token, number in file.encoding.special.items())
    return Pipeline(
        model=BytePairEncoding(vocabulary, None, settings, origin=str(path)),
        splitter=byte_words(file.encoding.pattern),
        decoder=ByteLevelDecoder(),
        added=added,
        origin=str(path),
    )


def byte_words(pattern: str) -> Splitter:
    """Return the splitter that cuts by a pattern and writes the words' bytes as letters."""
    cut = Split(pattern=Pattern(text=pattern, kind="regex"), behavior="Isolated")
    return SplitterSequence(pretokenizers=(cut, ByteLevelSplitter(add_prefix_space=False, use_regex=False)))


def write_ranks(pipeline: Pipeline, path: Path) -> None:
    """Write a .tiktoken file: the ranks; pattern and special tokens are not in it.

    Args:
        pipeline: one whose model goes by ranks.
        path: the file.

    Raises:
        FormatError: the model is of another kind, or has merges that ranks cannot tell.
        ResourceError: the disk is full or the folder cannot be written.
    """
    model = pipeline.model
    if not isinstance(model, BytePairEncoding) or model.merges is not None:
        raise FormatError(
            f"{pipeline.origin}: a .tiktoken file holds byte pairs by rank, which this model is not: "
            "save it as tokenizer.json"
        )
    write_tiktoken(
        path, {bytes(BYTES[letter] for letter in token): n for token, n in model.vocabulary.items()}
    )
