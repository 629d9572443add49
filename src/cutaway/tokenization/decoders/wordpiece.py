"""The way back: pieces to text.

    ll ##ms ' s  →  llms's

What the normalizer dropped is gone for good, capital letters and accents among it, so this is readable
text and not the original.

Source: the decoding of WordPiece in the reference tokenizers of the BERT family.
"""

from __future__ import annotations

from collections.abc import Iterable

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
    parts = []
    for at, token in enumerate(tokens):
        part = token
        if at > 0:
            part = token.removeprefix(PREFIX) if token.startswith(PREFIX) else f" {token}"
        for spaced, closed in _CLEANUP:
            part = part.replace(spaced, closed)
        parts.append(part)
    return "".join(parts)
