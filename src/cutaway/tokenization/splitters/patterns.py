"""Split text by a pattern, as byte-level models do: words with the space before them, numbers, the rest.

    GPT-2:  "I don't  pay $100"  →  I | ·don | 't | · | ·pay | ·$ | 100

A piece never crosses such a cut, so the pattern decides what a model can learn. The field uses a handful of
patterns, each a small change to GPT-2's; they are written out below, and `Rules` says in named values
what each changes. The compiled scanners (kernels/scan.py) read the rules; the pattern is the definition.

Source: Radford et al. 2019, Language Models are Unsupervised Multitask Learners, section 2.2, and the
published patterns of GPT-2, GPT-4 (cl100k), GPT-4o (o200k), Llama 3 and Qwen 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

from cutaway.core.errors import FormatError
from cutaway.tokenization.splitters.classes import StandIns

if TYPE_CHECKING:
    import regex

_ENGLISH = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_SPACES = r"|\s*[\r\n]+|\s+(?!\S)|\s+"

GPT2: Final = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3: Final = _ENGLISH + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + _SPACES
QWEN2: Final = _ENGLISH + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*" + _SPACES
# White space at the very end is one piece, where Llama 3 cuts it behind its last line feed.
CL100K: Final = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
O200K: Final = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    + _ENGLISH
    + r"?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    + _ENGLISH
    + r"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*"
    + _SPACES
)
# The same cuts, written otherwise.
GPT2_POSSESSIVE: Final = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What one pattern does differently from the others; the defaults are Llama 3's.

    Attributes:
        contractions: "'s" and its like are a word "before" all else, with capitals too ("any case") or
            without, or belong to the word that they stand "behind".
        prefix: what may open a word: a space only, or "any" one character but line ends, letters, numbers.
        cased: a word is capitals and then small letters, marks among both.
        digits: the most digits in a word; 0 for no limit, and a space may then stand before them.
        tail: what symbols draw in behind them: nothing, line ends, or slashes too.
        lines: white space is cut behind its last line end.
        whole_end: white space at the end of the text is one piece, line ends or not.
    """

    contractions: Literal["before", "before, any case", "behind, any case"] = "before, any case"
    prefix: Literal["space", "any"] = "any"
    cased: Literal["cased", "plain"] = "plain"
    digits: int = 3
    tail: Literal["none", "lines", "lines and slashes"] = "lines"
    lines: Literal["cut", "uncut"] = "cut"
    whole_end: Literal["whole", "cut"] = "cut"


_GPT2_RULES = Rules(contractions="before", prefix="space", digits=0, tail="none", lines="uncut")

KNOWN: Final[dict[str, Rules]] = {
    GPT2: _GPT2_RULES,
    GPT2_POSSESSIVE: _GPT2_RULES,
    LLAMA3: Rules(),
    QWEN2: Rules(digits=1),
    CL100K: Rules(whole_end="whole"),
    O200K: Rules(contractions="behind, any case", cased="cased", tail="lines and slashes"),
}


@cache
def compiled(pattern: str) -> regex.Pattern[str]:
    """Compile a pattern by the `regex` library, which knows Unicode's categories.

    Raises:
        FormatError: the pattern is not valid.
    """
    import regex

    try:
        return regex.compile(pattern, regex.VERSION0)
    except regex.error as error:
        raise FormatError(f"the split pattern {pattern!r} is not valid: {error}") from error


_stand_ins = StandIns()

# ASCII characters as they stand, white space, and the categories that classes.py tells apart.
_BY_CLASSES = re.compile(
    r"(?:\\p\{(?:L|N|M|Lu|Ll|Lt|Lm|Lo)\}|\\[sSrnt]|\\[!-/:-@\[-`{-~]|[\x00-\x5b\x5d-\x7f])*"
)


@cache
def goes_by_classes(pattern: str) -> bool:
    """Say whether a pattern tells characters beyond ASCII apart by the classes of classes.py only.

    Example:
        >>> goes_by_classes(r"\\p{L}+| ?[^\\s\\p{N}]"), goes_by_classes(r"\\w+"), goes_by_classes("é")
        (True, False, False)
    """
    return pattern in KNOWN or ("(?i" not in pattern and _BY_CLASSES.fullmatch(pattern) is not None)


def split_by_pattern(text: str, pattern: str) -> Iterator[tuple[int, int]]:
    """Yield what a pattern matches in a text, as [start, end) in characters; unmatched text is left out.

    Where a pattern tells characters apart by the classes of classes.py only, these decide, so that any
    version of the `regex` library cuts alike. A pattern of `KNOWN` leaves nothing out.

    Args:
        text: any string without lone surrogates.
        pattern: the regular expression.

    Yields:
        The places of the matches, in order, none of them empty.

    Raises:
        FormatError: the pattern is not valid.

    Example:
        >>> text = "I don't  pay $100"
        >>> [text[start:end] for start, end in split_by_pattern(text, GPT2)]
        ['I', ' don', "'t", ' ', ' pay', ' $', '100']
    """
    if not text.isascii() and goes_by_classes(pattern):
        text = text.translate(_stand_ins)
    for match in compiled(pattern).finditer(text):
        if match.end() > match.start():
            yield match.span()
