"""One sentence through all five rooms, as the API sends it."""

from __future__ import annotations

from cutaway.lab.answers.answer import Answered, Span, Step


class Word(Span):
    """A word of the sentence."""

    text: str


class Token(Span):
    """A token, and which word it belongs to, if to any."""

    token: str
    word: int | None


class NumberedToken(Token):
    """A token with its id."""

    id: int


class Try(Span):
    """One look into the vocabulary."""

    word: int | None
    piece: str
    found: bool


class Tokenization(Answered):
    """Room 1."""

    tokenizer: str
    tokens: list[NumberedToken]
    tries: list[Try]
    steps: list[Step]


class Neighbor(Answered):
    """A near word."""

    word: str
    cosine: float


class WordNeighbors(Answered):
    """One word of the sentence and its nearest words."""

    word: int
    known: bool
    neighbors: list[Neighbor]


class Similarity(Answered):
    """The cosine of every two known words."""

    words: list[int]
    matrix: list[list[float]]


class Closest(Answered):
    """The two words with the highest cosine."""

    a: int
    b: int
    cosine: float


class Embeddings(Answered):
    """Room 2."""

    vectors: str
    words: list[WordNeighbors]
    similarity: Similarity
    closest: Closest | None
    steps: list[Step]


class Gates(Answered):
    """Means over all units, one a word."""

    input: list[float]
    forget: list[float]
    output: list[float]


class Recurrent(Answered):
    """Room 3."""

    model: str
    words: list[int]
    gates: Gates
    cell_norm: list[float]
    probability: list[float]
    steps: list[Step]


class Head(Answered):
    """One attention head."""

    layer: int
    head: int
    score: float
    weights: list[list[float]]


class Transformers(Answered):
    """Room 4."""

    model: str
    tokens: list[Token]
    heads: list[Head]
    steps: list[Step]


class Label(Answered):
    """A label with its score."""

    label: str
    logit: float
    probability: float


class Prediction(Answered):
    """Room 5."""

    model: str
    label: str
    labels: list[Label]
    steps: list[Step]


class Tour(Answered):
    """What the five rooms made of a text."""

    text: str
    words: list[Word]
    tokenization: Tokenization
    embeddings: Embeddings
    recurrent: Recurrent
    transformers: Transformers
    finetuning: Prediction
    notes: list[str]
