"""One sentence through all five rooms."""

from __future__ import annotations

import json

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from cutaway.lab.answers.tour import Tour
from cutaway.lab.turns import turns

router = APIRouter(prefix="/api")


class TourRequest(BaseModel):
    """The text to take through the rooms."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str


@router.post("/tour", response_model=Tour)
async def tour(request: TourRequest) -> Response:
    """Return what the five rooms made of the text."""
    return Response(await turns.run(lambda: _tour(request.text)), media_type="application/json")


def _tour(text: str) -> bytes:
    from cutaway.tour import tour as take

    # Written here and not on the event loop: the weights of a long text are megabytes of digits.
    return json.dumps(take(text).to_json(), ensure_ascii=False, allow_nan=False).encode()
