"""Cutting encodings that are too long, and what becomes of the rest.

7 tokens, at most 3, stride 1:   0 1 2 | 2 3 4 | 4 5 6     the first is the result, the others are overflow
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cutaway.core.errors import UsageError
from cutaway.tokenization.encoding import Encoding

Strategy = Literal["longest_first", "only_first", "only_second"]
Side = Literal["right", "left"]


@dataclass(frozen=True, kw_only=True)
class Truncation:
    """How a text that is too long is cut.

    Attributes:
        most: the most tokens in the result, added ones included.
        strategy: which text of a pair is cut: the longer one until both fit, or always one of them.
        stride: how many tokens an overflowing part shares with the one before.
        side: which end is cut.

    Raises:
        UsageError: a value outside its range.
    """

    most: int = 512
    strategy: Strategy = "longest_first"
    stride: int = 0
    side: Side = "right"

    def __post_init__(self) -> None:
        if self.most < 0 or self.stride < 0:
            raise UsageError(f"most is {self.most} and stride is {self.stride}: both must be 0 or more")
        if self.strategy not in ("longest_first", "only_first", "only_second"):
            raise UsageError(f"strategy is {self.strategy!r}: longest_first, only_first or only_second")
        if self.side not in ("right", "left"):
            raise UsageError(f"side is {self.side!r}: right or left")


def truncated(texts: Sequence[Encoding], rule: Truncation, *, added: int) -> list[Encoding]:
    """Cut one or two encodings so that they fit together.

    Args:
        texts: the texts' own tokens.
        rule: how to cut.
        added: how many tokens will be put around them.

    Returns:
        The encodings, each with what was cut off as its overflow.

    Raises:
        UsageError: there is no room for what is added, for the stride, or for the text that must stay whole.
    """
    room = rule.most - added
    if room < 0:
        raise UsageError(f"max_tokens is {rule.most}: it must be at least {added}")
    lengths = [len(text) for text in texts]
    kept = _kept(lengths, room, rule.strategy)
    for length, most in zip(lengths, kept, strict=True):
        if most < length and rule.stride >= most > 0:
            raise UsageError(
                f"stride is {rule.stride}, and {most} tokens of the text fit: it must be under that number"
            )
    return [_cut(text, most, rule) for text, most in zip(texts, kept, strict=True)]


def _kept(lengths: list[int], room: int, strategy: Strategy) -> list[int]:
    """Return how many tokens each text keeps."""
    too_many = sum(lengths) - room
    if too_many <= 0:
        return lengths
    if len(lengths) == 1:
        if strategy == "only_second":
            raise UsageError("strategy is only_second, and there is one text only: give a pair")
        return [room]
    if strategy == "longest_first":
        return _fair(lengths, room)
    at = 0 if strategy == "only_first" else 1
    if lengths[at] <= too_many:
        raise UsageError(
            f"strategy is {strategy}, and without it {too_many - lengths[at]} tokens are still too many: "
            "allow more, or cut longest_first"
        )
    return [length - too_many * (number == at) for number, length in enumerate(lengths)]


def _fair(lengths: list[int], room: int) -> list[int]:
    """Cut the longer text down to the shorter one's length, then both alike."""
    short = min(lengths)
    long = short if short > room else max(short, room - short)
    if short + long > room:
        short = room // 2
        long = short + room % 2
    return [long, short] if lengths[0] > lengths[1] else [short, long]


def _cut(text: Encoding, most: int, rule: Truncation) -> Encoding:
    if most >= len(text):
        return text
    if most == 0:
        empty = text.cut(0, 0)
        empty.overflow.append(text)
        return empty
    first, *others = _windows(len(text), most, rule)
    kept = text.cut(*first)
    kept.overflow.extend(text.cut(*window) for window in others)
    return kept


def _windows(length: int, most: int, rule: Truncation) -> list[tuple[int, int]]:
    """Return [start, end) of each part, from the side that is kept on."""
    step = most - rule.stride
    windows = []
    for done in range(0, length, step):
        end = min(done + most, length)
        windows.append((done, end))
        if end == length:
            break
    if rule.side == "left":
        return [(length - end, length - start) for start, end in windows]
    return windows
