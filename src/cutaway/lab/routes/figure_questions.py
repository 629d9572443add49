"""What the rooms' figures may be asked: their choices, within bounds, and the cell that is asked why."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(max_length=200)]
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
    vectors: Name = "glove-6b-50d"


class WordMap(Asked):
    """The reader's own words, and whose vectors are laid flat."""

    words: Annotated[tuple[Annotated[str, Field(max_length=100)], ...], Field(max_length=120)]
    vectors: Name = "glove-6b-50d"


class Memory(Asked):
    """A text, the LSTM that reads it, and the unit whose memory is split."""

    text: Text
    unit: int = 0
    model: Name = "lstm-sentiment"


class Number(BaseModel):
    """A number of a head that is set by hand."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    array: Literal["q", "k", "v", "scores"]
    row: int = Field(ge=0)
    column: int = Field(ge=0)
    value: float = Field(ge=-1e6, le=1e6)


class Bench(Asked):
    """A text, the head that reads it, and what is set by hand in it."""

    text: Text
    layer: int = 1
    head: int = 1
    run: Name = "sentiment"
    edits: Annotated[tuple[Number, ...], Field(max_length=50)] = ()


class Adapter(Asked):
    """A trained classifier, and one of the layers that an adapter stands beside."""

    run: Name = "sentiment"
    layer: int = Field(default=6, ge=1, le=1000)
    target: str = Field(default="value", max_length=20)


class Labeling(Asked):
    """A text, and the trained classifier that answers."""

    text: Text
    run: Name = "sentiment"


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
    model: Name = "lstm-sentiment"


class Fading(Asked):
    """How far open the gates of the networks stand whose gradients are measured."""

    gate_bias: float = Field(default=2.0, ge=-10, le=10)


class Atlas(Asked):
    """A text that all heads read."""

    text: Text
    run: Name = "sentiment"


class Parts(Asked):
    """A text whose answer is divided, and what stands in the place of a part that is taken out."""

    text: Text
    replacement: Literal["zero", "mean"] = "zero"
    run: Name = "sentiment"


class Guessing(Asked):
    """A text with a mask, and the pretrained model that guesses what stands behind it."""

    text: Text
    model: Name
