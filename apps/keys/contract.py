"""The contract between an app that gives people access and what makes locks open.

An app says which lock shall open from when to when, for whom and why (`Wanted`). What becomes of it
is an `AccessGrant` entity whose `status` moves by itself, also after a restart:

    requested → sent → active → expiring → expired
    requested | sent | active → (revoke) → expiring → revoked
    active → (revoke) → cannotRevoke → expired      a box without network that has its PIN
    requested | sent → failed                       staff must act; tried again until the end

The PIN is in the vault, never in an entity. An app that must grant together with its own writes
puts `operations()` into its transaction; `provision()` does the same by itself. Both may be
repeated.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

Operations = list[dict[str, Any]]
"""Operations for `broker.client.Client.transactions`."""


class Status(StrEnum):
    """Where a grant stands."""

    REQUESTED = "requested"
    """Written; no lock knows of it yet."""
    SENT = "sent"
    """The lock's cloud or gateway has the PIN, the lock has not confirmed it."""
    ACTIVE = "active"
    """The lock knows the PIN, or for a box without network: the PIN is issued."""
    EXPIRING = "expiring"
    """Over or revoked; the lock has not confirmed that it forgot the PIN."""
    EXPIRED = "expired"
    REVOKED = "revoked"
    CANNOT_REVOKE = "cannotRevoke"
    """Revoked too late: the box will take the PIN until the window ends."""
    FAILED = "failed"
    """The lock does not know the PIN, and it is nearly time or hopeless: staff must act."""


class Kind(StrEnum):
    """What opens the lock (`grantKind` of the AccessGrant)."""

    PIN = "pin"
    ALGORITHMIC_PIN = "algorithmicPin"
    EMERGENCY = "emergency"
    """A PIN of an area leader, valid always."""


class RevokeReason(StrEnum):
    """Why a grant is taken back (`revokeReason` of the AccessGrant)."""

    CANCELLED = "cancelled"
    CHANGED = "changed"
    MISUSE = "misuse"
    LOCK_REPLACED = "lockReplaced"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A lock that shall open in a booked time.

    `key` is unique and the same whenever the same grant is asked for: it becomes the end of the
    grant's id (letters, digits, `-`, `_`). `start` and `end` are the booked time, half open; the
    lock's policy adds its grace. `holder` is a pseudonym, never a name.
    """

    key: str
    lock: str
    holder: str
    start: datetime
    end: datetime
    booking: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """An access grant as it stands. The PIN opens from `valid_from` to before `valid_to`.

    `reason` is a word for why it is not further (`lockUnreachable`, `pinTaken`, …), empty where
    all is well; pages say it in the reader's language. `issued` says that there is a PIN to tell.
    """

    id: str
    lock: str
    kind: Kind
    status: Status
    valid_from: datetime
    valid_to: datetime
    holder: str = ""
    booking: str = ""
    reason: str = ""
    issued: bool = False
    first_used: datetime | None = None
    end: datetime | None = None
    overstayed_since: datetime | None = None
    left: datetime | None = None

    @property
    def stays(self) -> bool:
        """Say whether the room is in use although the booked time (`end`) is over."""
        return self.overstayed_since is not None and self.left is None


@dataclass(frozen=True, slots=True)
class Opened:
    """What became of an order to open a lock at once.

    `done` where the lock reports that it is open, False where it was told and has said nothing yet;
    `reason` is a word where it could not be told, such as `offlineBox`.
    """

    lock: str
    done: bool
    reason: str = ""


class CannotGrant(Exception):
    """The lock can never open in this time; `reason` is a word that pages explain.

    `unknownLock`, `past`, `offTheHour` (a box without network knows whole hours only),
    `tooLong`, `badKey`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Locks(Protocol):
    """What makes locks open. Every call may be repeated; all raise `broker.client.ClientError`."""

    async def operations(self, wanted: Wanted) -> Operations:
        """Return what creates the grant, for the caller's own transaction.

        Raises CannotGrant: ask before money is taken. In the transaction a grant that exists
        already is PreconditionFailed.
        """
        ...

    async def provision(self, wanted: Wanted) -> Grant:
        """Create the grant where it is missing; return it as it stands. Raises CannotGrant."""
        ...

    async def revoke_operations(self, grant_id: str, reason: RevokeReason) -> Operations:
        """Return what takes a grant back, for the caller's own transaction; [] if it is gone."""
        ...

    async def revoke(self, grant_id: str, reason: RevokeReason) -> Grant | None:
        """Take a grant back; return it as it stands then, None where there is none.

        What the lock still has to confirm stands in `status`; CANNOT_REVOKE is for good.
        """
        ...

    async def grant(self, grant_id: str) -> Grant | None:
        """Return a grant as it stands, None where there is none."""
        ...

    async def code(self, grant_id: str) -> str | None:
        """Return the PIN to tell the holder; None while there is none, and after the end."""
        ...

    async def open_now(self, lock: str, reason: str, by: str) -> Opened:
        """Open a lock at once, whatever is booked. It is logged with the reason and who did it."""
        ...


def grant_id(key: str, city: str) -> str:
    """Return the id of the grant that a `Wanted.key` leads to."""
    return f"urn:ngsi-ld:AccessGrant:{city}:{key}"


class Vault(Protocol):
    """Where PINs are kept: encrypted, one key for each holder, forgotten with the holder.

    `consent.vault` is one; the kind of a PIN is `pin:` and the id of its grant.
    """

    async def put(self, holder: str, kind: str, secret: str, /) -> None:
        """Keep a secret, replacing what is there. Durable when it returns."""
        ...

    async def get(self, holder: str, kind: str, /) -> str | None:
        """Return a secret, None where there is none."""
        ...

    async def kinds(self, holder: str, /) -> list[str]:
        """Return which kinds of secrets are kept of a holder."""
        ...

    async def forget(self, holder: str, kind: str, /) -> None:
        """Forget a secret; nothing happens where there is none."""
        ...

    async def erase(self, holder: str, /) -> None:
        """Erase all secrets of a holder, for good."""
        ...
