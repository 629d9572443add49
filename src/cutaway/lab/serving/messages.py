"""What is sent to the prediction server and what it answers: the shapes that OpenAPI shows."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Asked(BaseModel):
    """One text, or several."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"texts": ["A joy to watch.", "Dull."]}]}
    )

    text: str | None = Field(default=None, description="One text.")
    texts: list[str] | None = Field(default=None, description="Several texts; give these or `text`.")
    model: str | None = Field(default=None, description="A name from /v1/models; the first if not given.")
    threshold: float | None = Field(
        default=None, gt=0, le=1, description="Abstain where no label is as likely as this."
    )


class Prediction(BaseModel):
    """The answer to one text."""

    label: str | None = Field(description="The likeliest label; null where the model abstains.")
    probability: float = Field(description="Of the likeliest label, given or not.")
    abstained: bool
    probabilities: dict[str, float]


class Predicted(BaseModel):
    """The answers to one request, in the order of its texts."""

    model: str
    version: str = Field(description="Changes with any weight or setting that decides answers.")
    predictions: list[Prediction]


class Model(BaseModel):
    """A model that this server has."""

    name: str
    version: str
    labels: list[str]
    base: str
    max_tokens: int
    truncation: str
    precision: str


class Models(BaseModel):
    """All models, the one that answers by default first."""

    models: list[Model]


class Limits(BaseModel):
    """What one request may have."""

    bytes: int
    texts: int
    characters: int
    seconds: float


class Health(BaseModel):
    """Whether the server takes requests."""

    status: str = Field(description='"ok", or "stopping" with status 503.')
    version: str
    models: list[str]
    limits: Limits
