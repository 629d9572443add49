"""Words as a treebank counts them: what GloVe's 6B vocabulary was made of.

One regular expression, its branches tried in order at every place. It follows the conventions of the
Penn Treebank where GloVe does (a contraction is two tokens, punctuation stands alone) and leaves
every token as it stands in the text, so that a token is always `text[start:end]`.

    I don't like Mr. Bean's well-known 1980s films...<br />
    [I] [do] [n't] [like] [Mr.] [Bean] ['s] [well-known] [1980s] [films] [...]
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cutaway.core.text import scrub

_BRANCHES = r"""
    <br\s*/?>                                              # an HTML line break yields no token
  | (
      \.{2,} | -{2,}                                       # an ellipsis, a dash typed as hyphens
    | (?:[a-z]\.){2,}                                      # U.S. e.g.
    | \b(?:mrs?|ms|drs?|st|vs|jr|sr|lt|sgt|capt|gen|col|gov|rev|prof|etc)\.   # titles keep their stop
    | \d+(?:[.,/:]\d+)+                                    # 3.5 1,000 10/10 7:30
    | [^\W\d_]+?(?=n['’]t\b) | n['’]t\b                    # do|n't
    | ['’](?:s|m|d|re|ve|ll|em)\b                          # it|'s
    | o['’][a-z]{4,} | d['’][a-z]{4,}                      # O'Brien, D'Angelo, o'clock
    | [^\W_]+(?:-[^\W_]+)*                                 # well-known, 20th, naïve
    | \S                                                   # any other character alone
    )
"""
_WORD = re.compile(_BRANCHES, re.VERBOSE | re.IGNORECASE)


class WordSpan(NamedTuple):
    """One word and the half-open range of characters it was cut from."""

    text: str
    start: int
    end: int


def word_spans(text: str) -> list[WordSpan]:
    """Cut text into words, contractions and punctuation, in order, keeping case.

    Args:
        text: any string; a lone surrogate counts as U+FFFD.

    Returns:
        The words with their character offsets; `text[start:end]` is the word.

    Source:
        Marcus, Santorini and Marcinkiewicz 1993, Building a Large Annotated Corpus of English: the
        Penn Treebank; Pennington, Socher and Manning 2014, section 4.2, for its use under GloVe.
        Departs: quotation marks, dashes and "cannot" stay as typed (GloVe knows them so).

    Example:
        >>> [word.text for word in word_spans("I don't!<br />It's 3.5")]
        ['I', 'do', "n't", '!', 'It', "'s", '3.5']
        >>> word_spans("so-so")
        [WordSpan(text='so-so', start=0, end=5)]
    """
    return [WordSpan(found[1], *found.span(1)) for found in _WORD.finditer(scrub(text)) if found[1]]
