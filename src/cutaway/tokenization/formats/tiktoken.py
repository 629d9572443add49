"""A .tiktoken file: on each line a token's bytes in base64, a space, and its rank, which is its id too.

    aGVsbG8= 15339        "hello" has rank 15339

The file holds neither the split pattern nor the special tokens. Those belong to the published encoding,
which is known by the file's name or by how many ranks it has.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from cutaway.core.errors import FormatError
from cutaway.core.files import whole_file
from cutaway.tokenization.splitters.patterns import CL100K, GPT2_POSSESSIVE, LLAMA3, O200K, QWEN2

_SHOWN = 5
_END = "<|endoftext|>"


@dataclass(frozen=True, kw_only=True)
class PublishedEncoding:
    """What a rank file leaves out.

    Attributes:
        name: the encoding's name, without "_base".
        ranks: how many ranks it has.
        pattern: how text is split.
        special: special tokens and their ids.
    """

    name: str
    ranks: int
    pattern: str
    special: Mapping[str, int] = field(default_factory=dict)


_FILL_IN: Final = {"<|fim_prefix|>": 100258, "<|fim_middle|>": 100259, "<|fim_suffix|>": 100260}

PUBLISHED: Final = (
    PublishedEncoding(name="r50k", ranks=50256, pattern=GPT2_POSSESSIVE, special={_END: 50256}),
    PublishedEncoding(name="p50k", ranks=50280, pattern=GPT2_POSSESSIVE, special={_END: 50256}),
    PublishedEncoding(
        name="cl100k",
        ranks=100256,
        pattern=CL100K,
        special={_END: 100257, **_FILL_IN, "<|endofprompt|>": 100276},
    ),
    PublishedEncoding(
        name="o200k", ranks=199998, pattern=O200K, special={_END: 199999, "<|endofprompt|>": 200018}
    ),
    PublishedEncoding(name="llama3", ranks=128000, pattern=LLAMA3),
    PublishedEncoding(
        name="qwen",
        ranks=151643,
        pattern=QWEN2,
        special={_END: 151643, "<|im_start|>": 151644, "<|im_end|>": 151645},
    ),
)


@dataclass(frozen=True, kw_only=True)
class RankFile:
    """What a .tiktoken file says, and what its encoding adds.

    Attributes:
        ranks: each token's bytes and its rank, which is its id.
        encoding: the pattern and the special tokens.
    """

    ranks: Mapping[bytes, int]
    encoding: PublishedEncoding


def read_tiktoken(path: Path) -> RankFile:
    """Read a rank file.

    Args:
        path: the file; its name or its number of ranks must be those of a published encoding.

    Raises:
        FormatError: a line that is not a token and a rank, a token or a rank twice, a byte that is no
            token, or an encoding that is not known.
    """
    ranks: dict[bytes, int] = {}
    bad: list[str] = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        parts = line.split()
        if not parts:
            continue
        try:
            token, rank = base64.b64decode(parts[0], validate=True), int(parts[1])
        except (ValueError, IndexError, binascii.Error):
            bad.append(f"line {number} is {line[:40]!r}")
            continue
        if token in ranks or not token or not 0 <= rank < 1 << 21 or len(parts) != 2:
            bad.append(f"line {number} gives {token!r} again, or a rank out of range: {line[:40]!r}")
        ranks[token] = rank
    _check(ranks, bad, path)
    return RankFile(ranks=ranks, encoding=_encoding(path, len(ranks)))


def write_tiktoken(path: Path, ranks: Mapping[bytes, int]) -> None:
    """Write a rank file, in the order of the ranks; it is whole or absent.

    Args:
        path: the file.
        ranks: each token's bytes and its rank.

    Raises:
        ResourceError: the disk is full or the folder cannot be written.
    """
    lines = (
        base64.b64encode(token) + b" %d\n" % rank
        for token, rank in sorted(ranks.items(), key=lambda at: at[1])
    )
    with whole_file(path) as part, part.open("wb") as file:
        file.writelines(lines)


def _check(ranks: Mapping[bytes, int], bad: list[str], path: Path) -> None:
    if bad:
        raise FormatError(
            f"{path}: {len(bad)} lines are not a base64 token and a rank of its own: "
            f"{'; '.join(bad[:_SHOWN])}: fetch the file again"
        )
    if len(set(ranks.values())) != len(ranks):
        first: dict[int, bytes] = {}
        again = [(rank, token) for token, rank in ranks.items() if first.setdefault(rank, token) != token]
        shown = "; ".join(f"rank {rank} is {first[rank]!r} and {token!r}" for rank, token in again[:_SHOWN])
        raise FormatError(f"{path}: {len(again)} ranks stand twice: {shown}: each token needs its own")
    missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
    if missing:
        shown = ", ".join(f"0x{byte:02x}" for byte in missing[:_SHOWN])
        raise FormatError(
            f"{path}: {len(missing)} of the 256 bytes are no tokens: {shown}: fetch the file again"
        )


def _encoding(path: Path, ranks: int) -> PublishedEncoding:
    for known in PUBLISHED:
        if path.stem in (known.name, f"{known.name}_base"):
            # Ranks of one's own are split as published; the special ids belong to the published ranks.
            return known if known.ranks == ranks else replace(known, ranks=ranks, special={})
    for known in PUBLISHED:
        if known.ranks == ranks:
            return known
    names = ", ".join(f"{known.name} ({known.ranks})" for known in PUBLISHED)
    raise FormatError(
        f"{path} has {ranks} ranks, and no known encoding has: its split pattern is not in the file; "
        f"known are {names}: name the file after one of them"
    )
