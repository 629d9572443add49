"""The lab's application: the API, the built page, and errors as one line of JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import Scope

from cutaway.core.errors import CutawayError, MissingFileError
from cutaway.core.version import VERSION
from cutaway.lab.answers.answer import Problem
from cutaway.lab.jobs.supervisor import Supervisor
from cutaway.lab.routes import catalog, figures, health, jobs, tour
from cutaway.lab.security import HEADERS, Guard

STATIC = Path(__file__).parent / "static"
# Addresses of the page: its script reads the address and draws the room.
PAGES = frozenset(
    {"tokenization", "embeddings", "recurrent", "transformers", "finetuning", "runs", "catalog"}
)
SERVER_SIDE = frozenset({4, 5})  # exit codes that are not the fault of what was sent


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
    app.add_exception_handler(CutawayError, _own_error)
    app.add_exception_handler(RequestValidationError, _wrong_body)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)
    app.include_router(health.router)
    for room in (tour, figures, catalog, jobs):
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


def _line(status: int, reason: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": " ".join(reason.split())}, status_code=status, headers=headers)


def _own_error(request: Request, error: Exception) -> JSONResponse:
    code = error.exit_code if isinstance(error, CutawayError) else 1
    return _line(503 if code in SERVER_SIDE else 422, str(error))


def _wrong_body(request: Request, error: Exception) -> JSONResponse:
    """Name the first thing that is wrong; what was sent is not sent back."""
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    place = ".".join(str(part) for part in first.get("loc", ()) if part != "body") or "body"
    hint = '; send {"text": "..."}' if request.url.path == "/api/tour" else ""
    return _line(422, f"{place}: {first.get('msg', 'wrong')}{hint}")


def _http_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        return _line(500, "the lab could not answer")
    headers = dict(error.headers) if error.headers else None
    return _line(error.status_code, f"{request.url.path[:200]}: {error.detail}", headers)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    # Answered outside the guard, so its headers are put on here.
    reason = f"unexpected {type(error).__name__}: {error} (a bug: `cutaway lab --debug` shows where)"
    return _line(500, reason, HEADERS)
