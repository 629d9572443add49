"""Text to ids and back: the face of the room.

`encode` is the open path, stage after stage in plain Python. `encode_batch` is the same computation in
compiled kernels where there are some for the pipeline. `trace` is the open path with everything it saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cutaway.core.errors import UnknownNameError, UsageError
from cutaway.core.text import scrub
from cutaway.tokenization.encoding import Encoding
from cutaway.tokenization.pipeline import OpenPath, Pipeline
from cutaway.tokenization.truncation import Truncation, truncated

if TYPE_CHECKING:
    from cutaway.core.trace import Trace
    from cutaway.tokenization.batch import Batch
    from cutaway.tokenization.models.fast import FastEncoder

Details = Literal["ids", "offsets"]
Format = Literal["tokenizer.json", "vocab.txt", "vocab.json", "model", "tiktoken"]

# What the special tokens are called in the families of the field, the usual names first.
_PADDING = ("[PAD]", "<pad>", "<|pad|>", "<|padding|>", "<|endoftext|>", "</s>")
_MASKS = ("[MASK]", "<mask>")
_UNKNOWN = ("[UNK]", "<unk>")


class Tokenizer:
    """A pipeline from text to ids, and back.

    Args:
        pipeline: its stages.

    Example:
        >>> from cutaway.tokenization.bert import bert_pipeline
        >>> from cutaway.tokenization.vocabulary import BertVocabulary
        >>> pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "love", "ll", "##ms"]
        >>> Tokenizer(bert_pipeline(BertVocabulary(pieces))).encode("Love LLMs").tokens
        ['[CLS]', 'love', 'll', '##ms', '[SEP]']
    """

    def __init__(self, pipeline: Pipeline) -> None:
        from cutaway.tokenization.checking import all_tokens

        self.pipeline = pipeline
        self.vocabulary = all_tokens(pipeline)
        self._path = OpenPath(pipeline)
        self._special = {token.id for token in pipeline.added if token.special}

    @classmethod
    def load(cls, name: str | Path) -> Tokenizer:
        """Load a tokenizer by catalog name, from a file of any known format, or from a folder with one.

        Args:
            name: "bert-base-uncased", "all-MiniLM-L6-v2", or the path of a tokenizer.json, a vocab.txt, a
                vocab.json with merges.txt beside it, a SentencePiece .model, a .tiktoken file, or a folder.

        Raises:
            MissingFileError: the path, or a tokenizer file in the folder, is not there.
            UnknownNameError: the catalog has no such name.
            FormatError: the file is damaged or of a kind that is not supported.
        """
        from cutaway.tokenization.loading import load_pipeline

        return cls(load_pipeline(name))

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        *,
        model: Literal["bpe", "wordpiece", "unigram"] = "bpe",
        vocab_size: int = 16_000,
    ) -> Tokenizer:
        """Learn a tokenizer from texts.

        Args:
            texts: any number, read once; what is kept grows with the number of distinct words.
            model: byte-level "bpe", "wordpiece" as BERT's uncased, or "unigram" as SentencePiece's.
            vocab_size: how many tokens, special ones included.

        Raises:
            UsageError: there is no such model, or vocab_size is too small.
            DataError: there is no text to learn from.
        """
        from cutaway.tokenization.training.trainer import train_pipeline

        return cls(train_pipeline(texts, model=model, vocab_size=vocab_size)[0])

    def save(self, path: str | Path, *, form: Format | None = None) -> None:
        """Write the tokenizer to a file that others read too.

        Args:
            path: the file; for "vocab.json", merges.txt is written beside it.
            form: the format; by default what the file's name says.

        Raises:
            UsageError: the name says no format.
            FormatError: this tokenizer cannot be written in that format without loss.
            ResourceError: the disk is full or the folder cannot be written.
        """
        from cutaway.tokenization.saving import save_pipeline

        save_pipeline(self.pipeline, Path(path), form)

    @property
    def vocab_size(self) -> int:
        """The number of tokens, added ones included."""
        return len(self.vocabulary)

    @property
    def pad_id(self) -> int:
        """The id that fills short rows: [PAD] in BERT."""
        padding = self.pipeline.padding
        return padding.pad_id if padding else self._named("padding", _PADDING)

    @property
    def unk_id(self) -> int:
        """The id that stands for what cannot be matched: [UNK] in BERT."""
        named = getattr(self.pipeline.model, "unknown", None)
        return self._named("the unknown", (named, *_UNKNOWN) if isinstance(named, str) else _UNKNOWN)

    @property
    def cls_id(self) -> int:
        """The id that comes first: [CLS] in BERT, <s> in RoBERTa."""
        return self._edge("first", self._edges[0])

    @property
    def sep_id(self) -> int:
        """The id that comes last: [SEP] in BERT, </s> in RoBERTa."""
        return self._edge("last", self._edges[1])

    @property
    def mask_id(self) -> int | None:
        """The id that hides a token, if the vocabulary has one."""
        return next((self.vocabulary.ids[name] for name in _MASKS if name in self.vocabulary.ids), None)

    def token_of(self, token_id: int) -> str:
        """Return the token with this id; a ShapeError if there is none."""
        return self.vocabulary.token_of(token_id)

    def id_of(self, token: str) -> int:
        """Return the id of this token; an UnknownNameError if there is none."""
        return self.vocabulary.id_of(token)

    def encode(
        self,
        text: str,
        *,
        pair: str | None = None,
        special: bool = True,
        max_tokens: int | Truncation | None = None,
    ) -> Encoding:
        """Turn one text, or a pair, into tokens, by the open path.

        Args:
            text: any string; a lone surrogate counts as U+FFFD.
            pair: a second text.
            special: put the special tokens around, [CLS] and [SEP] in BERT.
            max_tokens: keep at most so many, special ones included; the end of the longer text is cut. A
                `Truncation` says how to cut, and then the rest is kept as `overflow`.

        Returns:
            Ids, tokens, offsets into the text, word numbers and segment numbers.

        Raises:
            UsageError: max_tokens leaves no room for the special tokens, or is negative.
        """
        texts = [text] if pair is None else [text, pair]
        rule = Truncation(most=max(max_tokens, 0)) if isinstance(max_tokens, int) else max_tokens
        added = self._added(len(texts)) if special else 0
        if isinstance(max_tokens, int) and max_tokens < added:
            raise UsageError(f"max_tokens is {max_tokens}: it must be at least {added}")
        # Without overflow to keep, no more is read than can be used.
        most = max_tokens - added if isinstance(max_tokens, int) and pair is None else None
        parts = [self._bare(part, most) for part in texts]
        if rule:
            parts = truncated(parts, rule, added=added)
        whole = self._path.finished(parts, special=special)
        if isinstance(max_tokens, int):
            whole.overflow.clear()
        return whole

    def encode_batch(
        self,
        texts: Sequence[str],
        *,
        pairs: Sequence[str] | None = None,
        special: bool = True,
        max_tokens: int | Truncation | None = None,
        threads: int | None = None,
        details: Details = "ids",
    ) -> Batch:
        """Turn many texts into ids; the ids are those of `encode`.

        Args:
            texts: a list of strings.
            pairs: a second text for each.
            special: put the special tokens around every row.
            max_tokens: keep at most so many in a row, special tokens included.
            threads: how many to use; by default one for each processor core.
            details: "offsets" also gives each token's place and segment, by the open path.

        Returns:
            One flat array of ids with the start of each row.

        Raises:
            UsageError: max_tokens leaves no room for the special tokens, threads is under 1, texts is one
                string, or there are not as many pairs as texts.
            DataError: a row is not a string.
        """
        from cutaway.tokenization.batching import Request, encode_rows

        request = Request(
            texts=texts, pairs=pairs, special=special, max_tokens=max_tokens, threads=threads, details=details
        )
        return encode_rows(self, request)

    def decode(self, ids: Iterable[int], *, special: bool = False) -> str:
        """Turn ids back into readable text: the text itself where the model is lossless.

        Args:
            ids: what `encode` gave, or a row of a batch.
            special: keep special tokens.

        Returns:
            The text.

        Raises:
            ShapeError: an id is outside the vocabulary.
        """
        numbers = [int(number) for number in ids]
        tokens = [self.token_of(number) for number in numbers if special or number not in self._special]
        if not special:
            for number in numbers:  # those left out must exist as well
                self.token_of(number)
        decoder = self.pipeline.decoder
        return "".join(decoder.decode(tokens)) if decoder else " ".join(tokens)

    def decode_stream(self, ids: Iterable[int], *, special: bool = False) -> Iterator[str]:
        """Turn ids into text as they come: what a generator shows while it writes.

        Args:
            ids: token ids, one by one.
            special: keep special tokens.

        Yields:
            The text that came with each id, whole characters only; joined, what `decode` gives.

        Raises:
            ShapeError: an id is outside the vocabulary.
        """
        from cutaway.tokenization.streaming import stream

        return stream(ids, lambda part: self.decode(part, special=special))

    def trace(self, text: str) -> Trace:
        """Encode one text and record every step: code points, words, what the model did, tokens.

        Args:
            text: any string; a lone surrogate counts as U+FFFD.

        Returns:
            A trace; its tables are described in tracing.py.
        """
        from cutaway.tokenization.tracing import trace_text

        return trace_text(scrub(text), self._path, self.vocabulary)

    @cached_property
    def fast(self) -> FastEncoder | None:
        """The compiled encoder of this pipeline, if there is one."""
        from cutaway.tokenization.models.fast import fast_encoder

        return fast_encoder(self.pipeline)

    @cached_property
    def edges(self) -> tuple[list[int], list[int]] | None:
        """The special ids before and behind a single text, if that is all that is put around it."""
        if self.pipeline.post is None:
            return [], []
        probe = Encoding(ids=[-1], tokens=[""], offsets=[(0, 0)], word_ids=[0], type_ids=[0], text_ids=[0])
        ids = self._path.finished([probe], special=True).ids
        if ids.count(-1) != 1:
            return None
        return ids[: ids.index(-1)], ids[ids.index(-1) + 1 :]

    def _added(self, texts: int) -> int:
        post = self.pipeline.post
        return post.added(texts) if post else 0

    @cached_property
    def _edges(self) -> tuple[int | None, int | None]:
        first, last = self.edges or ([], [])
        return (first[0] if first else None), (last[-1] if last else None)

    def _edge(self, which: str, found: int | None) -> int:
        if found is None:
            raise UnknownNameError(f"this tokenizer puts no special token {which}: encode with special=False")
        return found

    def _named(self, role: str, names: Sequence[str]) -> int:
        for name in names:
            if name in self.vocabulary.ids:
                return self.vocabulary.ids[name]
        raise UnknownNameError(f"this tokenizer has no token for {role}: none of {', '.join(names)}")

    def _bare(self, text: str, most: int | None) -> Encoding:
        """Return a text's own tokens, at most `most`."""
        found = self._path.token_rows(scrub(text))
        tokens = list(found if most is None else islice(found, most))
        if not tokens:
            return Encoding()
        pieces = self.vocabulary.pieces
        ids, starts, ends, words, shown = zip(*tokens, strict=True)
        return Encoding(
            ids=list(ids),
            tokens=[
                pieces[number] if text is None else text for number, text in zip(ids, shown, strict=True)
            ],
            offsets=list(zip(starts, ends, strict=True)),
            word_ids=list(words),
            type_ids=[0] * len(ids),
            text_ids=[0] * len(ids),
        )
