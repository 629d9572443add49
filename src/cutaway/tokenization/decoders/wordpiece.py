"""The way back: pieces to text.

    ll ##ms ' s  →  llms's

What the normalizer dropped is gone for good, capital letters and accents among it, so this is readable
text and not the original.

Source: the decoding of WordPiece in the reference tokenizers of the BERT family.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cutaway.tokenization.vocabulary import PREFIX

# English spacing, applied to each token with the space before it; the order matters.
_CLEANUP = (
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" do not", " don't"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
)


@dataclass(frozen=True, kw_only=True)
class WordPieceDecoder:
    """Join pieces of WordPiece.

    Attributes:
        prefix: marks a piece that continues a word.
        cleanup: close up English punctuation.
    """

    prefix: str = PREFIX
    cleanup: bool = True

    def decode(self, tokens: Sequence[str]) -> list[str]:
        """Return the tokens with the space that belongs before each."""
        parts = []
        for at, token in enumerate(tokens):
            part = token
            if at > 0:
                part = token.removeprefix(self.prefix) if token.startswith(self.prefix) else f" {token}"
            parts.append(closed_up(part) if self.cleanup else part)
        return parts


def closed_up(text: str) -> str:
    """Close up English punctuation: no space before a full stop, none inside "don't"."""
    for spaced, closed in _CLEANUP:
        text = text.replace(spaced, closed)
    return text


def join_pieces(tokens: Iterable[str]) -> str:
    """Join pieces into text: continuations without a space, others with one, English punctuation closed up.

    Args:
        tokens: pieces as the vocabulary writes them.

    Returns:
        The text.

    Example:
        >>> join_pieces(["i", "love", "ll", "##ms", "!"])
        'i love llms!'
    """
    return "".join(WordPieceDecoder().decode(list(tokens)))
