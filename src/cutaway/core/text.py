"""Text as it comes: one policy for odd characters, and files read line by line.

A Python string may hold lone surrogates, which no UTF-8 file can. The policy, the same in library,
command line and API: each becomes U+FFFD, one for one, so that offsets still hold. Nothing else is
changed here; what a tokenizer removes is its own affair.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal

from cutaway.core.errors import DataError, MissingFileError

Undecodable = Literal["strict", "replace"]
Ends = Literal["dropped", "kept"]

_SURROGATE = re.compile("[\ud800-\udfff]")
_CHUNK = 1 << 20
_REPLACEMENT = "\ufffd".encode()


def scrub(text: str) -> str:
    """Replace each lone surrogate by U+FFFD.

    Example:
        >>> scrub("a\\ud800b") == "a\\ufffdb"
        True
    """
    if text.isascii():
        return text
    return _SURROGATE.sub("\ufffd", text)


def read_lines(
    path: Path,
    *,
    undecodable: Undecodable = "strict",
    ends: Ends = "dropped",
    replaced: Callable[[int], object] = lambda count: None,
) -> Iterator[str]:
    """Yield the lines of a UTF-8 file, holding one at a time.

    A byte-order mark at the start is dropped. Lines end at a line feed, with or without a carriage
    return before it, and nowhere else: a review may hold U+2028.

    Args:
        path: the file.
        undecodable: what to do with bytes that are not UTF-8: "strict" raises, "replace" puts U+FFFD.
        ends: "kept" leaves each line its line feed, and its carriage return.
        replaced: told how many bytes or cut sequences were replaced, as it happens.

    Raises:
        MissingFileError: there is no such file.
        DataError: invalid UTF-8, with the byte offset.
    """
    if not path.is_file():
        raise MissingFileError(f"there is no file {path}")
    with path.open("rb") as file:
        rest = ""
        for piece in _decoded(file, path, undecodable, replaced):
            if "\n" not in piece:
                rest += piece
                continue
            *lines, tail = piece.split("\n")
            lines[0] = rest + lines[0]
            rest = tail
            for line in lines:
                yield line + "\n" if ends == "kept" else line.removesuffix("\r")
        if rest:
            yield rest


def _decoded(
    file: BinaryIO, path: Path, undecodable: Undecodable, replaced: Callable[[int], object]
) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors=undecodable)
    offset = 0
    before = b""
    while True:
        raw = file.read(_CHUNK)
        held = len(decoder.getstate()[0])
        try:
            piece = decoder.decode(raw, final=not raw)
        except UnicodeDecodeError as error:
            at = offset - held + error.start
            raise DataError(
                f"{path}: byte {at} is not valid UTF-8 (0x{error.object[error.start]:02x}): "
                "save the file as UTF-8, or ask for replacement"
            ) from error
        offset += len(raw)
        if undecodable == "replace":
            # What the file itself spells as U+FFFD was not replaced; two bytes may lie in the piece before.
            genuine = (before + raw).count(_REPLACEMENT)
            before = (before + raw)[-2:]
            if count := piece.count("\ufffd") - genuine:
                replaced(count)
        yield piece
        if not raw:
            return
