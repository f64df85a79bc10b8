"""What the client raises: one kind for each thing an app may do about it."""

from __future__ import annotations

from typing import Any, Final

import orjson


class ClientError(Exception):
    """Root of what the client raises."""


class Unreachable(ClientError):
    """No answer: connection refused, broken off, or timed out, after all tries."""


class Refused(ClientError):
    """The broker answered with an error. `problem` is its problem document (RFC 9457)."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(
            f"{status} {problem.get('title', '')}: {problem.get('detail', '')} "
            f"[{problem.get('place', '?')}] {problem.get('remedy', '')}".strip()
        )
        self.status = status
        self.problem = problem


class BadRequest(Refused):
    """400: the request breaks a rule of the data model or of a grammar."""


class Unauthorized(Refused):
    """401: a key is needed, or the one shown opens nothing."""


class Forbidden(Refused):
    """403: the guard refuses this caller, or the query is too complex."""


class NotFound(Refused):
    """404: no such entity, attribute or tenant."""


class AlreadyExists(Refused):
    """409: the entity exists, or the change breaks a rule of its type."""


class PreconditionFailed(Refused):
    """412: a precondition did not hold; in a transaction `problem["operation"]` says which."""


class Unprocessable(Refused):
    """422: understood and not possible, or an idempotency key used again with another body."""


class Unavailable(Refused):
    """5xx, and 429 to who asks too often: the broker does not answer now."""


KINDS: Final[dict[int, type[Refused]]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: AlreadyExists,
    412: PreconditionFailed,
    422: Unprocessable,
    429: Unavailable,
}


def refusal(status: int, content: bytes) -> Refused:
    """Return what an answer of 4xx or 5xx raises."""
    try:
        problem = orjson.loads(content)
    except orjson.JSONDecodeError:
        problem = None
    if not isinstance(problem, dict):
        problem = {
            "title": "Error",
            "status": status,
            "detail": content[:200].decode(errors="replace"),
        }
    kind = KINDS.get(status, Unavailable if status >= 500 else Refused)
    return kind(status, problem)
