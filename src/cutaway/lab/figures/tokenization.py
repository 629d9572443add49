"""How tokenizers cut a text: the merges of byte pairs, the tries of WordPiece, the lattice of Unigram."""

from __future__ import annotations

from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cutaway.catalog.entry import entries
from cutaway.catalog.resolve import locate
from cutaway.core.errors import DataError, UsageError
from cutaway.core.text import scrub
from cutaway.lab.figures.figure import Figure, literal
from cutaway.lab.jobs.store import all_jobs, find_job, jobs_home
from cutaway.lab.jobs.trainings.tokenizer import FILE

if TYPE_CHECKING:
    from cutaway.tokenization.tokenizer import Tokenizer

MOST_CHARACTERS = 400
# Tokenizers trained in the lab, by this and their job's id.
JOB = "job-"
MOST_JOBS = 5
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
        return Tokenizer.load(_trained(name))
    if name not in names():
        raise UsageError(f"the lab has no tokenizer {name!r}: it has {', '.join(names())}")
    return Tokenizer.load(name)


def names() -> list[str]:
    """Return the tokenizers of the catalog that are on this machine."""
    return [
        known.name
        for known in entries().values()
        if "tokenizer" in (known.kind, *(source.part for source in known.sources))
        and locate(known, "tokenizer")
    ]


def trained_names() -> list[str]:
    """Return the newest tokenizers that were trained in the lab."""
    made = (JOB + job.name for job in all_jobs(jobs_home()) if (job.out / FILE).is_file())
    return list(islice(made, MOST_JOBS))


def _trained(name: str) -> Path:
    """Find the file of a tokenizer that was trained in the lab."""
    path = find_job(jobs_home(), name.removeprefix(JOB)).out / FILE
    if not path.is_file():
        raise UsageError(f"{name!r} left no tokenizer: it was stopped, or trained something else")
    return path


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
    beside = dict.fromkeys([*names(), tokenizer])
    more = {
        "text": read,
        "left_out": max(0, len(text) - MOST_CHARACTERS),
        "kind": kind,
        "tokenizers": list(dict.fromkeys([*beside, *trained_names()])),
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
        tokenizer = str(_trained(tokenizer))
    return "\n".join(
        (
            "import cutaway",
            f"trace = cutaway.Tokenizer.load({literal(tokenizer)}).trace({literal(text)})",
            'trace.table("tokens").rows',
        )
    )
