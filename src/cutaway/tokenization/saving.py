"""From a pipeline to a file: which writer writes it, and what a format cannot hold."""

from __future__ import annotations

from pathlib import Path

from cutaway.core.errors import FormatError, UsageError
from cutaway.core.files import write_text
from cutaway.tokenization.models.wordpiece import LONGEST_WORD, WordPiece
from cutaway.tokenization.normalizers.bert import Bert
from cutaway.tokenization.pipeline import Pipeline
from cutaway.tokenization.vocabulary import PREFIX, UNKNOWN

_BY_SUFFIX = {".json": "tokenizer.json", ".txt": "vocab.txt", ".tiktoken": "tiktoken", ".model": "model"}
FORMATS = ("tokenizer.json", "vocab.txt", "vocab.json", "tiktoken", "model")


def save_pipeline(pipeline: Pipeline, path: Path, form: str | None) -> None:
    """Write a pipeline.

    Args:
        pipeline: the stages.
        path: the file.
        form: the format; None goes by the file's name.

    Raises:
        UsageError: the name says no format, or there is no such format.
        FormatError: the format cannot hold this tokenizer.
        ResourceError: the disk is full or the folder cannot be written.
    """
    chosen = form or ("vocab.json" if path.name == "vocab.json" else _BY_SUFFIX.get(path.suffix))
    if chosen is None or chosen not in FORMATS:
        raise UsageError(
            f"{form or path.name!r} is no format of a tokenizer: name a file .json, .txt, .tiktoken or "
            f".model, or one of {', '.join(FORMATS)}"
        )
    if chosen == "tokenizer.json":
        from cutaway.tokenization.formats.tokenizer_json import write_tokenizer_json

        write_tokenizer_json(pipeline, path)
    elif chosen == "vocab.json":
        from cutaway.tokenization.formats.vocab_merges import write_vocab_merges

        write_vocab_merges(pipeline, path)
    elif chosen == "tiktoken":
        from cutaway.tokenization.formats.ranks import write_ranks

        write_ranks(pipeline, path)
    elif chosen == "model":
        from cutaway.tokenization.formats.sentencepiece import write_sentencepiece

        write_sentencepiece(pipeline, path)
    else:
        _write_vocab_txt(pipeline, path)


def _write_vocab_txt(pipeline: Pipeline, path: Path) -> None:
    from cutaway.tokenization.checking import all_tokens

    model, normalizer = pipeline.model, pipeline.normalizer
    usual = isinstance(model, WordPiece) and (model.prefix, model.unknown, model.longest_word) == (
        PREFIX,
        UNKNOWN,
        LONGEST_WORD,
    )
    if not usual or normalizer != Bert():
        raise FormatError(
            f"{pipeline.origin}: a vocab.txt holds the pieces of BERT's uncased WordPiece and nothing else: "
            "save it as tokenizer.json"
        )
    pieces = all_tokens(pipeline).pieces
    if any(not piece or "\n" in piece or piece.endswith("\r") for piece in pieces):
        raise FormatError(f"{pipeline.origin}: a piece is empty or has a line end: save it as tokenizer.json")
    write_text(path, "".join(f"{piece}\n" for piece in pieces))
