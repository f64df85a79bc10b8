"""Who can call the broker: a client program with roles and purposes, and the keys it shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from broker.guard import Caller


class Role(StrEnum):
    """What a caller may be (`CITY.md` 5). Staff and officers act for a section of the town."""

    CITIZEN = "citizen"
    GUARDIAN = "guardian"
    STAFF = "staff"
    DEVELOPER = "developer"
    DEVICE = "device"
    APP = "app"
    OFFICER = "officer"
    ADMINISTRATOR = "administrator"


MADE: Final = "developer:"
"""Begins the client of the keys that a person makes; the account's id follows."""
MAKERS: Final = frozenset({Role.DEVELOPER, Role.ADMINISTRATOR})
"""Roles of who makes keys."""


@dataclass(frozen=True, slots=True)
class Own:
    """An entity that a device writes: all of it, or only some `attributes` (IRIs)."""

    entity: str
    attributes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """A program that calls. `name` is told in subscriptions and logs, so it is no person's name.

    `roles` may carry the section after a colon: `staff:river` is also `staff`. Without `tenants`
    it may reach every tenant. It may read for one of `purposes`, ids of `DataPurpose`. `rate` is
    in requests a second, averaged over bursts of `burst`; `quota` in requests a day. `user` is the
    account of a person who is signed in.
    """

    name: str
    roles: frozenset[str] = frozenset()
    purposes: frozenset[str] = frozenset()
    tenants: frozenset[str] | None = None
    own: tuple[Own, ...] = ()
    user: str | None = None
    rate: float | None = None
    quota: int | None = None

    @property
    def burst(self) -> float:
        """Requests that may come at once: those of two seconds, at least ten."""
        return max(10.0, 2 * (self.rate or 0))

    def has(self, role: str) -> bool:
        """Tell whether the client has a role, in whichever section."""
        return role in self.roles or any(each.partition(":")[0] == role for each in self.roles)


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of a key: never its text. Times are as a `broker.clock.Clock` gives them."""

    id: str
    client: str
    digest: bytes
    created: str
    expires: str | None = None
    revoked: str | None = None

    def valid(self, now: str) -> bool:
        """Tell whether the key opens anything at a time."""
        return self.revoked is None and (self.expires is None or now < self.expires)


@dataclass(frozen=True, slots=True)
class Shown(Caller):
    """A caller by what was shown for it: `credential` is what a book calls a key or session.

    It outlives the request in streams that go on, which end with it.
    """

    credential: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """A person who signs in. `handle` is a digest of the name, `password` an Argon2 hash.

    `id` is told in subscriptions and logs: a pseudonym.
    """

    id: str
    handle: bytes
    password: str
    roles: frozenset[str]
    tenants: frozenset[str] | None = None

    @property
    def client(self) -> Client:
        """The account as a caller."""
        return Client(f"account:{self.id}", self.roles, tenants=self.tenants, user=self.id)

    @property
    def makes(self) -> bool:
        """Whether the person may have keys."""
        return any(self.client.has(role) for role in MAKERS)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Failures to sign in, one after another; until a moment (s since 1970) no try is taken."""

    failed: int = 0
    until: float = 0.0
