"""Is the lab there, and how much may be sent to it?"""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from cutaway.core.version import VERSION
from cutaway.lab.security import BODY_LIMIT

router = APIRouter(prefix="/api")


class Health(BaseModel):
    """What the page asks for first."""

    version: str
    body_limit: int


@router.get("/health")
async def health() -> Health:
    """Return the version and the most bytes that a request may have."""
    return Health(version=VERSION, body_limit=BODY_LIMIT)
