"""A room's figure as the API sends it, and the answer to "why this number?"."""

from __future__ import annotations

from typing import Literal

from cutaway.lab.answers.answer import Answered, Step

Plain = str | int | float | bool | None


class Packed(Answered):
    """An array: its bytes, little-endian, in base64."""

    name: str
    axes: list[str]
    shape: list[int]
    dtype: str
    base64: str


class Rows(Answered):
    """A table of plain values."""

    name: str
    columns: list[str]
    rows: list[list[Plain]]


class Trace(Answered):
    """One computation: arrays, tables, and the steps between them."""

    title: str
    arrays: dict[str, Packed]
    tables: dict[str, Rows]
    steps: list[Step]
    labels: dict[str, list[str]]
    facts: dict[str, Plain]


class Source(Answered):
    """The lines of one function, and the number of the first."""

    first: int
    lines: list[str]


class Answer(Answered):
    """A figure: `python` makes the same in a notebook, `answers` are the arrays that can be asked why."""

    trace: Trace
    python: str
    sources: dict[str, Source]
    answers: list[str]


class Piece(Answered):
    """A token of a text, and its id."""

    text: str
    id: int


class Side(Answered):
    """What one tokenizer makes of a text, and how densely it cuts."""

    tokenizer: str
    tokens: list[Piece]
    vocabulary: int
    tokens_per_word: float
    bytes_per_token: float
    unknown_rate: float


class CutAnswer(Answer):
    """A text cut by one tokenizer, the others beside it."""

    text: str
    left_out: int
    kind: Literal["wordpiece", "bpe", "unigram", "other"]
    tokenizers: list[str]
    beside: list[Side]


class TugAnswer(Answered):
    """One training step, once a snapshot."""

    snapshots: list[Answer]


class MemoryAnswer(Answer):
    """A cell's memory: how many units there are, and the heaviest at the end; words that were not read."""

    units: int
    telling: list[int]
    left_out: int


class ValveAnswer(Answer):
    """A gate set by hand: where it had stood, and the label whose probability `answers` holds."""

    units: int
    label: str
    was: float


class FadingAnswer(Answer):
    """Gradients by distance: `lines` are the arrays, one a network."""

    lines: list[str]


class BenchAnswer(Answer):
    """One attention head, and how many there are; tokens that the model had no room for."""

    layers: int
    heads: int
    left_out: int


class MapAnswer(Answer):
    """Words laid flat: those that the table does not have, and how many neighbors are counted."""

    missing: list[str]
    near: int


class GuessAnswer(Answer):
    """Words behind a mask: at which token, of how many masks, out of how many words."""

    place: int
    masks: int
    vocabulary: int


class Group(Answered):
    """Parts of one kind, and what they come to."""

    part: str
    sum: float


class PartsAnswer(Answer):
    """An answer divided among what was written towards it: the groups sum to `total`."""

    groups: list[Group]
    total: float
    answer: float


class Term(Answered):
    """One operand or product of operands."""

    label: str
    factors: list[tuple[str, float]]
    value: float


class Why(Answered):
    """The arithmetic behind one number."""

    name: str
    formula: str
    terms: list[Term]
    join: Literal["sum", "product", "given"]
    then: str
    value: float
    shown: float
    file: str
    symbol: str
    line: int


class Read(Answered):
    """A token that a classifier read, and where it stands in the text, in code points."""

    text: str
    start: int
    end: int


class PredictionAnswer(Answer):
    """A text's label; the attributions sum to its lead over `against`, but for `error`."""

    label: str
    against: str
    confidence: float
    error: float
    tokens: list[Read]
