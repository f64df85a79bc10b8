"""Access grants as adapters of locks understand them: what is asked for, what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from adapters.contract import AdapterError

AWAY: Final = 503


class GrantState(StrEnum):
    """How a grant stands at its lock."""

    ACTIVE = "active"
    SENT = "sent"
    """The way to the lock has it, the lock has not confirmed."""
    GONE = "gone"
    GOING = "going"
    """Taken back, and the lock has not confirmed."""
    STAYS = "stays"
    """It cannot be taken back: nothing reaches the box."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LockRules:
    """What an adapter's locks can do.

    `timed`: the lock keeps to the window by itself; else the code is put and cleared on time.
    `computes`: the PIN comes from the adapter, nothing is sent. `digits` is the length of a PIN.
    """

    timed: bool
    computes: bool
    revocable: bool
    digits: int


@dataclass(frozen=True, slots=True)
class GrantOrder:
    """A PIN a lock shall take. Times in UTC; `begins` is None for the emergency class."""

    tenant: str
    device: str
    grant: str
    pin: str = ""
    begins: datetime | None = None
    ends: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class GrantAnswer:
    """How a grant stands; `pin` where the adapter has computed it, `vendor` the vendor's id."""

    state: GrantState
    vendor: str = ""
    pin: str = ""
    reason: str = ""


class GrantRefused(AdapterError):
    """A lock or the way to it does not take a grant.

    `reason` is a word (`pinTaken`, `noFreeSlot`, `lockUnreachable`, …); `status` the HTTP status:
    503 and 429 pass by themselves, others do not.
    """

    def __init__(self, reason: str, *, status: int = AWAY, wait: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.wait = wait


class LockAdapter(Protocol):
    """An adapter of locks that take PINs."""

    rules: LockRules

    async def put(self, order: GrantOrder) -> GrantAnswer:
        """Let a lock take a PIN. Raises GrantRefused, UnknownDevice, CommandFailed."""
        ...

    async def look(self, order: GrantOrder) -> GrantAnswer:
        """Return how a grant stands. Raises as `put` does."""
        ...

    async def remove(self, order: GrantOrder) -> GrantAnswer:
        """Let a lock forget a PIN. Raises as `put` does."""
        ...
