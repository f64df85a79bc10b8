"""A process that pays without end and keeps the books: what a test kills.

    python -m tests.apps.kijiko.till URL FOLDER

Each lane pays again and again, and notes each answered payment in a file of its own before it makes
the next. Started again, it repeats what was not answered, under the same key.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from apps.kijiko.ledger.book import Asked, Book
from apps.kijiko.ledger.keeper import Keeper
from apps.kijiko.ledger.setup import CLIENT
from broker.client import Client, Retry
from tests.apps.kijiko.stage import CITIZENS, CURRENCY, MERCHANTS

LANES = 8
PRICE = 3


def lane_file(folder: Path, lane: int) -> Path:
    """Return where a lane notes its answers: a line `key transfer` for each."""
    return folder / f"lane-{lane}"


async def main(url: str, folder: Path) -> None:
    """Pay until killed."""
    retry = Retry(attempts=None, longest=0.5)
    async with Client(url, name=CLIENT, retry=retry) as client, asyncio.TaskGroup() as tasks:
        book = Book(client, CURRENCY, lambda: datetime.now(UTC))
        tasks.create_task(Keeper(book, every=0.5).run())
        for lane in range(LANES):
            tasks.create_task(_pay(book, lane, lane_file(folder, lane)))


async def _pay(book: Book, lane: int, notes: Path) -> None:
    number = len(notes.read_text().splitlines()) if notes.exists() else 0
    with notes.open("a") as out:
        while True:
            key = f"{lane}-{number}"
            payer, payee = CITIZENS[lane % 2], MERCHANTS[number % 2]
            paid = await book.pay(payer, payee, PRICE, Asked("till", key))
            out.write(f"{key} {paid.id}\n")
            out.flush()
            number += 1


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
