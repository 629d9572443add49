"""A pattern in tokenizer.json: {"String": "..."} or {"Regex": "..."}; the latter in Oniguruma's dialect.

Two of its ways differ from those of the `regex` library: a repetition count with + behind it repeats the
whole again, where here it would never give back; and $ is the end of any line.
"""

from __future__ import annotations

import re
from typing import Any, Final

from cutaway.core.errors import FormatError
from cutaway.tokenization.formats.document import Node
from cutaway.tokenization.patterns import Pattern
from cutaway.tokenization.splitters.patterns import CL100K, KNOWN

_COUNT_PLUS = re.compile(r"\{\d*,?\d*\}\+")

# The same cuts, in words that both libraries read alike.
CL100K_PLAIN: Final = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s+(?![\s\S])|\s*[\r\n]|\s+(?!\S)|\s"
)


def read_pattern(node: Node) -> Pattern:
    """Read a pattern.

    Args:
        node: the object.

    Raises:
        FormatError: neither a string nor a valid regular expression, or one that libraries read differently.
    """
    if node["String"].given:
        return Pattern(text=node["String"].text())
    inner = node["Regex"]
    text = inner.text()
    if text == CL100K_PLAIN:
        return Pattern(text=CL100K, kind="regex")
    if _COUNT_PLUS.search(text):
        inner.fail(
            "repeats a count with +, which libraries read differently: write (?:...)+ or leave the + out"
        )
    if text not in KNOWN and re.search(r"(?<!\\)\$", text):
        text = f"(?m){text}"
    try:
        return Pattern(text=text, kind="regex")
    except FormatError as error:
        return inner.fail(f"is not a valid regular expression ({error.__cause__})")


def write_pattern(pattern: Pattern) -> dict[str, Any]:
    """Return the object for a pattern."""
    if pattern.kind == "string":
        return {"String": pattern.text}
    if pattern.text == CL100K:
        return {"Regex": CL100K_PLAIN}
    return {"Regex": pattern.text.removeprefix("(?m)")}
