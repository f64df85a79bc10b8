"""Errors that every engine answers in the same words, and the encoding that raises one."""

from __future__ import annotations

from typing import Any

import orjson

from broker.errors import BadRequestData, NonexistentTenant, ServiceUnavailable, TooComplexQuery


def nonexistent(tenant: str) -> NonexistentTenant:
    """Return the error for a tenant nobody created."""
    return NonexistentTenant(
        f"There is no tenant {tenant!r}.",
        place="header:NGSILD-Tenant",
        remedy="Check the name, or create an entity in the tenant: that creates it.",
    )


def closed() -> ServiceUnavailable:
    """Return the error for work that comes after the store was closed."""
    return ServiceUnavailable(
        "The store is closed.",
        place="store",
        remedy="Repeat the request once the broker runs again.",
    )


def not_committed(reason: str) -> ServiceUnavailable:
    """Return the error for a commit that failed; nothing of it is stored."""
    return ServiceUnavailable(
        f"The store could not commit the change: {reason}.",
        place="store",
        remedy="Repeat the request later; see to free space and health of the broker's disk.",
    )


def too_long(seconds: float) -> TooComplexQuery:
    """Return the error for a query that used up its time."""
    return TooComplexQuery(
        f"The query was stopped after {seconds:g} s.",
        place="query:",
        remedy="Add a type, an id or a more selective condition, or leave out count.",
    )


def encode(document: Any) -> bytes:
    """Return a document as JSON; raises BadRequestData for what JSON in 64 bits cannot hold."""
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError as error:
        raise BadRequestData(
            f"The entity cannot be stored as JSON: {error}.",
            place="body:",
            remedy="Use integers of at most 64 bits, valid Unicode and less nesting.",
        ) from error
