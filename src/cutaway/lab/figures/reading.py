"""A text read by an LSTM, word by word or character by character, whoever trained it.

Legend: T steps, E numbers of a step's vector, H units.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from cutaway.core.errors import DataError, UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.lab.figures.figure import literal
from cutaway.lab.figures.offered import JOB, READER, WEIGHTS, run_place, trained_folder

if TYPE_CHECKING:
    from cutaway.finetuning.reader import Reader
    from cutaway.recurrent.language import LanguageModel
    from cutaway.recurrent.lstm import LSTM

MOST_STEPS = 64
LOADED = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadText:
    """What an LSTM made of a text.

    Attributes:
        trace: gates, cell and hidden state (T, H) of its first layer, `inputs` (T, E).
        layer: the LSTM.
        left_out: words or characters that were not read.
        python: the lines that make `trace`.
    """

    trace: Trace
    layer: LSTM
    left_out: int
    python: tuple[str, ...]


def read_text(text: str, model: str = READER) -> ReadText:
    """Read a text.

    Args:
        text: up to 64 words or characters of it are read.
        model: "lstm-sentiment", or a run of `cutaway finetune --model lstm`, which read words; a training of
            the lab ("job-" and its id) or a run of `cutaway recurrent train`, which read characters.

    Returns:
        The trace, and how to make it again.
    """
    writer = _writer(model)
    return _by_words(text, model) if writer is None else _by_characters(text, writer)


@lru_cache(maxsize=LOADED)
def reader_of(model: str) -> Reader:
    """Return a recurrent classifier, loaded once.

    Args:
        model: "lstm-sentiment", or a run's id or name; never a path.
    """
    from cutaway.finetuning.reader import Reader

    return Reader.load(reader_place(model))


def reader_place(model: str) -> str | Path:
    """Return what `Reader.load` takes.

    Args:
        model: as for `reader_of`.
    """
    return model if model == READER else run_place(model, "lstm")


def _writer(model: str) -> Path | None:
    """Return the folder of a model that writes characters; None where the model reads words."""
    if model.startswith(JOB):
        return trained_folder(model, WEIGHTS)
    if model == READER:
        return None
    from cutaway.lab.experiments.reading import find_run

    return run_place(model, "language") if find_run(model).kind == "language" else None


@lru_cache(maxsize=LOADED)
def _language_model(folder: Path) -> LanguageModel:
    from cutaway.recurrent.language_training import load_language_model

    return load_language_model(folder)


def _by_words(text: str, model: str) -> ReadText:
    from cutaway.tokenization.word_spans import word_spans

    whole = word_spans(text)
    words = whole[:MOST_STEPS]
    if not words:
        raise DataError("the text holds no word: type a sentence")
    read = reader_of(model)
    trace = read.trace(words)
    python = (
        "from cutaway.finetuning.reader import Reader",
        "from cutaway.tokenization.word_spans import word_spans",
        f"reader = Reader.load({literal(str(reader_place(model)))})",
        f"trace = reader.trace(word_spans({literal(text)})[:{MOST_STEPS}])",
    )
    left_out = len(whole) - len(trace.labels["position"])
    return ReadText(trace=trace, layer=read.model.lstm, left_out=left_out, python=python)


def _by_characters(text: str, folder: Path) -> ReadText:
    model = _language_model(folder)
    if not isinstance(model.settings.symbols, str):
        raise UsageError("this model reads a tokenizer's ids: choose one that was trained on characters")
    read = text[:MOST_STEPS]
    if not read:
        raise DataError("the text is empty: type a sentence")
    with torch.no_grad():
        inner = model.lstm.trace(model.embed(model.encode(read)))  # of vectors (T, E)
    rec = Recorder(f"LSTM that writes: {len(read)} characters")
    rec.include(inner)
    rec.label("position", list(read))
    python = (
        "from pathlib import Path",
        "from cutaway.recurrent.language_training import load_language_model",
        f"model = load_language_model(Path({literal(str(folder))}))",
        f"trace = model.lstm.trace(model.embed(model.encode({literal(read)})).detach())",
    )
    return ReadText(trace=rec.finish(), layer=model.lstm, left_out=len(text) - len(read), python=python)
