"""What a job may be asked to train, and how much at most: checked before a process is started."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_CHARACTERS = 200_000


class Data(BaseModel):
    """The reader's own text, or rows of a data set that is known by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str | None = Field(default=None, min_length=1, max_length=MOST_CHARACTERS)
    name: Literal["imdb"] = "imdb"
    limit: int = Field(default=1000, ge=20, le=25_000)


class Settings(BaseModel):
    """What every training has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Data = Data()
    seed: int = Field(default=0, ge=0, le=1_000_000)


class TokenizerTraining(Settings):
    """A tokenizer learned from text."""

    kind: Literal["tokenizer"]
    model: Literal["bpe", "wordpiece", "unigram"] = "bpe"
    vocab_size: int = Field(default=1000, ge=260, le=32_000)


class VectorTraining(Settings):
    """Word vectors learned from the company that words keep; `watch` are words whose neighbors are told."""

    kind: Literal["vectors"]
    model: Literal["skip-gram", "cbow"] = "skip-gram"
    dim: int = Field(default=50, ge=2, le=300)
    window: int = Field(default=5, ge=1, le=20)
    epochs: int = Field(default=5, ge=1, le=500)
    min_count: int = Field(default=1, ge=1, le=1000)
    watch: Annotated[tuple[Annotated[str, Field(max_length=100)], ...], Field(max_length=5)] = ()


class LanguageTraining(Settings):
    """An LSTM that learns to write, character by character."""

    kind: Literal["language"]
    hidden: int = Field(default=96, ge=8, le=512)
    epochs: int = Field(default=10, ge=1, le=200)
    rate: float = Field(default=4e-3, gt=0, le=1)


class FineTuning(Settings):
    """A pretrained encoder fine-tuned on labelled texts; one's own are CSV with columns text and label."""

    kind: Literal["finetune"]
    rank: int = Field(default=8, ge=0, le=64)
    rate: float = Field(default=5e-4, gt=0, le=10)
    epochs: int = Field(default=3, ge=1, le=20)
    max_tokens: int = Field(default=64, ge=8, le=256)


AnyTraining = Annotated[
    TokenizerTraining | VectorTraining | LanguageTraining | FineTuning, Field(discriminator="kind")
]


class Asked(BaseModel):
    """One training, whichever kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    training: AnyTraining
