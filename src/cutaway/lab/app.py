"""The lab's application: the API, the built page, and errors as one line of JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

from cutaway.core.errors import MissingFileError
from cutaway.core.version import VERSION
from cutaway.lab.answers.answer import Problem
from cutaway.lab.errors import answer_errors
from cutaway.lab.jobs.supervisor import Supervisor
from cutaway.lab.routes import catalog, figures, health, jobs, runs, tour
from cutaway.lab.security import Guard

STATIC = Path(__file__).parent / "static"
# Addresses of the page: its script reads the address and draws the room.
PAGES = frozenset(
    {"tokenization", "embeddings", "recurrent", "transformers", "finetuning", "runs", "catalog"}
)


def create_app(*, static: Path | None = None, supervisor: Supervisor | None = None) -> FastAPI:
    """Put the lab together.

    Args:
        static: the folder of the built page; by default the package's own.
        supervisor: starts trainings; by default one whose jobs lie among the runs.

    Returns:
        The application, guarded: nothing reaches a route before Host, Origin and size were checked.

    Raises:
        MissingFileError: the page was never built.
    """
    static = static or STATIC
    if not (static / "index.html").is_file():
        raise MissingFileError(
            f"the lab's page is not built: there is no {static / 'index.html'}; "
            "run `python hatch_build.py` in the source folder, or install the package again"
        )
    app = FastAPI(
        title="Cutaway lab",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan,
        responses={422: {"model": Problem}},
    )
    app.state.supervisor, app.state.streams = supervisor or Supervisor(), 0
    app.add_middleware(Guard)
    answer_errors(app, command="cutaway lab", hints={"/api/tour": '{"text": "..."}'})
    app.include_router(health.router)
    for room in (tour, figures, catalog, jobs, runs):
        app.include_router(room.router)
    app.mount("/", Page(directory=static, html=True))
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.supervisor.close()


class Page(StaticFiles):
    """The built files: those with a hash in their name never change, the page itself is asked for anew."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with the file, and how long it may be kept."""
        response = await super().get_response("index.html" if path.rstrip("/") in PAGES else path, scope)
        fixed = path.startswith("assets/")
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if fixed else "no-cache"
        return response
