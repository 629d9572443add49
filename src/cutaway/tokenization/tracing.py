"""The open path with everything it saw: characters, words, every try of the longest match, tokens."""

from __future__ import annotations

from cutaway.core.trace import Cell, Recorder, Trace
from cutaway.tokenization.models.wordpiece import split_word, tries
from cutaway.tokenization.normalizers.bert import normalize
from cutaway.tokenization.normalizers.characters import bert_characters
from cutaway.tokenization.special import SpecialFinder
from cutaway.tokenization.splitters.bert import split_words
from cutaway.tokenization.vocabulary import UNKNOWN, Vocabulary

Row = tuple[Cell, ...]


def trace_text(text: str, vocabulary: Vocabulary, finder: SpecialFinder) -> Trace:
    """Encode one text and record every step.

    The tables, in the order of the pipeline:

    - characters (position, character, kind, becomes): each character of the text and its fate;
    - words (word, text, start, end): normalized words and the characters of the text they came from;
    - tries (word, try, start, end, piece, found, id): each look into the vocabulary, `start` and `end`
      counted in the word; a word that cannot be matched ends with a try of "[UNK]" for all of it;
    - tokens (position, token, id, start, end, word): the result, without [CLS] and [SEP].

    Args:
        text: any string without lone surrogates.
        vocabulary: the pieces.
        finder: finds the special tokens written out in the text.

    Returns:
        The trace; its fact "vocabulary sha256" names the vocabulary.
    """
    rec = Recorder("WordPiece")
    rec.fact("vocabulary sha256", vocabulary.sha256)
    rec.fact("vocabulary size", len(vocabulary))
    rec.table(
        "characters",
        ("position", "character", "kind", "becomes"),
        _character_rows(text, finder),
        formula="becomes = lower(strip(decompose(character)))",
    )
    words = _word_rows(text, finder)
    rec.table(
        "words",
        ("word", "text", "start", "end"),
        [(number, word, start, end) for number, (word, start, end, _, _) in enumerate(words)],
        formula="words = split(becomes) at spaces, around punctuation",
        inputs=("characters",),
    )
    rec.table(
        "tries",
        ("word", "try", "start", "end", "piece", "found", "id"),
        [row for number, word in enumerate(words) for row in _try_rows(number, word, vocabulary)],
        formula="piece = the longest w[start:end] that the vocabulary has",
        inputs=("words",),
    )
    tokens = _token_rows(words, vocabulary)
    rec.table(
        "tokens",
        ("position", "token", "id", "start", "end", "word"),
        tokens,
        formula="tokens = the pieces found, or [UNK] for the word",
        inputs=("tries",),
    )
    rec.label("token", [str(row[1]) for row in tokens])
    return rec.finish()


# A word: its text, its place in the original, the place of each of its characters, whether it is special.
_Word = tuple[str, int, int, list[tuple[int, int]], bool]


def _character_rows(text: str, finder: SpecialFinder) -> list[Row]:
    characters = bert_characters()
    rows: list[Row] = []
    for stretch in finder.cut(text):
        for position, char in enumerate(stretch.text, stretch.start):
            known = characters[char]
            kind, becomes = ("special", char) if stretch.special else (known.kind, known.becomes)
            rows.append((position, char, kind, becomes))
    return rows


def _word_rows(text: str, finder: SpecialFinder) -> list[_Word]:
    words: list[_Word] = []
    for stretch in finder.cut(text):
        if stretch.special:
            end = stretch.start + len(stretch.text)
            words.append((stretch.text, stretch.start, end, [(stretch.start, end)], True))
            continue
        normalized = normalize(stretch.text)
        for word in split_words(normalized.text):
            spans = [normalized.span(at, at + 1) for at in range(word.start, word.end)]
            spans = [(stretch.start + start, stretch.start + end) for start, end in spans]
            words.append((word.text, spans[0][0], spans[-1][1], spans, False))
    return words


def _try_rows(number: int, word: _Word, vocabulary: Vocabulary) -> list[Row]:
    text, _, _, _, special = word
    if special:
        return [(number, 0, 0, len(text), text, True, vocabulary.ids[text])]
    made = list(tries(text, vocabulary.ids))
    rows: list[Row] = [
        (number, at, found.start, found.end, found.piece, found.id is not None, found.id)
        for at, found in enumerate(made)
    ]
    if made[-1].id is None:
        rows.append((number, len(made), 0, len(text), UNKNOWN, True, vocabulary.unk_id))
    return rows


def _token_rows(words: list[_Word], vocabulary: Vocabulary) -> list[Row]:
    rows: list[Row] = []
    for number, (text, first, last, spans, special) in enumerate(words):
        if special:
            rows.append((len(rows), text, vocabulary.ids[text], first, last, number))
            continue
        for piece in split_word(text, vocabulary.ids):
            start, end = spans[piece.start][0], spans[piece.end - 1][1]
            rows.append((len(rows), vocabulary.pieces[piece.id], piece.id, start, end, number))
    return rows
