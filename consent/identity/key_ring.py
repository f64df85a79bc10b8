"""The keys a developer makes, exchanges and revokes (`broker.accounts.Keys`)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from broker.clock import Clock, now
from broker.errors import Conflict, Forbidden, ResourceNotFound, Unauthorized
from broker.guard import Caller
from consent.identity.book import IdentityBook
from consent.identity.keys import Token, make
from consent.identity.meter import day_of
from consent.identity.model import MADE, MAKERS, Client, Key, Role
from consent.identity.usage import Usage

MOST: Final = 5
"""Keys of one person that open something."""
RATE: Final = 20.0
QUOTA: Final = 50_000
OVERLAP: Final = timedelta(hours=1)
"""How long a key that was exchanged goes on."""
MOST_A_DAY: Final = 50
"""Keys that one person makes within a day, exchanged and revoked ones among them."""
_DAY: Final = timedelta(days=1)


class KeyRing:
    """Keys of persons who may have some; a program with a key sees those of its client."""

    def __init__(
        self,
        book: IdentityBook,
        usage: Usage,
        clock: Clock = now,
        seconds: Callable[[], float] = time.time,
        token: Token = secrets.token_bytes,
    ) -> None:
        self._book = book
        self._usage = usage
        self._clock = clock
        self._seconds = seconds
        self._token = token

    def listed(self, caller: Caller) -> dict[str, Any]:
        """Return the caller's limits and keys, with what each asked today. Raises Unauthorized.

        Who has made no key yet is told the limits of the first.
        """
        name = _name(caller)
        keys = self._keys(name)
        client = self._book.client(name) or (_first(name) if _makes(caller) else None)
        return {
            "client": name,
            "rate": client.rate if client else None,
            "quota": client.quota if client else None,
            "keys": [self._shown(key) for key in keys],
        }

    def make(self, caller: Caller) -> dict[str, Any]:
        """Return a new key with its text. Raises Unauthorized, Forbidden, Conflict."""
        name = self._maker(caller)
        self._check_room(name)
        return self._new(name)

    def rotate(self, caller: Caller, key_id: str) -> dict[str, Any]:
        """Return a key in place of another, which goes on for an hour.

        Raises ResourceNotFound, Conflict for one that was exchanged already.
        """
        name = self._maker(caller)
        if self._own(name, key_id).expires is not None:
            raise Conflict(
                "The key was exchanged already.",
                place="path:keyId",
                remedy="Use the one in its place, or exchange that one.",
            )
        self._check_room(name, exchanged=1)
        made = self._new(name)
        self._book.end(key_id, _later(self._clock(), OVERLAP))
        return made

    def revoke(self, caller: Caller, key_id: str) -> None:
        """Let a key open nothing from now on. Raises ResourceNotFound."""
        self._own(self._maker(caller), key_id)
        self._book.revoke(key_id, self._clock())

    def _maker(self, caller: Caller) -> str:
        name = _name(caller)
        if not _makes(caller):
            raise Forbidden(
                "Only developers who are signed in make keys of their own.",
                place="caller",
                remedy="Sign in with a developer's account, or ask the administrator for a key.",
            )
        return name

    def _check_room(self, name: str, exchanged: int = 0) -> None:
        """Refuse a key too many, of those that open something or of those made within a day."""
        keys = self._keys(name)
        opening = sum(key.valid(self._clock()) and key.expires is None for key in keys)
        if opening - exchanged >= MOST:
            raise Conflict(
                f"There are {MOST} keys already.",
                place="path:",
                remedy="Revoke one that is not needed.",
            )
        since = _later(self._clock(), -_DAY)
        if sum(key.created > since for key in keys) >= MOST_A_DAY:
            raise Conflict(
                f"{MOST_A_DAY} keys were made within a day.",
                place="path:",
                remedy="Make the next one tomorrow.",
            )

    def _new(self, name: str) -> dict[str, Any]:
        key_id, text, digest = make(self._token)
        key = Key(key_id, name, digest, self._clock())
        if self._book.client(name) is None:
            self._book.put(_first(name))
        self._book.add(key)
        return {**self._shown(key), "key": text}

    def _own(self, name: str, key_id: str) -> Key:
        for key in self._keys(name):
            if key.id == key_id and key.valid(self._clock()):
                return key
        raise ResourceNotFound(
            "There is no such key of yours, or it opens nothing any more.",
            place="path:keyId",
            remedy="See GET /ngsi-ld/ex/v1/keys.",
        )

    def _keys(self, name: str) -> list[Key]:
        every = self._book.keys()
        return [key for key in every if key.client == name]

    def _shown(self, key: Key) -> dict[str, Any]:
        count = self._usage.of_key(day_of(self._seconds()), key.client, key.id)
        return {
            "id": key.id,
            "created": key.created,
            "expires": key.expires,
            "revoked": key.revoked,
            "valid": key.valid(self._clock()),
            "askedToday": count.asked,
            "refusedToday": count.refused,
        }


def _name(caller: Caller) -> str:
    if not caller.client:
        raise Unauthorized(
            "The request shows neither key nor session.",
            place="header:Authorization",
            remedy="Send a key or a session's token: Authorization: Bearer …",
        )
    return caller.client if caller.user is None else f"{MADE}{caller.user}"


def _makes(caller: Caller) -> bool:
    roles = {role.partition(":")[0] for role in caller.roles}
    return caller.user is not None and not roles.isdisjoint(MAKERS)


def _first(name: str) -> Client:
    """Return the client that a person's first key makes."""
    return Client(name, frozenset({Role.DEVELOPER}), rate=RATE, quota=QUOTA)


def _later(moment: str, by: timedelta) -> str:
    return (datetime.fromisoformat(moment) + by).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
