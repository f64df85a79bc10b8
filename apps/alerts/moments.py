"""Times that people write into tables: read, or refused. Pure."""

from __future__ import annotations

from datetime import datetime


def moment_of(text: object) -> datetime:
    """Return a time in ISO 8601 with an offset. Raises ValueError.

    One without an offset is a time nowhere, and cannot be held against any other.
    """
    try:
        moment = datetime.fromisoformat(text)  # type: ignore[arg-type]
    except TypeError as error:
        raise ValueError(f"{text!r} is no text that names a time") from error
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset, such as +09:00")
    return moment
