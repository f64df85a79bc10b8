"""The contract by which people sign in: a name and a password become a session's token.

The broker has no accounts of its own; whoever implements `Accounts` also implements the `Guard`
that knows the tokens again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Session:
    """A person who is signed in until `expires`; `token` is sent as a bearer token."""

    token: str
    user: str
    roles: frozenset[str]
    expires: str


class Accounts(Protocol):
    """Where people sign in and out."""

    async def sign_in(self, name: str, password: str) -> Session:
        """Return a new session. Raises Unauthorized, and TooManyRequests after many failures.

        Neither tells whether there is an account of this name.
        """
        ...

    async def sign_out(self, token: str) -> None:
        """End a session; nothing happens where there is none."""
        ...
