"""The rooms' figures, and the question "why this number?" of any cell in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from cutaway.lab.answers.figures import (
    Answer,
    BenchAnswer,
    CutAnswer,
    FadingAnswer,
    GuessAnswer,
    MapAnswer,
    MemoryAnswer,
    PartsAnswer,
    PredictionAnswer,
    TugAnswer,
    ValveAnswer,
    Why,
)
from cutaway.lab.figures.figure import Figure
from cutaway.lab.routes.figure_questions import (
    Adapter,
    Analogy,
    Asked,
    Atlas,
    Bench,
    Counting,
    Cut,
    Fading,
    Guessing,
    Labeling,
    Memory,
    Parts,
    Tug,
    Valve,
    WordMap,
)
from cutaway.lab.turns import turns

router = APIRouter(prefix="/api/figures")

# Pages ask "why" of the figure that they show: the last few stay.
KEPT = 16


@router.post("/cut", response_model=CutAnswer | Why)
async def cut(asked: Cut) -> Response:
    """Return how a tokenizer cuts a text."""
    return await _answer(asked)


@router.post("/tug", response_model=TugAnswer | Why)
async def tug(asked: Tug) -> Response:
    """Return one training step, traced again and again while the vectors move."""
    return await _answer(asked)


@router.post("/analogy", response_model=Answer | Why)
async def analogy(asked: Analogy) -> Response:
    """Return an analogy with its true cosines."""
    return await _answer(asked)


@router.post("/map", response_model=MapAnswer | Why)
async def word_map(asked: WordMap) -> Response:
    """Return words on a plane, and how many true neighbors each keeps."""
    return await _answer(asked)


@router.post("/memory", response_model=MemoryAnswer | Why)
async def memory(asked: Memory) -> Response:
    """Return what a cell holds, split into old writes."""
    return await _answer(asked)


@router.post("/bench", response_model=BenchAnswer | Why)
async def bench(asked: Bench) -> Response:
    """Return one attention head with all its numbers."""
    return await _answer(asked)


@router.post("/adapter", response_model=Answer | Why)
async def adapter(asked: Adapter) -> Response:
    """Return what fine-tuning changed in one matrix."""
    return await _answer(asked)


@router.post("/prediction", response_model=PredictionAnswer | Why)
async def prediction(asked: Labeling) -> Response:
    """Return a label, and what each token did for it."""
    return await _answer(asked)


@router.post("/counting", response_model=Answer | Why)
async def counting(asked: Counting) -> Response:
    """Return how often words meet, beside what GloVe makes of it."""
    return await _answer(asked)


@router.post("/valve", response_model=ValveAnswer | Why)
async def valve(asked: Valve) -> Response:
    """Return what changes when a gate is set by hand."""
    return await _answer(asked)


@router.post("/fading", response_model=FadingAnswer | Why)
async def fading(asked: Fading) -> Response:
    """Return how long a gradient is at every step back."""
    return await _answer(asked)


@router.post("/atlas", response_model=Answer | Why)
async def atlas(asked: Atlas) -> Response:
    """Return what every head of every layer does."""
    return await _answer(asked)


@router.post("/parts", response_model=PartsAnswer | Why)
async def parts(asked: Parts) -> Response:
    """Return what each part wrote towards the answer, and the answer without it."""
    return await _answer(asked)


@router.post("/guess", response_model=GuessAnswer | Why)
async def guess(asked: Guessing) -> Response:
    """Return the words that a model puts behind a mask."""
    return await _answer(asked)


async def _answer(asked: Asked) -> Response:
    return Response(await turns.run(lambda: _written(asked)), media_type="application/json")


def _written(asked: Asked) -> bytes:
    """Write the figure, or why one of its numbers is what it is."""
    made = _made(asked.figure())
    if asked.array is not None:
        chosen = made[asked.snapshot % len(made)] if isinstance(asked, Tug) else made[0]
        return _json(chosen.why(asked.array, asked.index).to_json())
    if isinstance(asked, Tug):
        return _json({"snapshots": [figure.to_json() for figure in made]})
    return _json(made[0].to_json())


@lru_cache(maxsize=KEPT)
def _made(asked: Asked) -> Sequence[Figure]:
    # The rooms are imported by the first figure that needs one: the lab itself starts without torch.
    if isinstance(asked, Cut):
        from cutaway.lab.figures import tokenization

        return [tokenization.cut(asked.text, tokenizer=asked.tokenizer)]
    if isinstance(asked, Memory):
        from cutaway.lab.figures import recurrent

        return [recurrent.memory(asked.text, unit=asked.unit, model=asked.model)]
    if isinstance(asked, Adapter | Labeling | Bench | Atlas | Parts):
        return [_of_a_run(asked)]
    if isinstance(asked, Guessing):
        from cutaway.lab.figures.guessing import guessing

        return [guessing(asked.text, model=asked.model)]
    if isinstance(asked, Valve | Fading):
        from cutaway.lab.figures import gates

        if isinstance(asked, Fading):
            return [gates.fading(asked.gate_bias)]
        setting = gates.Valve(gate=asked.gate, word=asked.word, unit=asked.unit, value=asked.value)
        return [gates.valve(asked.text, setting, model=asked.model)]
    if isinstance(asked, Counting):
        from cutaway.lab.figures.counting import counting as count

        return [count(asked.corpus)]
    from cutaway.lab.figures import embeddings, flat_map

    if isinstance(asked, Tug):
        return embeddings.tug(asked.corpus, asked.sentence, center=asked.center, negatives=asked.negatives)
    if isinstance(asked, WordMap):
        return [flat_map.word_map(asked.words, vectors=asked.vectors)]
    assert isinstance(asked, Analogy)
    return [embeddings.analogy(asked.positive, asked.negative, vectors=asked.vectors)]


def _of_a_run(asked: Adapter | Labeling | Bench | Atlas | Parts) -> Figure:
    from cutaway.lab.experiments.reading import classifier_place
    from cutaway.lab.figures import explanations, finetuning, transformers
    from cutaway.lab.figures.editing import Edit

    place = classifier_place(asked.run)
    if isinstance(asked, Adapter):
        return finetuning.adapter(layer=asked.layer, target=asked.target, place=place)
    if isinstance(asked, Labeling):
        return finetuning.prediction(asked.text, place=place)
    if isinstance(asked, Atlas):
        return explanations.atlas(asked.text, place=place)
    if isinstance(asked, Parts):
        return explanations.answer(asked.text, replacement=asked.replacement, place=place)
    edits = [Edit(**edit.model_dump()) for edit in asked.edits]
    setting = transformers.Bench(layer=asked.layer, head=asked.head, edits=edits, place=place)
    return transformers.bench(asked.text, setting)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
