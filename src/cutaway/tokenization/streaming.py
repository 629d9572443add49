"""Text from ids as they come, one by one: what a generator shows while it writes.

A token may be half of a character, and a decoder may look at the token before; so the text of the tokens
since the last safe place is decoded anew, and what it has more than before is handed out. U+FFFD at the end
waits for the token that completes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

_MOST_WAITING = 16  # tokens; no character has so many bytes, so by then the text is no UTF-8


def stream(ids: Iterable[int], decode: Callable[[list[int]], str]) -> Iterator[str]:
    """Yield the text that each id adds; an id that completes nothing yields none.

    Args:
        ids: token ids, one by one.
        decode: ids to text.

    Yields:
        Strings that are not empty; joined they are the text of all ids, if that is text.

    Example:
        >>> list(stream([0xC3, 0xA9, 0x21], lambda ids: bytes(ids).decode("utf-8", "replace")))
        ['é', '!']
    """
    shown: list[int] = []  # tokens whose text was handed out, kept for what the next ones look back at
    waiting: list[int] = []
    for token_id in ids:
        waiting.append(token_id)
        before, after = decode(shown), decode(shown + waiting)
        if after.endswith("\ufffd") and len(waiting) < _MOST_WAITING:
            continue
        if len(after) > len(before):
            yield after[len(before) :]
            shown, waiting = waiting, []
    if waiting:
        rest = decode(shown + waiting)[len(decode(shown)) :]
        if rest:
            yield rest
