"""The routes: predict, models, health, metrics. They take names, never paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from cutaway.finetuning.inputs import check_texts
from cutaway.finetuning.predictions import ABSTAIN, check_threshold, labels_of
from cutaway.lab.answers.answer import Problem
from cutaway.lab.serving.batching import Probabilities
from cutaway.lab.serving.messages import (
    Asked,
    Health,
    Limits,
    Model,
    Models,
    Predicted,
    Prediction,
)
from cutaway.lab.serving.metrics import CONTENT_TYPE
from cutaway.lab.serving.served import Served
from cutaway.lab.serving.state import RequestLimits, State

ROUTES = ("/v1/predict", "/v1/models", "/health", "/metrics", "/openapi.json")
WRONGS = {
    404: "no model of that name",
    413: "more bytes, texts or characters than a request may have",
    422: "not the shape of a request, or a text with nothing to read",
    429: "too many texts wait: Retry-After says when to try again",
    503: "no answer in time, or the server is stopping",
}

router = APIRouter()


def state_of(request: Request) -> State:
    """Return the server's state."""
    state: State = request.app.state.server
    return state


Here = Annotated[State, Depends(state_of)]


@router.post(
    "/v1/predict", responses={code: {"model": Problem, "description": why} for code, why in WRONGS.items()}
)
async def predict(asked: Asked, here: Here) -> Predicted:
    """Classify one text or several; requests that come together are computed together.

    Raises:
        HTTPException: 404, 413 or 422.
    """
    served = _model(asked.model, here)
    texts = _texts(asked, here.limits)
    check_threshold(asked.threshold, served.classifier.settings.labels)
    found = await served.answer(texts, seconds=here.limits.seconds)
    return Predicted(
        model=served.name, version=served.version, predictions=_predictions(found, served, asked.threshold)
    )


@router.get("/v1/models")
async def models(here: Here) -> Models:
    """List the models; the first answers where a request names none."""
    return Models(
        models=[
            Model(
                name=served.name,
                version=served.version,
                labels=list(served.classifier.settings.labels),
                base=served.classifier.encoder.name,
                max_tokens=served.classifier.settings.inputs.max_tokens,
                truncation=served.classifier.settings.inputs.truncation,
                precision=served.precision,
            )
            for served in here.models.values()
        ]
    )


@router.get("/health", responses={503: {"model": Health, "description": "the server is stopping"}})
async def health(here: Here, response: Response) -> Health:
    """Tell whether the server takes requests, and what one may have."""
    from cutaway.core.version import VERSION

    limits = here.limits
    response.status_code = 503 if here.stopping else 200
    return Health(
        status="stopping" if here.stopping else "ok",
        version=VERSION,
        models=list(here.models),
        limits=Limits(
            bytes=limits.bytes, texts=limits.texts, characters=limits.characters, seconds=limits.seconds
        ),
    )


@router.get("/metrics", response_class=Response)
async def metrics(here: Here) -> Response:
    """Return the counts in Prometheus's text format."""
    return Response(here.metrics.text(), media_type=CONTENT_TYPE)


def _model(name: str | None, here: State) -> Served:
    if name is None:
        return next(iter(here.models.values()))
    if name not in here.models:
        raise HTTPException(404, f"there is no model {name[:100]!r}: this server has {list(here.models)}")
    return here.models[name]


def _texts(asked: Asked, limits: RequestLimits) -> Sequence[str]:
    if (asked.text is None) == (asked.texts is None):
        raise HTTPException(422, 'send {"text": "..."} or {"texts": ["..."]}')
    texts = [asked.text] if asked.text is not None else asked.texts or []
    if not texts:
        raise HTTPException(422, "texts is empty: send at least one")
    if len(texts) > limits.texts:
        raise HTTPException(413, f"{len(texts)} texts in one request: {limits.texts} may be")
    for at, text in enumerate(texts, start=1):
        if len(text) > limits.characters:
            raise HTTPException(
                413, f"text {at} has {len(text):,} characters: {limits.characters:,} may be read"
            )
    check_texts(texts)
    return texts


def _predictions(found: Probabilities, served: Served, threshold: float | None) -> list[Prediction]:
    classes = served.classifier.settings.labels
    answers = []
    for label, row in zip(labels_of(found, classes, threshold), found.tolist(), strict=True):
        abstained = threshold is not None and label == ABSTAIN
        answers.append(
            Prediction(
                label=None if abstained else label,
                probability=max(row),
                abstained=abstained,
                probabilities=dict(zip(classes, row, strict=True)),
            )
        )
    return answers
