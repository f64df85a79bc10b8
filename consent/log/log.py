"""The log while a broker runs: entries of many answers are written in one commit."""

from __future__ import annotations

import asyncio
from array import array
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from broker.clock import Clock, now
from broker.errors import ServiceUnavailable
from consent.log.chain import add, read, seal
from consent.log.entry import Entry, Key
from consent.log.file import LogFile

SEALS: Final = "seals of the disclosure log"
"""What the key of the seals is derived for (`consent.vault.master.derived`)."""
_MOST_WAITING: Final = 100_000


class DisclosureLog:
    """Takes entries at once, and tells when they are on the disk.

    While one commit waits for the disk the next one gathers. Where a commit fails, those who wait
    for it fail, and its entries go with the next one: the log may tell of an answer that was not
    given, and never lacks one that was.
    """

    def __init__(self, file: LogFile, key: bytes, clock: Clock = now) -> None:
        """Go on at the end of a file; `key` makes the seals."""
        self._file = file
        self._key = key
        self._clock = clock
        self._tip = file.tip()
        self._entries: dict[Key, Entry] = {}
        self._commit: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="disclosures")
        self._places: dict[tuple[str, str], array[int]] | None = None
        self._indexed = 0

    @property
    def pending(self) -> bool:
        """Tell whether entries are not on the disk yet."""
        return bool(self._entries) or self._commit is not None

    def add(self, entry: Entry) -> None:
        """Take an entry; it is written with the next commit. Raises ServiceUnavailable.

        What one caller is shown of one entity before that, a history for instance, is one entry.
        """
        if len(self._entries) >= _MOST_WAITING:
            raise ServiceUnavailable(
                "The disclosure log cannot be written.",
                place="broker",
                remedy="Try again later; the administrator finds the cause in the broker's log.",
            )
        known = self._entries.get(entry.key)
        self._entries[entry.key] = entry if known is None else entry.with_attributes_of(known)

    async def settled(self) -> None:
        """Wait until every entry that was added before is on the disk. Raises OSError."""
        if self._commit is not None:
            await asyncio.shield(self._commit)
        if self._commit is None and self._entries:
            self._commit = asyncio.create_task(self._write())
        if self._commit is not None:
            await asyncio.shield(self._commit)

    async def close(self) -> None:
        """Write what is left, and close the file."""
        try:
            while self.pending:
                await self.settled()
        finally:
            self._thread.shutdown()
            self._file.close()

    async def of(self, tenant: str, holder: str, limit: int = 200) -> list[dict[str, Any]]:
        """Return what the log says of a person, newest first."""
        await self.settled()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._find, tenant, holder, limit)

    async def _write(self) -> None:
        taken, self._entries = self._entries, {}
        before = (self._tip.digest, self._tip.number)
        try:
            text = b"".join([add(self._tip, entry.told()) for entry in taken.values()])
            text += seal(self._tip, self._clock(), self._key)
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._file.append, text)
        except BaseException:
            self._tip.digest, self._tip.number = before
            self._entries = taken | self._entries
            raise
        finally:
            self._commit = None

    def _find(self, tenant: str, holder: str, limit: int) -> list[dict[str, Any]]:
        self._index()
        assert self._places is not None
        places = self._places.get((tenant, holder), array("Q"))
        found = [read(self._file.at(place)) for place in reversed(places[-limit:])]
        return [told for told in found if told is not None]

    def _index(self) -> None:
        """Look at what was added to the file since."""
        if self._places is None:
            self._places = {}
        place = 0
        with self._file.path.open("rb") as file:
            file.seek(self._indexed)
            place = self._indexed
            for line in file:
                told = read(line)
                if told is not None and "n" in told:
                    key = (told["tenant"], told["holder"])
                    self._places.setdefault(key, array("Q")).append(place)
                place += len(line)
        self._indexed = place
