"""Text to ids and back: the face of the room.

`encode` is the open path, the four steps one after the other in plain Python. `encode_batch` is the
same computation in compiled kernels. `trace` is the open path with everything it saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cutaway.core.errors import MissingFileError, UsageError
from cutaway.core.text import scrub
from cutaway.tokenization.decoders.wordpiece import join_pieces
from cutaway.tokenization.encoding import Encoding
from cutaway.tokenization.models.piece import Piece
from cutaway.tokenization.models.wordpiece import split_word
from cutaway.tokenization.normalizers.bert import normalize
from cutaway.tokenization.special import SpecialFinder
from cutaway.tokenization.splitters.bert import split_words
from cutaway.tokenization.vocabulary import END, START, Vocabulary

if TYPE_CHECKING:
    from cutaway.core.trace import Trace
    from cutaway.tokenization.batch import Batch
    from cutaway.tokenization.models.fast_wordpiece import FastWordPiece

_REMEMBERED_WORDS = 1 << 15


class Token(NamedTuple):
    """A token of the text itself: its id, its characters [start, end), its word's number."""

    id: int
    start: int
    end: int
    word: int


class Tokenizer:
    """WordPiece as BERT's uncased models use it.

    Args:
        vocabulary: the pieces.

    Example:
        >>> pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "love", "ll", "##ms"]
        >>> Tokenizer(Vocabulary(pieces)).encode("Love LLMs").tokens
        ['[CLS]', 'love', 'll', '##ms', '[SEP]']
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._finder = SpecialFinder(vocabulary.special)
        self._known_words: dict[str, tuple[Piece, ...]] = {}

    @classmethod
    def load(cls, name: str | Path) -> Tokenizer:
        """Load a tokenizer by catalog name, from a vocab.txt or tokenizer.json, or from their folder.

        Args:
            name: "bert-base-uncased", "all-MiniLM-L6-v2", or a path. A vocab.txt is preferred in a folder.

        Raises:
            MissingFileError: the path, or a tokenizer file in the folder, is not there.
            UnknownNameError: the catalog has no such name.
            FormatError: the file is damaged or of a kind that is not supported.
        """
        path = Path(name)
        if not path.exists() and path.name == str(name) and path.suffix not in (".txt", ".json"):
            from cutaway.catalog.resolve import resolve

            path = resolve(str(name)).folder
        return cls(_read(_tokenizer_file(path)))

    @property
    def vocab_size(self) -> int:
        """The number of pieces."""
        return len(self.vocabulary)

    @property
    def pad_id(self) -> int:
        """The id of [PAD], which fills short rows."""
        return self.vocabulary.pad_id

    @property
    def unk_id(self) -> int:
        """The id of [UNK], which stands for a word that cannot be matched."""
        return self.vocabulary.unk_id

    @property
    def cls_id(self) -> int:
        """The id of [CLS], which comes first."""
        return self.vocabulary.cls_id

    @property
    def sep_id(self) -> int:
        """The id of [SEP], which comes last."""
        return self.vocabulary.sep_id

    @property
    def mask_id(self) -> int | None:
        """The id of [MASK], if the vocabulary has it."""
        return self.vocabulary.mask_id

    def token_of(self, token_id: int) -> str:
        """Return the piece with this id; a ShapeError if there is none."""
        return self.vocabulary.token_of(token_id)

    def id_of(self, token: str) -> int:
        """Return the id of this piece; an UnknownNameError if there is none."""
        return self.vocabulary.id_of(token)

    def encode(self, text: str, *, special: bool = True, max_tokens: int | None = None) -> Encoding:
        """Turn one text into tokens, by the open path.

        Args:
            text: any string; a lone surrogate counts as U+FFFD.
            special: put [CLS] first and [SEP] last.
            max_tokens: keep at most so many, [CLS] and [SEP] included; the end of the text is cut.

        Returns:
            Ids, tokens, offsets into `text`, word numbers and segment numbers.

        Raises:
            UsageError: max_tokens leaves no room for [CLS] and [SEP], or is negative.
        """
        most = _room(max_tokens, special)
        encoding = Encoding()
        if special:
            encoding.append(START, self.cls_id, (0, 0), None)
        for token in self._tokens(scrub(text), most):
            piece = self.vocabulary.pieces[token.id]
            encoding.append(piece, token.id, (token.start, token.end), token.word)
        if special:
            encoding.append(END, self.sep_id, (0, 0), None)
        return encoding

    def encode_batch(
        self,
        texts: Sequence[str],
        *,
        special: bool = True,
        max_tokens: int | None = None,
        threads: int | None = None,
    ) -> Batch:
        """Turn many texts into ids, by the compiled kernels; the ids are those of `encode`.

        Args:
            texts: a list of strings.
            special: put [CLS] first and [SEP] last in every row.
            max_tokens: keep at most so many in a row, [CLS] and [SEP] included.
            threads: how many to use; by default one for each processor core.

        Returns:
            One flat array of ids with the start of each row.

        Raises:
            UsageError: max_tokens leaves no room for [CLS] and [SEP], threads is under 1, or texts is one
                string.
            DataError: a row is not a string.
        """
        from cutaway.tokenization.models.fast_wordpiece import MOST_TOKENS, Limits, processors

        most = _room(max_tokens, special)
        if isinstance(texts, str):
            raise UsageError(
                "encode_batch takes a list of texts and was given one string: use encode for that"
            )
        if threads is not None and threads < 1:
            raise UsageError(f"threads is {threads}: it must be 1 or more")
        limits = Limits(
            first_id=self.cls_id if special else -1,
            last_id=self.sep_id if special else -1,
            most=MOST_TOKENS if most is None else most,
        )

        def encode_open(text: str) -> list[int]:
            return self.encode(text, special=special, max_tokens=max_tokens).ids

        return self._fast.encode(texts, limits, encode_open, threads or processors())

    def decode(self, ids: Iterable[int], *, special: bool = False) -> str:
        """Turn ids back into readable text, lower-case and without accents as the pieces are.

        Args:
            ids: what `encode` gave, or a row of a batch.
            special: keep [CLS], [SEP] and their like.

        Returns:
            The text.

        Raises:
            ShapeError: an id is outside the vocabulary.
        """
        tokens = (self.token_of(int(token_id)) for token_id in ids)
        return join_pieces(token for token in tokens if special or token not in self.vocabulary.special)

    def trace(self, text: str) -> Trace:
        """Encode one text and record every step: characters, words, every try, tokens.

        Args:
            text: any string; a lone surrogate counts as U+FFFD.

        Returns:
            A trace with the tables "characters", "words", "tries" and "tokens"; see tracing.py.
        """
        from cutaway.tokenization.tracing import trace_text

        return trace_text(scrub(text), self.vocabulary, self._finder)

    @cached_property
    def _fast(self) -> FastWordPiece:
        from cutaway.tokenization.models.fast_wordpiece import FastWordPiece

        return FastWordPiece(self.vocabulary)

    def _tokens(self, text: str, most: int | None) -> Iterator[Token]:
        """Yield the tokens of a text, at most `most`."""
        left = -1 if most is None else most
        if left == 0:
            return
        for token in self._all_tokens(text):
            yield token
            left -= 1
            if left == 0:
                return

    def _all_tokens(self, text: str) -> Iterator[Token]:
        word_number = 0
        for stretch in self._finder.cut(text):
            if stretch.special:
                end = stretch.start + len(stretch.text)
                yield Token(self.vocabulary.special[stretch.text], stretch.start, end, word_number)
                word_number += 1
                continue
            normalized = normalize(stretch.text)
            for word in split_words(normalized.text):
                for piece in self._split(word.text):
                    start, end = normalized.span(word.start + piece.start, word.start + piece.end)
                    yield Token(piece.id, stretch.start + start, stretch.start + end, word_number)
                word_number += 1

    def _split(self, word: str) -> tuple[Piece, ...]:
        """Split a word, remembering the words that came before."""
        pieces = self._known_words.get(word)
        if pieces is None:
            if len(self._known_words) >= _REMEMBERED_WORDS:
                self._known_words.clear()
            pieces = self._known_words[word] = split_word(word, self.vocabulary.ids, self.vocabulary.longest)
        return pieces


def _room(max_tokens: int | None, special: bool) -> int | None:
    """Return how many tokens of the text itself fit."""
    if max_tokens is None:
        return None
    added = 2 if special else 0
    if max_tokens < added:
        raise UsageError(f"max_tokens is {max_tokens}: it must be at least {added}")
    return max_tokens - added


def _tokenizer_file(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise MissingFileError(
            f"there is no file or folder {path}: give a catalog name or a path that exists"
        )
    for name in ("vocab.txt", "tokenizer.json"):
        if (path / name).is_file():
            return path / name
    raise MissingFileError(
        f"{path} holds neither vocab.txt nor tokenizer.json: give the folder of a tokenizer"
    )


def _read(path: Path) -> Vocabulary:
    if path.suffix == ".json":
        from cutaway.tokenization.formats.tokenizer_json import read_tokenizer_json

        return read_tokenizer_json(path)
    from cutaway.tokenization.formats.vocab_txt import read_vocab_txt

    return read_vocab_txt(path)
