"""The contract by which people sign in: a name and a password become a session's token.

The broker has no accounts of its own; whoever implements `Accounts` also implements the `Guard`
that knows the tokens again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from broker.guard import Caller


@dataclass(frozen=True, slots=True)
class Session:
    """A person who is signed in until `expires`; `token` is sent as a bearer token."""

    token: str
    user: str
    roles: frozenset[str]
    expires: str


class Keys(Protocol):
    """The keys of callers, for themselves. What is returned is as `schemas.Keys` says."""

    def listed(self, caller: Caller) -> dict[str, Any]:
        """Return the caller's limits and keys. Raises Unauthorized for nobody."""
        ...

    def make(self, caller: Caller) -> dict[str, Any]:
        """Return a new key with its text. Raises Unauthorized, Forbidden, and where it has many."""
        ...

    def rotate(self, caller: Caller, key_id: str) -> dict[str, Any]:
        """Return a new key with its text; the old one ends soon. Raises as `make`, NotFound."""
        ...

    def revoke(self, caller: Caller, key_id: str) -> None:
        """End a key now. Raises as `rotate`."""
        ...


class Accounts(Protocol):
    """Where people sign in and out; `keys` are those they make, None where they make none."""

    keys: Keys | None

    async def sign_in(self, name: str, password: str, address: str = "") -> Session:
        """Return a new session. Raises Unauthorized, and TooManyRequests after many failures.

        Neither tells whether there is an account of this name. `address` is where the try comes
        from, empty where that is not known.
        """
        ...

    async def sign_out(self, token: str) -> None:
        """End a session; nothing happens where there is none."""
        ...
