"""Answers to programs that say what went wrong (RFC 9457)."""

from __future__ import annotations

import orjson
from starlette.responses import Response


def problem(status: int, detail: str, remedy: str) -> Response:
    """Return a ProblemDetails document."""
    body = orjson.dumps({"status": status, "title": detail, "detail": detail, "remedy": remedy})
    return Response(body, status, media_type="application/problem+json")


def away() -> Response:
    """Return the answer while the broker is away."""
    response = problem(503, "The broker gives no answer.", "Ask again in a few seconds.")
    response.headers["Retry-After"] = "5"
    return response
