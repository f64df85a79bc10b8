"""The broker's exception tree. Each becomes one ProblemDetails document (RFC 9457).

Types and statuses follow ETSI GS CIM 009 V1.9.1 §5.5.2 and Table 6.3.2-1; those the
specification has no word for live under Machi's own prefix. Every client error says what
failed (`detail`), where (`place`) and what to do next (`remedy`).
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

E = TypeVar("E", bound=Exception)

ETSI = "https://uri.etsi.org/ngsi-ld/errors/"
OWN = "urn:machi:error:"


class MachiError(Exception):
    """Base of every error the broker answers with.

    `place` names where the fault lies: a JSON pointer into the body (`body:/temperature/value`),
    a query parameter (`query:limit`), a header (`header:Link`) or a path segment (`path:id`).
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = ETSI + "InternalError"
    title: ClassVar[str] = "Internal error"
    bare: ClassVar[bool] = False
    """Whether the answer has no body: the status says it all (§6.3.4)."""

    def __init__(self, detail: str, *, place: str, remedy: str, **members: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.place = place
        self.remedy = remedy
        self.members = members

    def problem(self) -> dict[str, Any]:
        """Return the ProblemDetails members, ready for JSON."""
        return {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "place": self.place,
            "remedy": self.remedy,
            **self.members,
        }


def untraced(error: E) -> E:
    """Return an error; a refusal without the way to where it was raised.

    That leads through the frames to all they hold, the error among it where one keeps it: a ring
    with what the client sent, which nothing but a rare look for cycles would free.
    """
    if isinstance(error, MachiError):
        error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


class InvalidRequest(MachiError):
    """400: the body is not JSON, or a URL parameter or header is unknown or malformed."""

    status = 400
    type = ETSI + "InvalidRequest"
    title = "Invalid request"


class BadRequestData(MachiError):
    """400: the request parses, but its content breaks a rule of the data model or a grammar."""

    status = 400
    type = ETSI + "BadRequestData"
    title = "Bad request data"


class Unauthorized(MachiError):
    """401: the caller is not known: no key where one is needed, or one that is not valid."""

    status = 401
    type = OWN + "Unauthorized"
    title = "Unauthorized"

    def __init__(self, detail: str, *, place: str, remedy: str, **members: Any) -> None:
        super().__init__(detail, place=place, remedy=remedy, **members)
        self.members.setdefault("www_authenticate", ["Bearer"])


class Forbidden(MachiError):
    """403: the guard refuses this caller."""

    status = 403
    type = OWN + "Forbidden"
    title = "Forbidden"


class TooComplexQuery(MachiError):
    """403: the query would cost more than the broker allows."""

    status = 403
    type = ETSI + "TooComplexQuery"
    title = "Too complex query"


class TooManyResults(MachiError):
    """403: a page was asked for that is larger than the broker serves."""

    status = 403
    type = ETSI + "TooManyResults"
    title = "Too many results"


class ResourceNotFound(MachiError):
    """404: no such entity, attribute, instance or page."""

    status = 404
    type = ETSI + "ResourceNotFound"
    title = "Resource not found"


class NonexistentTenant(MachiError):
    """404: the tenant does not exist and the operation does not create it (§5.5.10)."""

    status = 404
    type = ETSI + "NonexistentTenant"
    title = "Nonexistent tenant"


class MethodNotAllowed(MachiError):
    """405: the resource exists, the method does not."""

    status = 405
    type = OWN + "MethodNotAllowed"
    title = "Method not allowed"


class NotAcceptable(MachiError):
    """406: none of the media types asked for can be produced."""

    status = 406
    type = OWN + "NotAcceptable"
    title = "Not acceptable"


class AlreadyExists(MachiError):
    """409: an entity with this id exists, whatever its type (§5.6.1)."""

    status = 409
    type = ETSI + "AlreadyExists"
    title = "Already exists"


class Conflict(MachiError):
    """409: the change would break a rule of the entity's type (`typeRules`)."""

    status = 409
    type = ETSI + "Conflict"
    title = "Conflict"


class RequestTimeout(MachiError):
    """408: the request did not arrive in time."""

    status = 408
    type = OWN + "RequestTimeout"
    title = "Request timeout"


class LengthRequired(MachiError):
    """411: a body was sent without Content-Length (§6.3.4)."""

    status = 411
    bare = True
    type = OWN + "LengthRequired"
    title = "Length required"


class PreconditionFailed(MachiError):
    """412: `If-Match`, `ifMatch`, `ifNoneMatch` or a `check` did not hold."""

    status = 412
    type = OWN + "PreconditionFailed"
    title = "Precondition failed"


class PayloadTooLarge(MachiError):
    """413: the body is larger than the broker accepts."""

    status = 413
    type = OWN + "PayloadTooLarge"
    title = "Payload too large"


class UriTooLong(MachiError):
    """414: the request's target is longer than the broker accepts."""

    status = 414
    type = OWN + "UriTooLong"
    title = "URI too long"


class UnsupportedMediaType(MachiError):
    """415: Content-Type or Content-Encoding is not one the operation takes.

    `accept` or `accept_encoding` lists what it takes.
    """

    status = 415
    bare = True
    type = OWN + "UnsupportedMediaType"
    title = "Unsupported media type"


class OperationNotSupported(MachiError):
    """422: the broker understands the request and cannot do it."""

    status = 422
    type = ETSI + "OperationNotSupported"
    title = "Operation not supported"


class IdempotencyMismatch(MachiError):
    """422: an `Idempotency-Key` was used before with another body."""

    status = 422
    type = OWN + "IdempotencyMismatch"
    title = "Idempotency key reused"


class UpgradeRequired(MachiError):
    """426: the resource speaks WebSocket only."""

    status = 426
    type = OWN + "UpgradeRequired"
    title = "Upgrade required"


class TooManyRequests(MachiError):
    """429: the caller asks more often, or more in a day, than it may."""

    status = 429
    type = OWN + "TooManyRequests"
    title = "Too many requests"


class TooManyStreams(MachiError):
    """429: the caller listens with as many connections as one caller may have."""

    status = 429
    type = OWN + "TooManyStreams"
    title = "Too many streams"


class HeadersTooLarge(MachiError):
    """431: the request's headers are more, or larger, than the broker accepts."""

    status = 431
    type = OWN + "HeadersTooLarge"
    title = "Request header fields too large"


class ServiceUnavailable(MachiError):
    """503: the broker cannot take the request now (shutting down, disk full, too busy)."""

    status = 503
    type = OWN + "ServiceUnavailable"
    title = "Service unavailable"


class LdContextNotAvailable(MachiError):
    """504: a remote @context could not be fetched (§5.5.7)."""

    status = 504
    type = ETSI + "LdContextNotAvailable"
    title = "@context not available"
