"""vocab.txt: one piece a line, the line's number (from 0) its id."""

from __future__ import annotations

from pathlib import Path

from cutaway.core.errors import FormatError
from cutaway.tokenization.vocabulary import BertVocabulary


def read_vocab_txt(path: Path) -> BertVocabulary:
    """Read a vocabulary, one piece a line.

    Args:
        path: the file, in UTF-8.

    Raises:
        FormatError: invalid UTF-8, an empty line, a piece twice, a special piece missing, no lines.
    """
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise FormatError(
            f"{path}: line {line} is not valid UTF-8 (byte {error.start}, 0x{raw[error.start]:02x}): "
            "save the file as UTF-8"
        ) from error
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return BertVocabulary([line.removesuffix("\r") for line in lines], origin=str(path))
