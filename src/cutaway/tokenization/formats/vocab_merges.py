"""vocab.json and merges.txt: byte-level BPE as GPT-2 and RoBERTa were published, pieces and merges apart."""

from __future__ import annotations

import json
from pathlib import Path

from cutaway.core.errors import FormatError, MissingFileError
from cutaway.core.files import write_text
from cutaway.core.text import read_lines
from cutaway.tokenization.added import AddedToken
from cutaway.tokenization.decoders.bytes import ByteLevelDecoder
from cutaway.tokenization.formats.document import read_document
from cutaway.tokenization.formats.merges import merges_of
from cutaway.tokenization.formats.models_json import read_vocabulary
from cutaway.tokenization.models.bpe import BytePairEncoding, BytePairSettings
from cutaway.tokenization.pipeline import Padding, Pipeline
from cutaway.tokenization.post.byte_level import ByteLevelProcessing
from cutaway.tokenization.post.families import RobertaProcessing
from cutaway.tokenization.splitters.byte_level import ByteLevelSplitter

_FIRST_LINE = "#version: 0.2"
_END = "<|endoftext|>"
_ROBERTA = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_SHOWN = 5


def read_vocab_merges(path: Path) -> Pipeline:
    """Read a vocab.json and the merges.txt beside it.

    A vocabulary with <s>, </s> and <mask> is read as RoBERTa's, any other as GPT-2's.

    Args:
        path: the vocab.json.

    Raises:
        MissingFileError: there is no merges.txt beside it.
        FormatError: either file is damaged.
    """
    vocabulary = read_vocabulary(read_document(path))
    beside = path.with_name(path.name.removesuffix("vocab.json") + "merges.txt")
    if not beside.is_file():
        raise MissingFileError(f"{path} has no {beside.name} beside it: put both files into one folder")
    model = BytePairEncoding(vocabulary, _read_merges(beside), BytePairSettings(), origin=str(beside))
    if all(token in vocabulary for token in ("<s>", "</s>", "<mask>")):
        return _roberta(model, path)
    end = (AddedToken(id=vocabulary[_END], content=_END),) if _END in vocabulary else ()
    return Pipeline(
        model=model,
        splitter=ByteLevelSplitter(add_prefix_space=False),
        post=ByteLevelProcessing(add_prefix_space=False, trim_offsets=False),
        decoder=ByteLevelDecoder(),
        added=end,
        origin=str(path),
    )


def _roberta(model: BytePairEncoding, path: Path) -> Pipeline:
    ids = model.vocabulary
    added = tuple(
        AddedToken(id=ids[token], content=token, lstrip=token == "<mask>")
        for token in _ROBERTA
        if token in ids
    )
    return Pipeline(
        model=model,
        splitter=ByteLevelSplitter(add_prefix_space=False),
        post=RobertaProcessing(sep=("</s>", ids["</s>"]), cls=("<s>", ids["<s>"]), add_prefix_space=False),
        decoder=ByteLevelDecoder(),
        added=added,
        padding=Padding(pad_id=ids["<pad>"], pad_token="<pad>") if "<pad>" in ids else None,
        origin=str(path),
    )


def _read_merges(path: Path) -> list[tuple[str, str]]:
    merges = []
    bad = []
    for number, line in enumerate(read_lines(path), 1):
        parts = line.split(" ")
        if len(parts) == 2 and all(parts) and not line.startswith("#version"):
            merges.append((parts[0], parts[1]))
        elif line and not line.startswith("#version"):
            bad.append(f"line {number}: {line!r}")
    if bad:
        raise FormatError(
            f"{path}: {len(bad)} lines are not two pieces: {'; '.join(bad[:_SHOWN])}: fetch the file again"
        )
    return merges


def write_vocab_merges(pipeline: Pipeline, path: Path) -> None:
    """Write a vocab.json, and merges.txt beside it.

    Args:
        pipeline: a byte-level BPE.
        path: the vocab.json.

    Raises:
        FormatError: the model is of another kind.
        ResourceError: the disk is full or the folder cannot be written.
    """
    model = pipeline.model
    if not isinstance(model, BytePairEncoding) or model.settings != BytePairSettings():
        raise FormatError(
            f"{pipeline.origin}: vocab.json and merges.txt hold a byte-level BPE, which this is not: "
            "save it as tokenizer.json"
        )
    merges = "".join(f"{left} {right}\n" for left, right in merges_of(model))
    ordered = dict(sorted(model.vocabulary.items(), key=lambda item: item[1]))
    for token in pipeline.added:
        ordered.setdefault(token.content, token.id)
    write_text(
        path.with_name(path.name.removesuffix("vocab.json") + "merges.txt"), f"{_FIRST_LINE}\n{merges}"
    )
    write_text(path, json.dumps(ordered, ensure_ascii=False) + "\n")
