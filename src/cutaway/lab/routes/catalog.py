"""What the lab can work with: every known name, and whether it is on this machine."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from cutaway.lab.figures.offered import (
    CLASSIFIER,
    READER,
    VECTORS,
    WEIGHTS,
    catalog_names,
    guessers,
    run_offers,
    trained_names,
)

router = APIRouter(prefix="/api")


class Known(BaseModel):
    """One name of the catalog: where it is here, and whether all of it or its tokenizer alone."""

    name: str
    kind: str
    title: str
    license: str
    citation: str
    bytes: int
    here: str | None
    whole: bool
    get: str | None


class Offered(BaseModel):
    """One thing that a figure can be drawn of: what to ask with, and what people call it."""

    name: str
    said: str


class Offers(BaseModel):
    """What the rooms' figures can be drawn of, whether it came with the package or was trained here."""

    vectors: list[Offered]
    readers: list[Offered]
    writers: list[Offered]
    classifiers: list[Offered]
    guessers: list[Offered]


@router.get("/catalog")
async def catalog() -> list[Known]:
    """Return every known name, in the catalog's order."""
    return await run_in_threadpool(_rows)


@router.get("/offers")
async def offers() -> Offers:
    """Return what the figures can be drawn of."""
    return await run_in_threadpool(_offers)


def _offers() -> Offers:
    def told(names: Sequence[str], kind: str) -> list[Offered]:
        known = [Offered(name=name, said=name) for name in names]
        return [*known, *(Offered(name=run.name, said=run.said) for run in run_offers(kind))]

    return Offers(
        vectors=told([*catalog_names("vectors"), *trained_names(VECTORS)], "vectors"),
        readers=told([READER], "lstm"),
        writers=told(trained_names(WEIGHTS), "language"),
        classifiers=told([CLASSIFIER], "finetune"),
        guessers=[Offered(name=model.name, said=model.said) for model in guessers()],
    )


def _rows() -> list[Known]:
    from cutaway.catalog.entry import entries
    from cutaway.catalog.resolve import locate

    rows = []
    for entry in entries().values():
        whole = locate(entry)
        found = whole or locate(entry, "tokenizer")
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
                whole=whole is not None,
                get=None if whole else next(iter(ways), None),
            )
        )
    return rows
