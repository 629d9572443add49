"""Treebank words with their places: the rules applied one after the other, and what each one cut.

    She said "I can't."   →  She  said  ``  I  ca  n't  .  ''

A word is `text[start:end]`, and its text is the same, except that a straight double quote is written
`` where it opens and '' where it closes.
"""

from __future__ import annotations

from cutaway.core.text import scrub
from cutaway.core.trace import Recorder, Trace
from cutaway.tokenization.treebank.marks import Marks
from cutaway.tokenization.treebank.rules import RULES
from cutaway.tokenization.word_spans import WordSpan


def treebank_words(text: str) -> list[WordSpan]:
    """Cut text into words by the rules of the Penn Treebank: the open path.

    Args:
        text: any string, best a single sentence: only its last full stop stands alone. A lone surrogate
            counts as U+FFFD.

    Returns:
        The words in order, with their character offsets.

    Source:
        Marcus, Santorini and Marcinkiewicz 1993, Building a Large Annotated Corpus of English: the
        Penn Treebank; the rules are those of NLTK's word tokenizer, see rules.py.

    Example:
        >>> [word.text for word in treebank_words("I love learning about LLMs")]
        ['I', 'love', 'learning', 'about', 'LLMs']
        >>> treebank_words('"Go."')[0]
        WordSpan(text='``', start=0, end=1)
    """
    marks = Marks(scrub(text))
    for rule in RULES:
        rule(marks)
    return _words(marks)


def trace_treebank(text: str) -> Trace:
    """Cut text into words and record what each rule did.

    Args:
        text: any string; a lone surrogate counts as U+FFFD.

    Returns:
        A trace with the tables "rules" (rule, what it says, cuts it made, the text after it, cuts shown
        as |) and "words" (word, text, start, end).
    """
    rec = Recorder("Treebank words")
    marks = Marks(scrub(text))
    rows = []
    for rule in RULES:
        before = sum(marks.cut)
        rule(marks)
        name = rule.__name__.replace("_", " ")
        rows.append((name, (rule.__doc__ or "").strip(), sum(marks.cut) - before, _shown(marks)))
    rec.table("rules", ("rule", "says", "cuts", "text"), rows, formula="text = rule(text), rule by rule")
    words = _words(marks)
    rec.table(
        "words",
        ("word", "text", "start", "end"),
        [(number, word.text, word.start, word.end) for number, word in enumerate(words)],
        formula="words = text split at its cuts and white space",
        inputs=("rules",),
    )
    rec.label("word", [word.text for word in words])
    return rec.finish()


def _words(marks: Marks) -> list[WordSpan]:
    words, start = [], 0
    for at in range(1, len(marks) + 1):
        if at < len(marks) and not marks.cut[at] and not _edge(marks, at):
            continue
        if not marks.chars[start].isspace():
            words.append(WordSpan("".join(marks.chars[start:at]), start, at))
        start = at
    return words


def _edge(marks: Marks, at: int) -> bool:
    return marks.chars[at - 1].isspace() or marks.chars[at].isspace()


def _shown(marks: Marks) -> str:
    return "".join(
        ("|" if cut else "") + char for cut, char in zip(marks.cut, [*marks.chars, ""], strict=True)
    )
