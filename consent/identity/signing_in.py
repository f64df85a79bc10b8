"""Signing in: a name and a password against the accounts, slowly after failures."""

from __future__ import annotations

import asyncio
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final, Protocol

from broker.accounts import Keys, Session
from broker.clock import Clock, now
from broker.errors import TooManyRequests, Unauthorized
from consent.identity.addresses import Failures
from consent.identity.keys import SESSION, Token, digest
from consent.identity.model import Account, Attempts
from consent.identity.people import People

HOURS: Final = 12
"""How long a session lasts: a working day."""

FREE: Final = 5
"""Failures before a name has to wait."""
LONGEST_WAIT: Final = 900.0
"""Seconds."""
_FORGET: Final = 86_400.0
_AT_ONCE: Final = 2
"""Passwords hashed at a time: each takes memory and a processor."""


class Hasher(Protocol):
    """Makes and checks slow hashes of passwords."""

    def hash(self, password: str) -> str: ...
    def fits(self, kept: str, password: str) -> bool: ...


def handle_of(name: str, secret: bytes) -> bytes:
    """Return what is kept of a name: a digest that needs the town's secret to be tried out."""
    return blake2b(name.strip().casefold().encode(), key=secret, digest_size=32).digest()


def next_wait(attempts: Attempts, now: float) -> Attempts:
    """Return the failures after one more: from the sixth on the wait doubles, up to 15 minutes."""
    failed = attempts.failed + 1
    wait = 0.0 if failed <= FREE else min(LONGEST_WAIT, 2.0 ** (failed - FREE))
    return Attempts(failed, now + wait)


class SigningIn:
    """The accounts of a town (`broker.accounts.Accounts`).

    A name without an account costs as much time as a wrong password and is answered alike.
    """

    def __init__(
        self,
        people: People,
        hasher: Hasher,
        secret: bytes,
        clock: Clock = now,
        seconds: Callable[[], float] = time.time,
        token: Token = secrets.token_bytes,
        keys: Keys | None = None,
    ) -> None:
        self.keys = keys
        self._people = people
        self._hasher = hasher
        self._secret = secret
        self._clock = clock
        self._seconds = seconds
        self._token = token
        self._nobody: str | None = None
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._failures = Failures()

    async def sign_in(self, name: str, password: str, address: str = "") -> Session:
        """Return a new session. Raises Unauthorized, TooManyRequests."""
        handle = handle_of(name, self._secret)
        async with self._turns:
            attempts = self._people.attempts(handle)
            if wait := self._failures.wait(address, self._seconds()):
                raise _wait(wait)
            left = attempts.until - self._seconds()
            if left > 0:
                raise _wait(int(left) + 1)
            account = self._people.account(handle)
            fits = await asyncio.to_thread(self._fits, account, password)
            if account is None or not fits:
                failed = next_wait(self._people.attempts(handle), self._seconds())
                self._people.failed(handle, failed, self._seconds() - _FORGET)
                self._failures.add(address, self._seconds())
                raise Unauthorized(
                    "Name and password do not fit.",
                    place="body:/password",
                    remedy="Check both; after some failures the name has to wait.",
                )
            if attempts.failed:
                self._people.succeeded(handle)
            return self._session(account)

    async def sign_out(self, token: str) -> None:
        """End a session."""
        self._people.end(digest(token))

    def _session(self, account: Account) -> Session:
        token = SESSION + urlsafe_b64encode(self._token(32)).rstrip(b"=").decode()
        moment = self._clock()
        end = datetime.fromisoformat(moment) + timedelta(hours=HOURS)
        expires = end.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self._people.open(digest(token), account.id, expires, moment)
        return Session(token, account.id, account.roles, expires)

    def _fits(self, account: Account | None, password: str) -> bool:
        if account is not None:
            return self._hasher.fits(account.password, password)
        if self._nobody is None:
            self._nobody = self._hasher.hash("nobody")
        self._hasher.fits(self._nobody, password)
        return False


def _wait(seconds: int) -> TooManyRequests:
    return TooManyRequests(
        "There were too many failures to sign in under this name, or from this address.",
        place="body:/name",
        remedy=f"Try again after {seconds} s.",
        retry_after=[str(seconds)],
    )
