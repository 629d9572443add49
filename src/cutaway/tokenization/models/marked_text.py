"""Pipelines whose text has ▁ for spaces, each as one plain function from a string to bytes.

SentencePiece's model files and the tokenizer.json of Llama 2, Gemma and their like say the same thing in
different words: put ▁ first or not, write it for spaces, and cut before it or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from cutaway.tokenization.models.plain_text import PlainText
from cutaway.tokenization.normalizers.replace import Prepend, Replace
from cutaway.tokenization.normalizers.sentencepiece import SPACE, SentencePieceNormalizer
from cutaway.tokenization.normalizers.sequence import Sequence
from cutaway.tokenization.splitters.by_pattern import Split
from cutaway.tokenization.splitters.metaspace import Metaspace
from cutaway.tokenization.splitters.sentencepiece import SentencePieceSplitter
from cutaway.tokenization.stages import Normalizer, Splitter

_MARK: Final = SPACE.encode("utf-8")
_SPACE: Final = b" "
_BLANK: Final = bytes(range(0x21))

Cuts = Literal["each mark", "no cut"]
Change = Callable[[bytes], bytes]


@dataclass(frozen=True, kw_only=True)
class MarkedText:
    """How a pipeline turns a text without added tokens into what its model reads.

    Attributes:
        change: UTF-8 in and out.
        cuts: whether the splitter cuts before each ▁.
        plain: what the character map makes of a text first; None where there is no map.
        squeezes: whether spaces at the ends and all but one between words are dropped.
        symbols: pieces that are taken whole; a text that has one, before or after, is for the open path.
    """

    change: Change
    cuts: Cuts = "no cut"
    plain: PlainText | None = None
    squeezes: bool = False
    symbols: tuple[str, ...] = ()

    def rows(self, texts: Iterable[str]) -> list[bytes | None]:
        """Return each text as the model reads it; None for one that is for the open path."""
        rows = [self._mapped(text) for text in texts]
        if self.plain:
            rows = self.plain.finished(rows)
        return [None if row is None else self._marked(row) for row in rows]

    def _mapped(self, text: str) -> bytes | None:
        if any(symbol in text for symbol in self.symbols):
            return None
        try:
            return self.plain.normalized(text) if self.plain else text.encode("utf-8")
        except UnicodeEncodeError:
            return None

    def _marked(self, row: bytes) -> bytes | None:
        if self.squeezes:
            if row.rstrip(_BLANK).endswith(_MARK):
                return None  # a ▁ at the end counts as a space
            row = _SPACE.join(filter(None, row.split(_SPACE)))
        row = self.change(row)
        marked = (symbol.replace(" ", SPACE).encode("utf-8") for symbol in self.symbols)
        return None if any(symbol in row for symbol in marked) else row


def marked_text(
    normalizer: Normalizer | None, splitter: Splitter | None, symbols: Iterable[str]
) -> MarkedText | None:
    """Return what these two stages do to a text, if they write ▁ for spaces and nothing else.

    Args:
        normalizer: a pipeline's first stage.
        splitter: its second.
        symbols: pieces that its model takes whole.
    """
    if isinstance(normalizer, SentencePieceNormalizer):
        symbols = {*normalizer.user_defined, *symbols}
        return _of_model_file(normalizer, symbols) if isinstance(splitter, SentencePieceSplitter) else None
    steps = normalizer.normalizers if isinstance(normalizer, Sequence) else (normalizer,)
    changes = [_change_of(step) for step in steps if step is not None]
    cuts: Cuts = "no cut"
    if isinstance(splitter, Metaspace):
        if splitter.replacement != SPACE:
            return None
        first = splitter.prepend_scheme in ("always", "first")
        changes.append(lambda row: _prefixed(row.replace(_SPACE, _MARK), first))
        cuts = "each mark" if splitter.cuts else "no cut"
    elif splitter is not None and not _never_cuts(splitter, steps):
        return None
    known = [change for change in changes if change]
    if len(known) != len(changes) or not known:
        return None

    def change(row: bytes) -> bytes:
        for step in known:
            row = step(row)
        return row

    return MarkedText(change=change, cuts=cuts, symbols=tuple(sorted(symbols)))


def _of_model_file(normalizer: SentencePieceNormalizer, symbols: Iterable[str]) -> MarkedText | None:
    if not normalizer.escape_whitespaces or normalizer.whitespace_as_suffix:
        return None
    plain = None
    if normalizer.charsmap:
        plain = PlainText(*normalizer.mapped_alone())
        if not plain.works:
            return None
    dummy = normalizer.add_dummy_prefix
    if not normalizer.remove_extra_whitespaces and plain:
        return None

    def change(row: bytes) -> bytes:
        marked = row.replace(_SPACE, _MARK)
        return _MARK + marked if dummy and row else marked

    return MarkedText(
        change=change,
        plain=plain,
        squeezes=normalizer.remove_extra_whitespaces,
        symbols=tuple(sorted(symbols)),
    )


def _prefixed(row: bytes, first: bool) -> bytes:
    return _MARK + row if first and row and not row.startswith(_MARK) else row


def _change_of(step: Normalizer) -> Change | None:
    if isinstance(step, Prepend):
        prefix = step.prepend.encode("utf-8")
        return lambda row: prefix + row if row else row
    if isinstance(step, Replace) and step.pattern.kind == "string" and step.pattern.text:
        old, new = step.pattern.text.encode("utf-8"), step.content.encode("utf-8")
        return lambda row: row.replace(old, new)
    return None


def _never_cuts(splitter: Splitter, steps: Iterable[Normalizer | None]) -> bool:
    """Say whether a splitter looks for spaces where none are left."""
    at_spaces = isinstance(splitter, Split) and splitter.pattern.text == " " and not splitter.invert
    *_, last = steps
    gone = isinstance(last, Replace) and last.pattern.text == " " and " " not in last.content
    return at_spaces and gone and isinstance(last, Replace) and last.pattern.kind == "string"
