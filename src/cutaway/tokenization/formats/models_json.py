"""The model of a tokenizer.json: its vocabulary, and merges or scores."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cutaway.core.errors import FormatError
from cutaway.tokenization.formats.document import Node, short
from cutaway.tokenization.models.word_level import WordLevel
from cutaway.tokenization.models.wordpiece import LONGEST_WORD, WordPiece
from cutaway.tokenization.stages import Model
from cutaway.tokenization.vocabulary import PREFIX

_KINDS = ("BPE", "Unigram", "WordPiece", "WordLevel")
_SHOWN = 5
_MOST_ID = (1 << 31) - 1


def read_model(node: Node) -> Model:
    """Read a model.

    Args:
        node: the object.

    Raises:
        FormatError: a model that is not supported, or a damaged one; the place is named.
    """
    node.expect(dict)
    kind = node["type"].text() if node["type"].given else _guessed(node)
    if kind not in _KINDS:
        node["type"].fail(f"is not supported as a model: there are {', '.join(_KINDS)}")
    try:
        return _READERS[kind](node)
    except FormatError as error:
        if str(error).startswith(str(node.path)):
            raise
        raise FormatError(f"{node.path}: {node.place}: {error}") from error


def _guessed(node: Node) -> str:
    """Older files leave the type out; its members tell."""
    if node["merges"].given:
        return "BPE"
    if isinstance(node.value.get("vocab"), list):
        return "Unigram"
    return "WordPiece" if node["max_input_chars_per_word"].given else "WordLevel"


def read_vocabulary(node: Node) -> dict[str, int]:
    """Read an object of pieces and ids, each id once.

    Args:
        node: the object.

    Raises:
        FormatError: no object, an empty one, or ids that are no whole numbers from 0 on or are taken.
    """
    node.expect(dict)
    ids: dict[str, Any] = node.value
    if not ids:
        node.fail("must hold pieces and ids")
    taken: dict[int, str] = {}
    bad = []
    for piece, number in ids.items():
        if type(number) is not int or not 0 <= number <= _MOST_ID or number in taken:
            bad.append(f"{piece!r}: {short(number)}")
        else:
            taken[number] = piece
    if bad:
        raise FormatError(
            f"{node.path}: {node.place} gives {len(bad)} ids that are out of range or taken: "
            f"{'; '.join(bad[:_SHOWN])}: ids must be 0 to {len(ids) - 1}, each once"
        )
    return ids


def _read_wordpiece(node: Node) -> WordPiece:
    longest = node["max_input_chars_per_word"]
    prefix = node["continuing_subword_prefix"]
    return WordPiece(
        read_vocabulary(node["vocab"]),
        unknown=node["unk_token"].text() if node["unk_token"].given else "[UNK]",
        prefix=prefix.text() if prefix.given else PREFIX,
        longest_word=longest.number(LONGEST_WORD),
        origin=f"{node.path}: {node.place}.vocab",
    )


def _read_word_level(node: Node) -> WordLevel:
    unknown = node["unk_token"]
    return WordLevel(read_vocabulary(node["vocab"]), unknown=unknown.text() if unknown.given else "<unk>")


def _read_bpe(node: Node) -> Model:
    from cutaway.tokenization.models.bpe import BytePairEncoding, BytePairSettings

    if node["dropout"].given and node["dropout"].value != 0:
        node["dropout"].fail("is not supported: encoding would be random")
    unknown, prefix, suffix = (
        node[name].text() if node[name].given else None
        for name in ("unk_token", "continuing_subword_prefix", "end_of_word_suffix")
    )
    settings = BytePairSettings(
        unknown=unknown,
        prefix=prefix or "",
        suffix=suffix or "",
        unknowns="together" if node["fuse_unk"].flag(False) else "each",
        fallback="bytes" if node["byte_fallback"].flag(False) else "none",
        whole_words="first" if node["ignore_merges"].flag(False) else "merged",
    )
    origin = f"{node.path}: {node.place}"
    return BytePairEncoding(
        read_vocabulary(node["vocab"]), _read_merges(node["merges"]), settings, origin=origin
    )


def _read_merges(node: Node) -> list[tuple[str, str]]:
    node.expect(list)
    merges = []
    for at, entry in enumerate(node.value):
        parts = entry.split(" ") if isinstance(entry, str) else entry
        if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(part, str) for part in parts):
            Node(entry, f"{node.place}[{at}]", node.path).fail("must be two pieces")
        merges.append((parts[0], parts[1]))
    return merges


def _read_unigram(node: Node) -> Model:
    from cutaway.tokenization.models.unigram import Unigram

    pieces = []
    node["vocab"].expect(list)
    for at, entry in enumerate(node["vocab"].value):
        here = Node(entry, f"{node.place}.vocab[{at}]", node.path)
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[0], str):
            here.fail("must be a piece and its score")
        if type(entry[1]) not in (int, float) or not math.isfinite(entry[1]):
            here.fail("must be a piece and its score, a finite number")
        pieces.append((entry[0], float(entry[1])))
    return Unigram(
        pieces,
        unknown_id=node["unk_id"].number(0) if node["unk_id"].given else None,
        fallback="bytes" if node["byte_fallback"].flag(False) else "none",
        origin=f"{node.path}: {node.place}",
    )


_READERS = {
    "BPE": _read_bpe,
    "Unigram": _read_unigram,
    "WordPiece": _read_wordpiece,
    "WordLevel": _read_word_level,
}


def write_model(model: Model, origin: str) -> dict[str, Any]:
    """Return the object that describes a model.

    Args:
        model: the model.
        origin: which tokenizer, for an error message.

    Raises:
        FormatError: tokenizer.json has no model of this kind.
    """
    vocabulary = _in_order(model.vocabulary)
    if isinstance(model, WordPiece):
        return {
            "type": "WordPiece",
            "unk_token": model.unknown,
            "continuing_subword_prefix": model.prefix,
            "max_input_chars_per_word": model.longest_word,
            "vocab": vocabulary,
        }
    if isinstance(model, WordLevel):
        return {"type": "WordLevel", "vocab": vocabulary, "unk_token": model.unknown}
    name = type(model).__name__
    if name == "BytePairEncoding":
        return _written_bpe(model, vocabulary)
    if name == "Unigram":
        return _written_unigram(model, origin)
    raise FormatError(f"{origin}: tokenizer.json has no model {name}")


def _written_bpe(model: Any, vocabulary: dict[str, int]) -> dict[str, Any]:
    from cutaway.tokenization.formats.merges import merges_of

    settings = model.settings
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": settings.unknown,
        "continuing_subword_prefix": settings.prefix or None,
        "end_of_word_suffix": settings.suffix or None,
        "fuse_unk": settings.unknowns == "together",
        "byte_fallback": settings.fallback == "bytes",
        "ignore_merges": settings.whole_words == "first",
        "vocab": vocabulary,
        "merges": [list(merge) for merge in merges_of(model)],
    }


def _written_unigram(model: Any, origin: str) -> dict[str, Any]:
    if model.hidden or model.symbols:
        raise FormatError(
            f"{origin}: tokenizer.json has no pieces that text cannot spell: save it as a .model file"
        )
    return {
        "type": "Unigram",
        "unk_id": model.unknown_id,
        "vocab": [[piece, model.scores[at]] for piece, at in model.vocabulary.items()],
        "byte_fallback": model.fallback == "bytes",
    }


def _in_order(vocabulary: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(vocabulary.items(), key=lambda item: item[1]))
