"""How many letters an address gets in a day, so that nobody has the town write to others.

Whoever books on the web types an address that nobody has proved. The vault keeps a mark for each
letter of a day under a keyed digest of its address; a day that is over is erased.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Final

from apps.bookings.core.when import local
from apps.bookings.edge.holders import HOLDER
from apps.keys.contract import Vault

MOST: Final = 20
"""Letters a day to one address."""
_KEEPER: Final = f"{HOLDER}letters"
_DAY: Final = "day:"


class LetterLimit:
    """The letters of each day in Tokyo, counted by address."""

    def __init__(self, vault: Vault, clock: Callable[[], datetime], most: int = MOST) -> None:
        self._vault = vault
        self._clock = clock
        self._most = most

    async def takes(self, mail: str, letter: str) -> bool:
        """Say whether a letter may go to an address today; the same letter again counts once.

        It is marked before it is counted, so that of letters sent at once no more go than may.
        """
        day = f"{local(self._clock()):%Y-%m-%d}"
        marks = f"{_KEEPER}-{day}"
        await self._begun(day)
        address = hmac.new(await self._key(), _box(mail), hashlib.sha256).hexdigest()[:32]
        mark = f"letter:{address}/{letter}"
        known = await self._vault.kinds(marks)
        if mark in known:
            return True
        await self._vault.put(marks, mark, "sent")
        now = await self._vault.kinds(marks)
        if sum(one.startswith(f"letter:{address}/") for one in now) <= self._most:
            return True
        await self._vault.forget(marks, mark)
        return False

    async def _begun(self, day: str) -> None:
        """Note the day, and erase those before it."""
        kinds = await self._vault.kinds(_KEEPER)
        if _DAY + day not in kinds:
            await self._vault.put(_KEEPER, _DAY + day, "begun")
        for kind in kinds:
            if kind.startswith(_DAY) and kind < _DAY + day:
                await self._vault.erase(f"{_KEEPER}-{kind.removeprefix(_DAY)}")
                await self._vault.forget(_KEEPER, kind)

    async def _key(self) -> bytes:
        kept = await self._vault.get(_KEEPER, "key")
        if kept is None:
            await self._vault.put(_KEEPER, "key", secrets.token_hex(32))
            kept = await self._vault.get(_KEEPER, "key")
        assert kept is not None
        return bytes.fromhex(kept)


def _box(mail: str) -> bytes:
    """Return the mailbox of an address: what stands after a `+` leads to the same."""
    name, _, host = mail.strip().casefold().rpartition("@")
    return f"{name.partition('+')[0]}@{host}".encode()
