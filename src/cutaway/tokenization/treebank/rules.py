"""The rules of the treebank, one function each, in the order in which they are applied.

Every rule looks at the text as the rules before it left it, where each cut counts as a space, and
makes its own cuts. The order is part of the definition: a quotation mark is "opening" if a space or
a bracket stands before it *then*.

Source: the conventions are those of the Penn Treebank (Marcus, Santorini and Marcinkiewicz 1993,
Computational Linguistics 19(2)) with the extensions of NLTK's word tokenizer (Unicode quotation marks
and dashes, clitics as in Stanford CoreNLP), whose results these functions reproduce.
"""

from __future__ import annotations

from collections.abc import Callable

from cutaway.tokenization.treebank.marks import Marks, is_digit, is_plain_word, is_space, is_word

OPENING, CLOSING = "``", "''"
_CLITICS = ("re", "ve", "ll", "m", "t", "s", "d", "n")
_ENDINGS = ("'ll", "'LL", "'re", "'RE", "'ve", "'VE", "n't", "N'T")
_HALVES = (
    ("can", "not"),
    ("d", "'ye"),
    ("gim", "me"),
    ("gon", "na"),
    ("got", "ta"),
    ("lem", "me"),
    ("more", "'n"),
    ("wan", "na"),
)


def opening_marks(text: Marks) -> None:
    """« “ ‘ „ stand alone, and so does a run of grave accents."""
    _fence_each(text, "«“‘„")
    for start, end in text.runs("`"):
        text.fence(start, end)


def quote_at_the_start(text: Marks) -> None:
    """A straight double quote that begins the text opens."""
    if text.after(0) == '"':
        text.chars[0] = OPENING
        text.fence(0, 1)


def pairs_of_graves(text: Marks) -> None:
    """Two grave accents are one mark; three are a mark and a half."""
    for start, end in text.runs("`"):
        for at in range(start, end - 1, 2):
            text.fence(at, at + 2)


def quote_after_space_or_bracket(text: Marks) -> None:
    """A double quote, or two single ones, opens after a space or an opening bracket."""
    places = [at for at in range(len(text)) if (text.before(at) or "-") in " ([{<"]  # before any of them cuts
    for at in places:
        if text.chars[at] == '"':
            text.chars[at] = OPENING
            text.fence(at, at + 1)
        elif text.reads(at, CLOSING):
            text.chars[at : at + 2] = "``"
            text.fence(at, at + 2)


def apostrophe_before_a_word(text: Marks) -> None:
    """An apostrophe that begins a word stands alone: ' tis. Not if all that follows is a clitic: 's."""
    for at, char in enumerate(text.chars):
        starts = char == "'" and not is_word(text.before(at)) and is_word(text.after(at + 1))
        if starts and not any(_is_clitic(text, at + 1, clitic) for clitic in _CLITICS):
            text.cut[at + 1] = True


def _is_clitic(text: Marks, at: int, clitic: str) -> bool:
    return text.reads(at, clitic) and not is_word(text.after(at + len(clitic)))


def last_full_stop(text: Marks) -> None:
    """A full stop stands alone if only closing marks and space follow to the end; "..." is not meant."""
    end = len(text)
    while end and is_space(text.chars[end - 1]):
        end -= 1
    while end and text.chars[end - 1] in "])}>\"' »”’":
        end -= 1
    if end and text.chars[end - 1] == "." and text.before(end - 1) not in ("", "."):
        text.fence(end - 1, end)
        text.cut[-1] = True


def colon_or_comma(text: Marks) -> None:
    """: and , stand alone unless a digit follows: 7:30 and 3,000 stay whole."""
    at = 0
    while at < len(text):
        follows = text.after(at + 1)
        step = 1
        if text.chars[at] in ":," and follows and not is_digit(follows):
            step = 1 if follows == " " and text.cut[at + 1] else 2  # the neighbor is used up as well
            text.fence(at, at + 1)
        at += step
    if len(text) and text.chars[-1] in ":," and not text.cut[-1]:
        text.fence(len(text) - 1, len(text))


def ellipsis(text: Marks) -> None:
    """Two full stops or more are one mark."""
    for start, end in text.runs("."):
        if end - start > 1:
            text.fence(start, end)


def symbols(text: Marks) -> None:
    """; @ # $ % & and the dashes ‒ – — ― stand alone."""
    _fence_each(text, ";@#$%&‒–—―")


def question_or_exclamation(text: Marks) -> None:
    """? and ! stand alone."""
    _fence_each(text, "?!")


def apostrophe_before_space(text: Marks) -> None:
    """An apostrophe that ends a word stands alone: dogs '."""
    for at, char in enumerate(text.chars):
        if char == "'" and text.after(at + 1) == " " and text.before(at) not in ("", "'"):
            text.cut[at] = True


def brackets_and_asterisks(text: Marks) -> None:
    """* and brackets of every kind stand alone."""
    _fence_each(text, "*[](){}<>")


def double_dash(text: Marks) -> None:
    """Two hyphens are one dash."""
    for start, end in text.runs("-"):
        for at in range(start, end - 1, 2):
            text.fence(at, at + 2)


def closing_marks(text: Marks) -> None:
    """» ” ’ stand alone; two apostrophes and the straight double quotes that are left close."""
    text.cut[0] = text.cut[-1] = True
    _fence_each(text, "»”’")
    for start, end in text.runs("'"):
        for at in range(start, end - 1, 2):
            text.fence(at, at + 2)
    for at, char in enumerate(text.chars):
        if char == '"':
            text.chars[at] = CLOSING
            text.fence(at, at + 1)


def short_clitics(text: Marks) -> None:
    """'s 'm 'd and a lone apostrophe part from the end of a word: it 's."""
    text.chars = [" " if is_space(char) else char for char in text.chars]
    for at, char in enumerate(text.chars):
        if char != "'" or text.before(at) in (" ", "'"):
            continue
        end = at + 2 if text.after(at + 1) in tuple("sSmMdD") else at + 1
        if text.after(end) == " ":
            text.cut[at] = True


def long_clitics(text: Marks) -> None:
    """'ll 're 've and n't part from the end of a word, in lower or upper case: do n't."""
    for at in range(len(text)):
        ending = "".join(text.chars[at : at + 3])
        whole = ending in _ENDINGS and not any(text.cut[at + 1 : at + 3])
        if whole and text.after(at + 3) == " " and text.before(at) not in (" ", "'"):
            text.cut[at] = True


def contractions(text: Marks) -> None:
    """Two words written as one part: can not, d 'ye, gim me, gon na, got ta, lem me, more 'n, wan na."""
    for first, second in _HALVES:
        for at in range(len(text)):
            end = at + len(first + second)
            if not text.reads(at, first + second) or is_plain_word(text.before(at)):
                continue
            follows = text.after(end)
            if follows.isspace() if first == "wan" else not is_plain_word(follows):
                text.fence(at, end)
                text.cut[at + len(first)] = True


def it_is_and_it_was(text: Marks) -> None:
    """'tis and 'twas part after the t, where a space stands before them."""
    for word in ("'tis", "'twas"):
        end = len(word)
        starts = [at for at in range(len(text)) if text.before(at) == " " and text.reads(at, word)]
        for at in starts:
            if not is_plain_word(text.after(at + end)):
                text.fence(at, at + end)
                text.cut[at + 2] = True


RULES: tuple[Callable[[Marks], None], ...] = (
    opening_marks,
    quote_at_the_start,
    pairs_of_graves,
    quote_after_space_or_bracket,
    apostrophe_before_a_word,
    last_full_stop,
    colon_or_comma,
    ellipsis,
    symbols,
    question_or_exclamation,
    apostrophe_before_space,
    brackets_and_asterisks,
    double_dash,
    closing_marks,
    short_clitics,
    long_clitics,
    contractions,
    it_is_and_it_was,
)


def _fence_each(text: Marks, marks: str) -> None:
    for at, char in enumerate(text.chars):
        if char in marks and len(char) == 1:
            text.fence(at, at + 1)
