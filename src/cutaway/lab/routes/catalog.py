"""What the lab can work with: every known name, and whether it is on this machine."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

router = APIRouter(prefix="/api")


class Known(BaseModel):
    """One name of the catalog."""

    name: str
    kind: str
    title: str
    license: str
    citation: str
    bytes: int
    here: str | None
    get: str | None


@router.get("/catalog")
async def catalog() -> list[Known]:
    """Return every known name, in the catalog's order."""
    return await run_in_threadpool(_rows)


def _rows() -> list[Known]:
    from cutaway.catalog.entry import entries
    from cutaway.catalog.resolve import locate

    rows = []
    for entry in entries().values():
        found = locate(entry) or locate(entry, "tokenizer")
        ways = [source.install or f"cutaway catalog fetch {entry.name}" for source in entry.sources]
        rows.append(
            Known(
                name=entry.name,
                kind=entry.kind,
                title=entry.title,
                license=entry.license,
                citation=entry.citation,
                bytes=sum(file.bytes for file in entry.sources[0].files),
                # Where on the disk is nobody's business over HTTP.
                here=found.origin.split(" ")[0] if found else None,
                get=None if found else next(iter(ways), None),
            )
        )
    return rows
