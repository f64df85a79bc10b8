"""A booking somebody wants, and the names that every repetition of it leads to. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from apps.bookings.core.when import Span, utc
from apps.bookings.process.entities import BOOKING

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: no letter that is taken for another."""
NUMBER: Final = 8


class OtherRequest(Exception):
    """The idempotency key was used for another booking before."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A booking somebody wants. `key` is the same for every repetition of the same wish."""

    space: str
    span: Span
    holder: str
    key: str
    reduction: str = ""
    party: int = 0
    language: str = "ja"
    channel: str = "web"
    ledger_id: str = ""

    @property
    def digest(self) -> str:
        """Return what tells this wish from others under the same key."""
        parts = (
            self.space,
            utc(self.span.start),
            utc(self.span.end),
            self.reduction,
            str(self.party),
            self.channel,
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def booking_id(wish: Wish, city: str) -> str:
    """Return the id that every repetition of a wish leads to."""
    digest = hashlib.sha256(f"{wish.holder}\n{wish.key}".encode()).hexdigest()
    return f"urn:ngsi-ld:{BOOKING}:{city}:{digest[:20]}"


def booking_number(known: str) -> str:
    """Return the number people say: eight letters and digits, made from the id."""
    rest = int(hashlib.sha256(known.encode()).hexdigest(), 16)
    letters = []
    for _ in range(NUMBER):
        rest, place = divmod(rest, len(ALPHABET))
        letters.append(ALPHABET[place])
    return f"{''.join(letters[:4])}-{''.join(letters[4:])}"
