"""The rooms' figures, and the question "why this number?" of any cell in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from cutaway.lab.answers.figures import (
    Answer,
    BenchAnswer,
    CutAnswer,
    FadingAnswer,
    MemoryAnswer,
    PartsAnswer,
    PredictionAnswer,
    TugAnswer,
    ValveAnswer,
    Why,
)
from cutaway.lab.figures.figure import Figure
from cutaway.lab.turns import turns

router = APIRouter(prefix="/api/figures")

# Pages ask "why" of the figure that they show: the last few stay.
KEPT = 16

Text = Annotated[str, Field(max_length=200_000)]
Words = Annotated[tuple[Annotated[str, Field(max_length=100)], ...], Field(max_length=40)]


class Asked(BaseModel):
    """What every question of a figure may hold: a cell that is asked why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    array: str | None = Field(default=None, max_length=40)
    index: Annotated[tuple[int, ...], Field(max_length=6)] = ()

    def figure(self) -> Self:
        """Return the figure that is asked for, without the question."""
        return self.model_copy(update={"array": None, "index": ()})


class Cut(Asked):
    """A text and the tokenizer that cuts it."""

    text: Text
    tokenizer: str = Field(default="bpe-reviews", max_length=100)


class Tug(Asked):
    """A small text to learn from, and the step that is watched; `snapshot` is the one that is asked why."""

    corpus: Text
    sentence: Words
    center: int
    negatives: Words
    snapshot: int = 0

    def figure(self) -> Self:
        """Return the training, whichever snapshot is asked."""
        return super().figure().model_copy(update={"snapshot": 0})


class Analogy(Asked):
    """Words to add and to subtract."""

    positive: Words
    negative: Words = ()


class Memory(Asked):
    """A text, and the unit whose memory is split."""

    text: Text
    unit: int = 0


class Bench(Asked):
    """A text, and the head that reads it."""

    text: Text
    layer: int = 1
    head: int = 1


class Adapter(Asked):
    """A trained classifier, and one of the layers that an adapter stands beside."""

    run: str = Field(default="sentiment", max_length=200)
    layer: int = Field(default=6, ge=1, le=1000)
    target: str = Field(default="value", max_length=20)


class Labeling(Asked):
    """A text, and the trained classifier that answers."""

    text: Text
    run: str = Field(default="sentiment", max_length=200)


class Counting(Asked):
    """A small text whose words are counted, and fitted by GloVe."""

    corpus: Text


class Valve(Asked):
    """A text, and one gate that is set by hand; unit −1 stands for all."""

    text: Text
    gate: Literal["forget_gate", "input_gate", "output_gate"] = "forget_gate"
    word: int = 0
    unit: int = -1
    value: float = 0.0


class Fading(Asked):
    """How far open the gates of the networks stand whose gradients are measured."""

    gate_bias: float = Field(default=2.0, ge=-10, le=10)


class Atlas(Asked):
    """A text that all heads read."""

    text: Text


class Parts(Asked):
    """A text whose answer is divided, and what stands in the place of a part that is taken out."""

    text: Text
    replacement: Literal["zero", "mean"] = "zero"


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

        return [recurrent.memory(asked.text, unit=asked.unit)]
    if isinstance(asked, Bench):
        from cutaway.lab.figures import transformers

        return [transformers.bench(asked.text, layer=asked.layer, head=asked.head)]
    if isinstance(asked, Adapter | Labeling):
        return [_of_a_run(asked)]
    if isinstance(asked, Valve | Fading):
        from cutaway.lab.figures import gates

        if isinstance(asked, Fading):
            return [gates.fading(asked.gate_bias)]
        setting = gates.Valve(gate=asked.gate, word=asked.word, unit=asked.unit, value=asked.value)
        return [gates.valve(asked.text, setting)]
    if isinstance(asked, Atlas | Parts):
        from cutaway.lab.figures import explanations

        if isinstance(asked, Atlas):
            return [explanations.atlas(asked.text)]
        return [explanations.answer(asked.text, replacement=asked.replacement)]
    if isinstance(asked, Counting):
        from cutaway.lab.figures.counting import counting as count

        return [count(asked.corpus)]
    from cutaway.lab.figures import embeddings

    if isinstance(asked, Tug):
        return embeddings.tug(asked.corpus, asked.sentence, center=asked.center, negatives=asked.negatives)
    assert isinstance(asked, Analogy)
    return [embeddings.analogy(asked.positive, asked.negative)]


def _of_a_run(asked: Adapter | Labeling) -> Figure:
    from cutaway.lab.experiments.reading import classifier_place
    from cutaway.lab.figures import finetuning

    place = classifier_place(asked.run)
    if isinstance(asked, Adapter):
        return finetuning.adapter(layer=asked.layer, target=asked.target, place=place)
    return finetuning.prediction(asked.text, place=place)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
