"""tokenizer.json: a whole pipeline in one document. Here BERT's uncased WordPiece, and nothing else yet.

A file is accepted only if every part of it says what this room computes; a part that says anything
else is named in the error, so that no file is read as something that it is not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cutaway.core.errors import FormatError
from cutaway.tokenization.models.wordpiece import LONGEST_WORD
from cutaway.tokenization.vocabulary import PREFIX, UNKNOWN, Vocabulary

# Where each value stands in the document, and the values under which we compute the same.
_EXPECTED: dict[tuple[str, ...], tuple[Any, ...]] = {
    ("model", "type"): ("WordPiece",),
    ("model", "continuing_subword_prefix"): (PREFIX,),
    ("model", "unk_token"): (UNKNOWN,),
    ("model", "max_input_chars_per_word"): (LONGEST_WORD,),
    ("normalizer", "type"): ("BertNormalizer",),
    ("normalizer", "clean_text"): (True,),
    ("normalizer", "handle_chinese_chars"): (True,),
    ("normalizer", "strip_accents"): (None, True),
    ("normalizer", "lowercase"): (True,),
    ("pre_tokenizer", "type"): ("BertPreTokenizer",),
}
_PLAIN_FLAGS = ("single_word", "lstrip", "rstrip", "normalized")
_SHOWN = 5


def read_tokenizer_json(path: Path) -> Vocabulary:
    """Read the vocabulary of a tokenizer.json of BERT's uncased family.

    Args:
        path: the file.

    Raises:
        FormatError: not JSON, a part of another kind, or a damaged vocabulary; the message names the
            place in the document.
    """
    document = _parse(path)
    for place, allowed in _EXPECTED.items():
        value = _at(document, place, path)
        if not any(type(value) is type(known) and value == known for known in allowed):
            raise FormatError(
                f"{path}: {'.'.join(place)} is {_short(value)}, and only {_short(allowed[-1])} is supported: "
                "take a tokenizer of BERT's uncased WordPiece family"
            )
    vocabulary = Vocabulary(_pieces(_at(document, ("model", "vocab"), path), path), origin=str(path))
    _check_added(document.get("added_tokens", []), vocabulary, path)
    return vocabulary


def _parse(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except RecursionError as error:
        raise FormatError(f"{path} is nested too deeply to be a tokenizer: fetch it again") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: byte {error.start} is not valid UTF-8: fetch it again") from error
    except json.JSONDecodeError as error:
        raise FormatError(
            f"{path}: line {error.lineno}, column {error.colno}: {error.msg}: fetch it again"
        ) from error
    if not isinstance(document, dict):
        raise FormatError(f"{path} holds a {type(document).__name__}, not a JSON object: fetch it again")
    return document


def _at(document: dict[str, Any], place: tuple[str, ...], path: Path) -> Any:
    value: Any = document
    for depth, name in enumerate(place):
        if not isinstance(value, dict) or name not in value:
            raise FormatError(
                f"{path} has no {'.'.join(place[: depth + 1])}: it is not a whole tokenizer.json"
            )
        value = value[name]
    return value


def _pieces(ids: Any, path: Path) -> list[str]:
    """Return the pieces in the order of their ids, which must be 0, 1, 2, ... each once."""
    if not isinstance(ids, dict):
        raise FormatError(f"{path}: model.vocab is {_short(ids)}, not an object of pieces and ids")
    pieces: list[str | None] = [None] * len(ids)
    bad = []
    for piece, token_id in ids.items():
        if type(token_id) is int and 0 <= token_id < len(ids) and pieces[token_id] is None:
            pieces[token_id] = piece
        else:
            bad.append(f"{piece!r}: {_short(token_id)}")
    if bad:
        raise FormatError(
            f"{path}: model.vocab gives {len(bad)} ids that are out of range or taken: "
            f"{'; '.join(bad[:_SHOWN])}: ids must be 0 to {len(ids) - 1}, each once"
        )
    return [piece for piece in pieces if piece is not None]


def _check_added(added: Any, vocabulary: Vocabulary, path: Path) -> None:
    """Accept added tokens that only repeat the special tokens of the vocabulary."""
    if not isinstance(added, list) or not all(isinstance(token, dict) for token in added):
        raise FormatError(f"{path}: added_tokens is {_short(added)}, not a list of objects")
    for token in added:
        content = token.get("content")
        known = vocabulary.special.get(content) if isinstance(content, str) else None
        if known is None or token.get("id") != known:
            raise FormatError(f"{path}: added token {_short(content)} is not one of BERT's special tokens")
        if any(token.get(flag, False) for flag in _PLAIN_FLAGS):
            raise FormatError(
                f"{path}: added token {content} has options that are not supported: {_short(token)}"
            )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
