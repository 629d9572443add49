"""Errors as one line of JSON, whatever went wrong: `{"error": "..."}`, and a status that says whose fault."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from cutaway.core.errors import CutawayError
from cutaway.lab.security import HEADERS

SERVER_SIDE = frozenset({4, 5})  # exit codes that are not the fault of what was sent


def answer_errors(app: FastAPI, *, command: str, hints: dict[str, str]) -> None:
    """Let an application answer every error with one line.

    Args:
        app: the application.
        command: that serves it, for the line about a bug.
        hints: what to send, by the route that got something else.
    """

    def wrong_body(request: Request, error: Exception) -> JSONResponse:
        """Name the first thing that is wrong; what was sent is not sent back."""
        first = error.errors()[0] if isinstance(error, RequestValidationError) else {}
        place = ".".join(str(part) for part in first.get("loc", ()) if part != "body") or "body"
        hint = hints.get(request.url.path)
        return line(422, f"{place}: {first.get('msg', 'wrong')}{f'; send {hint}' if hint else ''}")

    def unexpected(request: Request, error: Exception) -> JSONResponse:
        # Answered outside the guard, so its headers are put on here.
        reason = f"unexpected {type(error).__name__}: {error} (a bug: `{command} --debug` shows where)"
        return line(500, reason, HEADERS)

    app.add_exception_handler(CutawayError, _own_error)
    app.add_exception_handler(RequestValidationError, wrong_body)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, unexpected)


def line(status: int, reason: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return an error's answer.

    Args:
        status: of HTTP.
        reason: why, and what to do.
        headers: more of them.
    """
    return JSONResponse({"error": " ".join(reason.split())}, status_code=status, headers=headers)


def _own_error(request: Request, error: Exception) -> JSONResponse:
    code = error.exit_code if isinstance(error, CutawayError) else 1
    seconds = getattr(error, "retry_after", None)
    if seconds is not None:
        return line(429, str(error), {"Retry-After": str(seconds)})
    return line(503 if code in SERVER_SIDE else 422, str(error))


def _http_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        return line(500, "the server could not answer")
    headers = dict(error.headers) if error.headers else None
    return line(error.status_code, f"{request.url.path[:200]}: {error.detail}", headers)
