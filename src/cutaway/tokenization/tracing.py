"""The open path with everything it saw: code points, words, every step of the model, tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cutaway.core.trace import Cell, Recorder, Trace
from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.forest_picture import forest_picture
from cutaway.tokenization.graphemes import graphemes
from cutaway.tokenization.models.wordpiece import WordPiece
from cutaway.tokenization.normalizers.bert import Bert
from cutaway.tokenization.normalizers.characters import bert_characters
from cutaway.tokenization.pipeline import OpenPath, Word

if TYPE_CHECKING:
    from cutaway.tokenization.vocabulary import Vocabulary

Row = tuple[Cell, ...]

_LOOK = "piece = the longest w[start:end] that the vocabulary has"


def trace_text(text: str, path: OpenPath, vocabulary: Vocabulary) -> Trace:
    """Encode one text and record every step.

    The tables, in the order of the pipeline:

    - codepoints (position, character, codepoint, bytes, grapheme): the text in its three grains;
    - characters (position, character, kind, becomes), for BERT's uncased normalizer: each one's fate;
    - normalized (position, character, start, end), for any other: each character with its place in the text;
    - words (word, text, start, end): words as the model sees them, and the characters they came from;
    - tries (word, try, start, end, piece, found, id), for WordPiece: each look into the vocabulary, `start`
      and `end` counted in the word; a word that cannot be matched ends with a try of "[UNK]" for all of it;
    - steps (word, ...), for any other model: what it did, in its own columns;
    - tokens (position, token, id, start, end, word): the result, without added special tokens.

    Args:
        text: any string without lone surrogates.
        path: the open path of the tokenizer.
        vocabulary: all tokens by id.

    Returns:
        The trace; its fact "vocabulary sha256" names the vocabulary.
    """
    model = path.pipeline.model
    rec = Recorder(type(model).__name__)
    rec.fact("vocabulary sha256", vocabulary.sha256)
    rec.fact("vocabulary size", len(vocabulary))
    rec.table(
        "codepoints",
        ("position", "character", "codepoint", "bytes", "grapheme"),
        _codepoint_rows(text),
        formula="bytes = UTF-8(codepoint)",
    )
    _record_normalized(rec, text, path)
    words = list(path.words(text))
    rec.table(
        "words",
        ("word", "text", "start", "end"),
        [(at, word.text, word.starts[0], word.ends[-1]) for at, (word, _) in enumerate(words)],
        formula="words = split(becomes) at spaces, around punctuation"
        if _is_bert(path)
        else "words = split(text)",
        inputs=("characters" if _is_bert(path) else "normalized",),
    )
    _record_steps(rec, words, path)
    tokens = [
        (at, vocabulary.token_of(token.id), token.id, token.start, token.end, token.word)
        for at, token in enumerate(path.tokens(text))
    ]
    rec.table(
        "tokens",
        ("position", "token", "id", "start", "end", "word"),
        tokens,
        formula="tokens = the pieces found, or [UNK] for the word"
        if _is_bert(path)
        else "tokens = the pieces",
        inputs=("tries" if isinstance(model, WordPiece) else "steps",),
    )
    rec.label("token", [str(row[1]) for row in tokens])
    rec.draw(forest_picture)
    return rec.finish()


def _is_bert(path: OpenPath) -> bool:
    normalizer = path.pipeline.normalizer
    return isinstance(normalizer, Bert) and normalizer.is_uncased


def _codepoint_rows(text: str) -> Iterator[Row]:
    position = 0
    for number, cluster in enumerate(graphemes(text)):
        for char in cluster:
            yield position, char, f"U+{ord(char):04X}", char.encode("utf-8").hex(" "), number
            position += 1


def _record_normalized(rec: Recorder, text: str, path: OpenPath) -> None:
    if _is_bert(path):
        rec.table(
            "characters",
            ("position", "character", "kind", "becomes"),
            _character_rows(text, path),
            formula="becomes = lower(strip(decompose(character)))",
        )
        return
    stretches = [stretch.text for stretch in path.added.cut(AlignedText.of(text))]
    places = [place for part in stretches for place in zip(part.text, part.starts, part.ends, strict=True)]
    rec.table(
        "normalized",
        ("position", "character", "start", "end"),
        [(at, *place) for at, place in enumerate(places)],
        formula="normalized = normalize(text)",
        inputs=("codepoints",),
    )


def _character_rows(text: str, path: OpenPath) -> Iterator[Row]:
    characters = bert_characters()
    for stretch in path.added.raw_parts(AlignedText.of(text)):
        for position, char in zip(stretch.text.starts, stretch.text.text, strict=True):
            known = characters[char]
            special = stretch.token is not None
            yield (
                (position, char, "special", char) if special else (position, char, known.kind, known.becomes)
            )


def _record_steps(rec: Recorder, words: Sequence[Word], path: OpenPath) -> None:
    model: Any = path.pipeline.model
    if isinstance(model, WordPiece):
        columns: tuple[str, ...] = ("try", "start", "end", "piece", "found", "id")
        rows = [(at, *row) for at, word in enumerate(words) for row in _tries(word, model, columns)]
        rec.table("tries", ("word", *columns), rows, formula=_LOOK, inputs=("words",))
        return
    made = [
        (at, step)
        for at, word in enumerate(words)
        if word.token is None
        for step in model.steps(word.text.text)
    ]
    columns = tuple(dict.fromkeys(name for _, step in made for name in step))
    rec.table(
        "steps",
        ("word", *columns),
        [(at, *(step.get(name) for name in columns)) for at, step in made],
        formula=getattr(model, "formula", "pieces = model(word)"),
        inputs=("words",),
    )


def _tries(word: Word, model: WordPiece, columns: Sequence[str]) -> list[Row]:
    text, added = word.text.text, word.token
    if added is not None:
        return [(0, 0, len(text), added.content, True, added.id)]
    return [tuple(step[name] for name in columns) for step in model.steps(text)]
