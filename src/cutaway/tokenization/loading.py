"""From a name or a path to a pipeline: which file to read, and which reader reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cutaway.core.errors import FormatError, MissingFileError
from cutaway.tokenization.pipeline import Pipeline

_SUFFIXES = (".txt", ".json", ".model", ".tiktoken")
# In a folder, the first of these that is there; a vocab.txt only where BERT's tokenizer goes with it.
_NAMES = (
    "vocab.txt",
    "tokenizer.json",
    "vocab.json",
    "tokenizer.model",
    "sentencepiece.bpe.model",
    "spiece.model",
)
_BERT_CLASSES = ("Bert", "DistilBert", "Electra", "MobileBert")


def load_pipeline(name: str | Path) -> Pipeline:
    """Read a tokenizer.

    Args:
        name: a catalog name, a file, or a folder.

    Raises:
        MissingFileError: the path, or a tokenizer file in the folder, is not there.
        UnknownNameError: the catalog has no such name.
        FormatError: the file is damaged or of a kind that is not supported.
    """
    path = Path(name)
    if not path.exists() and path.name == str(name) and path.suffix not in _SUFFIXES:
        from cutaway.catalog.resolve import resolve

        path = resolve(str(name), part="tokenizer").folder
    return _read(_tokenizer_file(path))


def _read(path: Path) -> Pipeline:
    if path.name == "merges.txt":
        path = path.with_name("vocab.json")
    if path.suffix == ".model":
        from cutaway.tokenization.formats.sentencepiece import read_sentencepiece

        return read_sentencepiece(path)
    if path.suffix == ".tiktoken":
        from cutaway.tokenization.formats.ranks import read_ranks

        return read_ranks(path)
    if path.name.endswith("vocab.json"):
        from cutaway.tokenization.formats.vocab_merges import read_vocab_merges

        return read_vocab_merges(path)
    if path.suffix == ".json":
        from cutaway.tokenization.formats.tokenizer_json import read_tokenizer_json

        return read_tokenizer_json(path)
    return _read_bert(path)


def _read_bert(path: Path) -> Pipeline:
    from cutaway.tokenization.bert import bert_pipeline
    from cutaway.tokenization.formats.vocab_txt import read_vocab_txt
    from cutaway.tokenization.normalizers.bert import Bert

    settings = _settings_beside(path)
    accents = settings.get("strip_accents")
    normalizer = Bert(
        lowercase=settings.get("do_lower_case", True) is not False,
        strip_accents=accents if isinstance(accents, bool) else None,
        handle_chinese_chars=settings.get("tokenize_chinese_chars", True) is not False,
    )
    return bert_pipeline(read_vocab_txt(path), normalizer, origin=str(path))


def _tokenizer_file(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise MissingFileError(
            f"there is no file or folder {path}: give a catalog name or a path that exists"
        )
    for name in _NAMES:
        found = path / name
        if found.is_file() and (name != "vocab.txt" or _is_bert(found)):
            return found
    ranks = sorted(path.glob("*.tiktoken"))
    if len(ranks) == 1:
        return ranks[0]
    raise MissingFileError(
        f"{path} holds neither vocab.txt nor tokenizer.json, nor any of {', '.join(_NAMES[2:])}: "
        "give the folder of a tokenizer"
    )


def _is_bert(path: Path) -> bool:
    """Say whether a vocab.txt is to be read as BERT's; if not, there is a tokenizer.json beside it."""
    kind = _settings_beside(path).get("tokenizer_class")
    known = not isinstance(kind, str) or kind.startswith(_BERT_CLASSES)
    return known or not path.with_name("tokenizer.json").is_file()


def _settings_beside(path: Path) -> dict[str, Any]:
    """Return what a tokenizer_config.json beside the file says; nothing if there is none."""
    beside = path.with_name("tokenizer_config.json")
    if not beside.is_file():
        return {}
    try:
        settings = json.loads(beside.read_bytes())
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{beside} is not JSON: {error}: fetch it again, or remove it") from error
    return settings if isinstance(settings, dict) else {}
