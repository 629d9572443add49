"""How tokenizers cut a text: the merges of byte pairs, the tries of WordPiece, the lattice of Unigram."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from cutaway.core.errors import DataError, UsageError
from cutaway.core.text import scrub
from cutaway.lab.figures.figure import Figure, literal
from cutaway.lab.figures.offered import JOB, catalog_names, trained_folder, trained_names
from cutaway.lab.jobs.trainings.tokenizer import FILE

if TYPE_CHECKING:
    from cutaway.tokenization.tokenizer import Tokenizer

MOST_CHARACTERS = 400
COLUMNS = {"tries": "wordpiece", "rank": "bpe", "score": "unigram"}


@cache
def tokenizer_of(name: str) -> Tokenizer:
    """Return a tokenizer, loaded once a process.

    Args:
        name: a catalog name, or "job-" and the id of a training; never a path.

    Raises:
        UsageError: it is neither.
    """
    from cutaway.tokenization.tokenizer import Tokenizer

    if name.startswith(JOB):
        return Tokenizer.load(trained_folder(name, FILE) / FILE)
    names = catalog_names("tokenizer")
    if name not in names:
        raise UsageError(f"the lab has no tokenizer {name!r}: it has {', '.join(names)}")
    return Tokenizer.load(name)


def cut(text: str, *, tokenizer: str) -> Figure:
    """Trace a text through one tokenizer, and lay the results of the others beside it.

    Args:
        text: its first 400 characters are read.
        tokenizer: a catalog name, or a training's.

    Returns:
        The trace; `more` tells the model's kind, the tokens of every tokenizer, and what was left out.

    Raises:
        DataError: the text is empty.
        UsageError: there is no such tokenizer.
    """
    read = scrub(text)[:MOST_CHARACTERS]
    if not read.strip():
        raise DataError("the text holds no word: type a sentence")
    trace = tokenizer_of(tokenizer).trace(read)
    columns = trace.tables["steps"].columns if "steps" in trace.tables else ("tries",)
    kind = next((kind for column, kind in COLUMNS.items() if column in columns), "other")
    beside = dict.fromkeys([*catalog_names("tokenizer"), tokenizer])
    more = {
        "text": read,
        "left_out": max(0, len(text) - MOST_CHARACTERS),
        "kind": kind,
        "tokenizers": list(dict.fromkeys([*beside, *trained_names(FILE)])),
        "beside": [_beside(name, read) for name in beside],
    }
    return Figure(trace=trace, python=_python(read, tokenizer), more=more)


def _beside(name: str, text: str) -> dict[str, Any]:
    """Return what one tokenizer makes of the text, and how densely it cuts."""
    from cutaway.tokenization.comparing import corpus_measures, cut_by_each

    tokenizer = tokenizer_of(name)
    measured = corpus_measures(tokenizer, [text]).measures()
    return {
        "tokenizer": name,
        "tokens": [
            {"text": part, "id": number} for part, number in cut_by_each(text, {name: tokenizer})[name]
        ],
        "vocabulary": measured["vocabulary"],
        "tokens_per_word": measured["tokens_per_word"],
        "bytes_per_token": measured["bytes_per_token"],
        "unknown_rate": measured["unknown_rate"],
    }


def _python(text: str, tokenizer: str) -> str:
    if tokenizer.startswith(JOB):
        tokenizer = str(trained_folder(tokenizer, FILE) / FILE)
    return "\n".join(
        (
            "import cutaway",
            f"trace = cutaway.Tokenizer.load({literal(tokenizer)}).trace({literal(text)})",
            'trace.table("tokens").rows',
        )
    )
