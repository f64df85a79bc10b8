"""Errors of the query languages: always with the character position and a way out."""

from __future__ import annotations

from typing import NoReturn

from broker.errors import BadRequestData


def refuse(detail: str, *, place: str, at: int | None = None, remedy: str) -> NoReturn:
    """Raise BadRequestData; `at` is the zero-based offset of the fault in the text."""
    where = "" if at is None else f"At character {at + 1}: "
    raise BadRequestData(where + detail, place=place, remedy=remedy)


def check_unicode(text: str, place: str) -> None:
    """Refuse text that is no Unicode: half a surrogate pair cannot be stored or compared."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        refuse(
            "the text holds half of a surrogate pair.",
            place=place,
            at=error.start,
            remedy="Send the text as UTF-8.",
        )
