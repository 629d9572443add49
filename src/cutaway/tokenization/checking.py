"""What must hold of a tokenizer's tokens, whatever file they came from: ids 0, 1, 2, ... each once."""

from __future__ import annotations

from itertools import islice

from cutaway.core.errors import FormatError
from cutaway.tokenization.pipeline import Pipeline
from cutaway.tokenization.vocabulary import Vocabulary

_SHOWN = 5
_MOST_GAPS = 1 << 16


def all_tokens(pipeline: Pipeline) -> Vocabulary:
    """Return all tokens by id: those of the model and the added ones.

    Args:
        pipeline: the stages.

    Raises:
        FormatError: an id is negative, missing, or taken twice; the first five are listed.
    """
    by_id: dict[int, str] = {}
    bad: list[str] = []
    for token, number in pipeline.model.vocabulary.items():
        if number < 0 or number in by_id:
            bad.append(f"{token!r} has {number}" + (f", as has {by_id[number]!r}" if number in by_id else ""))
        by_id.setdefault(number, token)
    for added in pipeline.added:
        if added.id < 0 or by_id.get(added.id, added.content) != added.content:
            bad.append(f"added token {added.content!r} has {added.id}, as has {by_id.get(added.id)!r}")
        known = pipeline.model.vocabulary.get(added.content, added.id)
        if known != added.id:
            bad.append(f"added token {added.content!r} has {added.id}, but the model has it as {known}")
        by_id.setdefault(added.id, added.content)
    last = max(pipeline.model.vocabulary.values(), default=-1)
    gaps = (number for number in range(last + 1) if number not in by_id)
    bad += [f"no token has {number}" for number in islice(gaps, _SHOWN)]
    # Published encodings leave gaps beyond the model's own ids, but small ones.
    bad += [
        f"added token {added.content!r} has {added.id}, far beyond the others"
        for added in pipeline.added
        if added.id > last + len(pipeline.added) + _MOST_GAPS
    ]
    if bad:
        raise FormatError(
            f"{pipeline.origin}: ids are wrong: {'; '.join(bad[:_SHOWN])}: "
            f"ids must be 0 to {len(by_id) - 1}, each once"
        )
    return Vocabulary([by_id.get(number) for number in range(max(by_id) + 1)], origin=pipeline.origin)
