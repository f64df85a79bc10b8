"""The contract with whoever takes money, and what comes back.

Every call names the payment by the town's own id, its idempotency key: repeated, it has one effect
and the same answer. To call off a payment that never arrived is remembered: it will not be taken
later.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """How a payment stands at its provider."""

    WAITING = "waiting"
    CAPTURED = "captured"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider said: how it stands, its own name for it, and a word on why not."""

    outcome: Outcome
    ref: str = ""
    why: str = ""


class ProviderAway(Exception):
    """No usable answer: it may or may not have happened. The text is a word, such as `timeout`."""


class Provider(Protocol):
    """A provider of payments. Every call raises ProviderAway."""

    async def charge(self, key: str, amount: int, back: str) -> Answer:
        """Begin a charge of so many yen; the payer comes back to the path `back`."""
        ...

    async def look(self, key: str) -> Answer:
        """Return how a charge stands; CANCELLED for one that is not known."""
        ...

    async def cancel(self, key: str) -> Answer:
        """Call a charge off; CAPTURED where it is too late."""
        ...

    async def refund(self, key: str, charge: str, amount: int) -> Answer:
        """Give back so much of a captured charge; REFUNDED once it is under way for good.

        FAILED where it never will be: it is not asked for again, and staff decide what is due.
        """
        ...

    def page(self, ref: str) -> str:
        """Return the URL on which the payer pays."""
        ...
