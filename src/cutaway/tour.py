"""One sentence through all five rooms: the traces of each, and the panels drawn from them.

A tour computes nothing of its own. Each panel is read off a trace, and what ties the panels together
is the words of the sentence: every token, vector, gate and attention weight knows the characters that
it came from.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from cutaway.core.errors import DataError
from cutaway.core.text import scrub
from cutaway.core.trace import Trace
from cutaway.tokenization.word_spans import WordSpan, word_spans

if TYPE_CHECKING:
    from cutaway.embeddings.vectors import WordVectors
    from cutaway.finetuning.classifier import Classifier
    from cutaway.finetuning.reader import Reader
    from cutaway.tokenization.tokenizer import Tokenizer

TOKENIZER = "bert-base-uncased"
VECTORS = "glove-6b-50d"
RECURRENT = "lstm-sentiment"
CLASSIFIER = "sentiment"

# A picture of more words cannot be read; what is beyond is left out, and the tour says so.
MOST_WORDS = 64
MOST_CHARACTERS = 2000
NEIGHBORS = 5
HEADS = 4

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Tour:
    """A sentence and what each room made of it.

    Attributes:
        text: what was read, lone surrogates replaced.
        words: the spine: words and punctuation with their characters.
        tokenization, embeddings, recurrent, classifier: the traces; embeddings is None where GloVe
            knows none of the words.
        heads: the most telling attention heads, best first: (layer, head, score).
        seconds: how long each room took.
        notes: what the reader must know: words left out, words unknown.
    """

    text: str
    words: Sequence[WordSpan]
    tokenization: Trace
    embeddings: Trace | None
    recurrent: Trace
    classifier: Trace
    heads: Sequence[tuple[int, int, float]]
    seconds: dict[str, float] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def to_json(self) -> Json:
        """Return the five panels as plain values, for the terminal, the page and the lab."""
        return {
            "text": self.text,
            "words": [word._asdict() for word in self.words],
            "tokenization": _tokenization_panel(self),
            "embeddings": _embeddings_panel(self),
            "recurrent": _recurrent_panel(self),
            "transformers": _transformers_panel(self),
            "finetuning": _finetuning_panel(self),
            "notes": list(self.notes),
        }


def tour(text: str) -> Tour:
    """Lead one sentence through all five rooms.

    Args:
        text: any string; the first 64 words (2,000 characters) are read.

    Returns:
        The tour, its traces and its panels.

    Raises:
        DataError: there is no word in the text.

    Example:
        >>> tour("I love learning about LLMs").to_json()["finetuning"]["label"]
        'positive'
    """
    whole = scrub(text)
    read, notes = _cut(whole)
    words = word_spans(read)
    if not words:
        raise DataError("the text holds no word: type a sentence")
    rooms = _rooms()
    clock = _Clock()
    tokens = clock("tokenization", lambda: rooms.tokenizer.trace(read))
    known = _known(words, rooms.vectors)
    notes += _unknown_note(words, known)
    embeddings = clock("embeddings", lambda: _trace_embeddings(words, known, rooms.vectors))
    recurrent = clock("recurrent", lambda: rooms.reader.trace(words))
    classifier = clock("finetuning", lambda: rooms.classifier.trace(read))
    heads = _telling_heads(classifier)
    return Tour(
        text=read,
        words=words,
        tokenization=tokens,
        embeddings=embeddings,
        recurrent=recurrent,
        classifier=classifier,
        heads=heads,
        seconds=clock.seconds,
        notes=notes,
    )


@dataclass(frozen=True, kw_only=True)
class _Rooms:
    """The models, loaded once a process."""

    tokenizer: Tokenizer
    vectors: WordVectors
    reader: Reader
    classifier: Classifier


@cache
def _rooms() -> _Rooms:
    from cutaway.embeddings.vectors import WordVectors
    from cutaway.finetuning.classifier import Classifier
    from cutaway.finetuning.reader import Reader
    from cutaway.tokenization.tokenizer import Tokenizer

    return _Rooms(
        tokenizer=Tokenizer.load(TOKENIZER),
        vectors=WordVectors.load(VECTORS),
        reader=Reader.load(RECURRENT),
        classifier=Classifier.load(CLASSIFIER),
    )


class _Clock:
    """Measures each room."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def __call__(self, room: str, compute: Any) -> Any:
        started = time.perf_counter()
        result = compute()
        self.seconds[room] = time.perf_counter() - started
        return result


def _cut(text: str) -> tuple[str, list[str]]:
    """Return what is read of a text, cut behind a word, and what there is to say about it."""
    start = text[:MOST_CHARACTERS]
    words = word_spans(start)
    if len(words) > MOST_WORDS:
        start = start[: words[MOST_WORDS - 1].end]
    elif len(text) > MOST_CHARACTERS and len(words) > 1 and re.match(r"\w\w", text[MOST_CHARACTERS - 1 :]):
        start = start[: words[-2].end]
    if len(start.strip()) == len(text.strip()):
        return text, []
    return start, [f"the tour reads the first {len(start):,} of {len(text):,} characters"]


def _known(words: Sequence[WordSpan], vectors: WordVectors) -> dict[int, str]:
    """Return, for each word that the vectors know, how they spell it."""
    return {at: word.text.lower() for at, word in enumerate(words) if word.text.lower() in vectors}


def _unknown_note(words: Sequence[WordSpan], known: dict[int, str]) -> list[str]:
    unknown = sorted({word.text for at, word in enumerate(words) if at not in known})
    if not unknown:
        return []
    more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
    return [f"{VECTORS} does not know {', '.join(unknown[:5])}{more}"]


def _trace_embeddings(words: Sequence[WordSpan], known: dict[int, str], vectors: WordVectors) -> Trace | None:
    from cutaway.embeddings.sentence import trace_words

    distinct = list(dict.fromkeys(known.values()))
    return trace_words(vectors, distinct, topn=NEIGHBORS) if distinct else None


def _telling_heads(trace: Trace) -> list[tuple[int, int, float]]:
    from cutaway.transformers.heads import most_telling

    return [(head.layer, head.head, head.score) for head in most_telling(trace, HEADS)]


def _word_at(words: Sequence[WordSpan], start: int, end: int) -> int | None:
    """Return the word that a span of characters overlaps, if any."""
    for at, word in enumerate(words):
        if start < word.end and end > word.start:
            return at
    return None


def _steps(trace: Trace | None, *outputs: str) -> list[Json]:
    return [trace.step(output).to_json() for output in outputs] if trace else []


def _tokenization_panel(tour: Tour) -> Json:
    trace = tour.tokenization
    spine = {}
    for number, _, start, end in trace.table("words").rows:
        spine[number] = _word_at(tour.words, int(start or 0), int(end or 0))
    tokens = [
        {"token": token, "id": token_id, "start": start, "end": end, "word": spine.get(word)}
        for _, token, token_id, start, end, word in trace.table("tokens").rows
    ]
    tries = [
        {"word": spine.get(word), "start": start, "end": end, "piece": piece, "found": found}
        for word, _, start, end, piece, found, _ in trace.table("tries").rows
    ]
    return {
        "tokenizer": TOKENIZER,
        "tokens": tokens,
        "tries": tries,
        "steps": _steps(trace, "characters", "words", "tries", "tokens"),
    }


def _embeddings_panel(tour: Tour) -> Json:
    trace = tour.embeddings
    shown = list(trace.labels["word"]) if trace else []
    first = {word: at for at, word in reversed(list(enumerate(w.text.lower() for w in tour.words)))}
    near: dict[str, list[Json]] = {word: [] for word in shown}
    for word, _, neighbor, cosine in trace.table("neighbors").rows if trace else ():
        near[str(word)].append({"word": neighbor, "cosine": cosine})
    matrix = trace["cosines"].tolist() if trace else []
    pairs = [(matrix[a][b], a, b) for a in range(len(shown)) for b in range(a)]
    best = max(pairs, default=None)
    return {
        "vectors": VECTORS,
        "words": [
            {"word": at, "known": word.text.lower() in near, "neighbors": near.get(word.text.lower(), [])}
            for at, word in enumerate(tour.words)
        ],
        "similarity": {"words": [first[word] for word in shown], "matrix": matrix},
        "closest": best and {"a": first[shown[best[2]]], "b": first[shown[best[1]]], "cosine": best[0]},
        "steps": _steps(trace, "units", "cosines", "neighbors"),
    }


def _recurrent_panel(tour: Tour) -> Json:
    trace = tour.recurrent
    positive = trace.labels["class"].index("positive")
    names = {"input": "input_gate", "forget": "forget_gate", "output": "output_gate"}
    return {
        "model": RECURRENT,
        "words": list(range(len(tour.words))),
        "gates": {name: trace[array].mean(axis=1).tolist() for name, array in names.items()},
        "cell_norm": np.sqrt((trace["cell"] ** 2).sum(axis=1)).tolist(),
        "probability": trace["running"][:, positive].tolist(),
        "steps": _steps(trace, *names.values(), "cell", "hidden", "running"),
    }


def _transformers_panel(tour: Tour) -> Json:
    trace = tour.classifier
    tokens = [
        {
            "token": token,
            "start": start,
            "end": end,
            "word": _word_at(tour.words, int(start or 0), int(end or 0)) if start != end else None,
        }
        for token, _, start, end in trace.table("tokens").rows
    ]
    heads = [
        {"layer": layer, "head": head, "score": score, "weights": trace["weights"][layer, head].tolist()}
        for layer, head, score in tour.heads
    ]
    return {
        "model": CLASSIFIER,
        "tokens": tokens,
        "heads": heads,
        "steps": _steps(trace, "q", "k", "scores", "weights", "mixed"),
    }


def _finetuning_panel(tour: Tour) -> Json:
    trace = tour.classifier
    names, p = trace.labels["label"], trace["probabilities"]
    labels = [
        {"label": name, "logit": logit, "probability": probability}
        for name, logit, probability in zip(names, trace["logits"].tolist(), p.tolist(), strict=True)
    ]
    return {
        "model": CLASSIFIER,
        "label": names[int(p.argmax())],
        "labels": labels,
        "steps": _steps(trace, "pooled", "logits", "probabilities"),
    }
