"""A tokenizer as its stages, and the open path that walks a text through them.

    text → added tokens cut out → normalizer → splitter → model → tokens, each with its place in the text

Every stage is a value of its own that can be looked at, replaced and written to a file. This path is the
definition; the compiled encoders (models/fast.py) compute the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from cutaway.tokenization.added import AddedToken, AddedTokens
from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.encoding import Encoding
from cutaway.tokenization.models.piece import Piece
from cutaway.tokenization.splitters.bert import BertSplitter
from cutaway.tokenization.stages import Decoder, Model, Normalizer, PostProcessor, Splitter
from cutaway.tokenization.truncation import Truncation

_REMEMBERED_WORDS = 1 << 15
_LONGEST_REMEMBERED = 1 << 8  # characters


@dataclass(frozen=True, kw_only=True)
class Padding:
    """How a file wants short rows filled; used where a caller asks for a rectangle.

    Attributes:
        pad_id: the id that fills.
        pad_token: its token.
        pad_type_id: its segment.
        side: where it goes.
        multiple: rows are as long as a multiple of this.
        length: rows are of this length; None for the longest row's.
    """

    pad_id: int = 0
    pad_token: str = "[PAD]"
    pad_type_id: int = 0
    side: Literal["right", "left"] = "right"
    multiple: int = 1
    length: int | None = None


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """A whole tokenizer, stage by stage; a stage that is None does nothing.

    Attributes:
        model: a word to pieces.
        normalizer: characters to characters.
        splitter: text to words.
        post: puts special tokens around.
        decoder: pieces to text.
        added: tokens that are found as strings.
        truncation: how the file wants long texts cut; used only where a caller asks for it.
        padding: how the file wants rows filled; likewise.
        origin: where it comes from.
    """

    model: Model
    normalizer: Normalizer | None = None
    splitter: Splitter | None = None
    post: PostProcessor | None = None
    decoder: Decoder | None = None
    added: tuple[AddedToken, ...] = ()
    truncation: Truncation | None = None
    padding: Padding | None = None
    origin: str = "the tokenizer"


class Token(NamedTuple):
    """A token of the text itself: its id, its characters [start, end), its word's number.

    `text` is what stands there where that is not the vocabulary's spelling: an added token with the white
    space that it took in, characters that a Unigram model does not know.
    """

    id: int
    start: int
    end: int
    word: int
    text: str | None = None


class Word(NamedTuple):
    """A word as the model sees it; `token` is the added token that it is, or None."""

    text: AlignedText
    token: AddedToken | None


class OpenPath:
    """Walks texts through a pipeline in plain Python, remembering the words that came before.

    Args:
        pipeline: the stages.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.added = AddedTokens(pipeline.added, pipeline.normalizer)
        self._known: dict[str, Sequence[Piece]] = {}
        # A model may say that one of its pieces, the unknown, is to be shown as what stands there.
        self._verbatim: int | None = getattr(pipeline.model, "verbatim_id", None)

    def words(self, text: str) -> Iterator[Word]:
        """Yield the words of a text without lone surrogates, in order, none of them empty."""
        splitter = self.pipeline.splitter
        for stretch in self.added.cut(AlignedText.of(text)):
            if stretch.token is not None or splitter is None:
                yield Word(stretch.text, stretch.token)
                continue
            for word in splitter.split(stretch.text):
                if word.text:
                    yield Word(word, None)

    def tokens(self, text: str) -> Iterator[Token]:
        """Yield the tokens of a text without lone surrogates."""
        return map(Token._make, self.token_rows(text))

    def token_rows(self, text: str) -> Iterator[tuple[int, int, int, int, str | None]]:
        """Yield what `tokens` does, as plain tuples: naming their parts takes as long as finding them."""
        number = 0
        for stretch, first, last, added in self._places(text):
            whole, starts, ends = stretch.text, stretch.starts, stretch.ends
            if first == last:
                continue
            if added is not None:
                yield added.id, starts[0], ends[-1], number, whole
            else:
                for piece_id, start, end in self.pieces(whole[first:last]):
                    shown = whole[first + start : first + end] if piece_id == self._verbatim else None
                    yield piece_id, starts[first + start], ends[first + end - 1], number, shown
            number += 1

    def _places(self, text: str) -> Iterator[tuple[AlignedText, int, int, AddedToken | None]]:
        """Yield each word as a part of a text, which makes no object of it where the splitter tells where."""
        splitter = self.pipeline.splitter
        for stretch, added in self.added.cut(AlignedText.of(text)):
            if added is not None or splitter is None:
                yield stretch, 0, len(stretch), added
            elif isinstance(splitter, BertSplitter):
                for first, last in splitter.spans(stretch.text):
                    yield stretch, first, last, None
            else:
                for word in splitter.split(stretch):
                    yield word, 0, len(word), None

    def pieces(self, word: str) -> Sequence[Piece]:
        """Return a word's pieces."""
        pieces = self._known.get(word)
        if pieces is None:
            pieces = self.pipeline.model.pieces(word)
            if len(word) <= _LONGEST_REMEMBERED:
                if len(self._known) >= _REMEMBERED_WORDS:
                    self._known.clear()
                self._known[word] = pieces
        return pieces

    def finished(self, texts: Sequence[Encoding], *, special: bool) -> Encoding:
        """Put special tokens around one or two encoded texts and join them."""
        post = self.pipeline.post
        parts = [text.placed(text=at, type_id=at) for at, text in enumerate(texts)]
        made = post.process(parts, special=special) if post else parts
        return Encoding.all_joined(made)
