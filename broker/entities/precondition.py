"""Preconditions on an entity's version: `If-Match` and its counterpart in transactions.

An ETag is `"v<version>-<hash of the representation>"`. A precondition looks at the version
only, so that a tag read in one representation guards a write made in another.
"""

from __future__ import annotations

import re

from broker.errors import BadRequestData, PreconditionFailed

_TAG = re.compile(r'\s*(?:W/)?"?v(\d{1,18})(?:-[0-9A-Za-z]+)?"?\s*')


def parse_if_match(text: str, place: str) -> frozenset[int] | None:
    """Return the versions `text` accepts, or None for `*` (any version, but it must exist)."""
    if text.strip() == "*":
        return None
    versions = []
    for part in text.split(","):
        match = _TAG.fullmatch(part)
        if match is None:
            raise BadRequestData(
                "This is not an entity tag of this broker.",
                place=place,
                remedy='Send the ETag of a response as it came, such as "v3-1f2e", or `*`.',
            )
        versions.append(int(match[1]))
    return frozenset(versions)


def check_version(
    accepted: frozenset[int] | None, version: int | None, entity_id: str, place: str
) -> None:
    """Raise PreconditionFailed unless the entity exists at one of the accepted versions."""
    if version is None:
        raise PreconditionFailed(
            f"{entity_id} does not exist.",
            place=place,
            remedy="Create the entity, or leave the precondition out.",
        )
    if accepted is not None and version not in accepted:
        raise PreconditionFailed(
            f"{entity_id} is at version {version}, which the precondition does not accept.",
            place=place,
            remedy="Retrieve the entity again, decide anew, and send its current ETag.",
        )
