"""The vault's door: put, get, forget and erase, durable when they return."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from broker.clock import Clock, now
from consent.identity.keys import Token
from consent.vault.errors import Erased, VaultError
from consent.vault.keys import KeyStore
from consent.vault.records import Records
from consent.vault.sealing import NONCE_BYTES, DoesNotOpen, digest, seal, unseal

_SUBJECT: Final = re.compile(r"urn:[!-~]{1,250}")
_KIND: Final = re.compile(r"[a-zA-Z]{1,40}(:[!-~]{1,250})?")
_LONGEST: Final = 65_536

P = ParamSpec("P")
T = TypeVar("T")


def new_holder(token: Token = secrets.token_bytes) -> str:
    """Return a new pseudonymous holder id: random, so that it says nothing of the person."""
    return f"urn:ngsi-ld:Holder:{token(12).hex()}"


class Vault:
    """Personal data by holder and kind (`name`, `mail`, `phone`, `pin:<grant>`, …).

    Files are read and written in one thread of the vault's own, one call after another; several
    processes may have the same vault open. The key is durable before what it seals, and the first
    thing to go when a person is erased.
    """

    def __init__(
        self,
        records: Records,
        keys: KeyStore,
        clock: Clock = now,
        token: Token = secrets.token_bytes,
    ) -> None:
        """Take both files as they are: what is left of erased people is removed."""
        if gone := keys.all_erased():
            records.erase(gone)
        self._records = records
        self._keys = keys
        self._clock = clock
        self._token = token
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vault")

    def close(self) -> None:
        """Finish what was begun, and close the files."""
        self._thread.shutdown()
        self._records.close()
        self._keys.close()

    async def put(
        self, subject: str, kind: str, value: str, idempotency: str | None = None
    ) -> None:
        """Keep a value in place of the one before; durable when it returns.

        A repeat with the same idempotency key and value does nothing, also after the value was
        changed or forgotten since. Raises Erased, OtherValue, VaultError.
        """
        _check(_SUBJECT, subject, "A holder id is a URN of printable ASCII")
        _check(_KIND, kind, "A kind is a word, and may have a name after a colon, as pin:urn:x:1")
        if len(value) > _LONGEST:
            raise VaultError(f"A value has at most {_LONGEST} characters. Keep a shorter one.")
        await self._run(self._put, subject, kind, value, idempotency)

    async def get(self, subject: str, kind: str) -> str | None:
        """Return a value; None where there is none, and of erased people. Raises VaultError."""
        return await self._run(self._get, subject, kind)

    async def kinds(self, subject: str) -> list[str]:
        """Return which kinds of values are kept of a person."""
        return await self._run(self._records.kinds, subject)

    async def forget(self, subject: str, kind: str) -> None:
        """Forget one value; nothing happens where there is none."""
        await self._run(self._records.forget, subject, kind)

    async def erase(self, subject: str) -> None:
        """Erase a person: the key first, so that copies of the data folder are unreadable too.

        Nothing can be kept under this holder id again.
        """
        _check(_SUBJECT, subject, "A holder id is a URN of printable ASCII")
        await self._run(self._erase, subject)

    async def shred(self, subject: str) -> None:
        """Make all that is kept of a person unreadable, in copies of the data folder too.

        Unlike after `erase` the person may come again: what is kept then has another key.
        """
        await self._run(self._shred, subject)

    async def erased(self, subject: str) -> str | None:
        """Return when a person was erased, None where they were not."""
        return await self._run(self._keys.erased, subject)

    async def _run(self, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: work(*given, **named))

    def _put(self, subject: str, kind: str, value: str, idempotency: str | None) -> None:
        key = self._keys.have(subject)
        sealed = seal(key, self._token(NONCE_BYTES), value.encode(), subject, kind)
        used = None
        if idempotency is not None:
            used = digest(key, "key", idempotency), digest(key, "value", kind, value)
        self._records.put(subject, kind, sealed, used)
        if self._keys.find(subject) == key:
            return
        self._records.erase([subject])
        if self._keys.erased(subject) is not None:
            raise Erased(subject)
        self._put(subject, kind, value, idempotency)

    def _get(self, subject: str, kind: str) -> str | None:
        sealed = self._records.get(subject, kind)
        if sealed is None:
            return None
        key = self._keys.find(subject)
        if key is None:
            if self._keys.erased(subject) is not None:
                return None
            raise VaultError(
                f"The key store has no key for {subject}. Put a newer backup of it in its place."
            )
        try:
            return unseal(key, sealed, subject, kind).decode()
        except DoesNotOpen:
            raise VaultError(
                f"The {kind} of {subject} was changed in the file. Put a backup in its place."
            ) from None

    def _shred(self, subject: str) -> None:
        self._keys.drop(subject)
        self._records.erase([subject])

    def _erase(self, subject: str) -> None:
        self._keys.erase(subject, self._clock())
        self._records.erase([subject])


def _check(form: re.Pattern[str], text: str, rule: str) -> None:
    if form.fullmatch(text) is None:
        raise VaultError(f"{rule}.")
