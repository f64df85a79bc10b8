"""That a person's history is taken out is in the person's log before it is taken."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from apps.shell.disclosing import Shown, exported
from broker.client import Client
from broker.clock import now
from broker.store.history import Window
from broker.store.sqlite.errors import DataFolderInUse
from broker.store.sqlite.history.archive import Archive, Told
from broker.store.sqlite.lock import FolderLock
from consent.log.entry import Deed, Entry
from consent.log.file import FILE, LogFile
from consent.log.log import SEALS, DisclosureLog
from consent.records.model import HOLDER
from consent.vault.master import derived, master_key
from machi.history.taking import Wanted
from machi.key import OPERATOR, key_for

_MANY: Final = 1000


@dataclass(frozen=True, slots=True)
class Taken:
    """What is taken out: of which person, of which entity, which attributes."""

    holder: str
    entity_id: str
    attributes: tuple[str, ...]


def persons(archive: Archive, wanted: Wanted) -> Iterator[Taken]:
    """Yield what of persons is in the series that are wanted."""
    for entity_id, series in groupby(archive.series(), lambda told: told.entity_id):
        lines = list(series)
        attributes = tuple(sorted({told.attribute for told in lines if wanted(told)}))
        if attributes:
            for holder in sorted(_holders(archive, lines)):
                yield Taken(holder, entity_id, attributes)


def note(data: Path, tenant: str, taken: Iterable[Taken], url: str) -> None:
    """Write down what is taken: by the broker that runs on the data, or where none does here.

    Where a broker never wrote a log there are no persons to tell. Raises ClientError, OSError,
    Unusable, VaultError.
    """
    every = list(taken)
    if not every or not (data / FILE).exists():
        return
    lock = FolderLock(data)
    try:
        lock.acquire()
    except DataFolderInUse:
        asyncio.run(_by_broker(tenant, every, url))
        return
    try:
        asyncio.run(_here(data, tenant, every))
    finally:
        lock.release()


def _holders(archive: Archive, lines: Iterable[Told]) -> set[str]:
    moments = (
        moment
        for told in lines
        if told.attribute == HOLDER
        for moment in archive.moments(told, Window())
    )
    named = (moment.instance.get("object", moment.instance.get("value")) for moment in moments)
    return {one for one in named if isinstance(one, str)}


async def _by_broker(tenant: str, taken: list[Taken], url: str) -> None:
    who = getpass.getuser()
    async with Client(url, tenant=tenant, key=key_for(url)) as client:
        shown = (Shown(one.holder, who, one.entity_id, one.attributes) for one in taken)
        await exported(client, shown)


async def _here(data: Path, tenant: str, taken: list[Taken]) -> None:
    who = getpass.getuser()
    log = DisclosureLog(LogFile(data), derived(master_key(data), SEALS))
    try:
        for at in range(0, len(taken), _MANY):
            for one in taken[at : at + _MANY]:
                log.add(
                    Entry(
                        now(), tenant, one.holder, OPERATOR, who, None, Deed.EXPORT,
                        one.entity_id, one.attributes, "",
                    )
                )  # fmt: skip
            await log.settled()
    finally:
        await log.close()
