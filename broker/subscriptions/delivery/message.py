"""A rendered notification, ready for any transport."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

ATTEMPT: Final = "Machi-Attempt"
CHAIN: Final = "Machi-Chain"


@dataclass(frozen=True, slots=True)
class Message:
    """A notification: its JSON, and what goes beside it (HTTP headers, MQTT metadata).

    `holds` tells whether the receiver may still see it. A sender that had to wait, for a
    connection for instance, asks before it lets go of the body.
    """

    body: bytes
    fields: tuple[tuple[str, str], ...]
    holds: Callable[[], bool] = field(default=lambda: True, compare=False)


def notification_id(created_at: str, sid: int, seq: int) -> str:
    """Return the id of the notification of a change to a subscription: always the same one.

    `created_at` of the subscription tells stores apart that number from 1.
    """
    digest = blake2b(f"{created_at} {sid} {seq}".encode(), digest_size=16).hexdigest()
    return f"urn:ngsi-ld:Notification:{digest}"


def with_attempt(message: Message, attempt: int) -> tuple[tuple[str, str], ...]:
    """Return the fields of a try: from the second on, `Machi-Attempt` says which it is."""
    if attempt < 2:
        return message.fields
    return (*message.fields, (ATTEMPT, str(attempt)))
