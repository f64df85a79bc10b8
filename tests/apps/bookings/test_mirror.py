"""The file that mirrors all bookings follows every change, and what was missed meanwhile."""

import asyncio
import csv
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from apps.bookings.mirror import Mirror
from tests.apps.bookings.stage import GYM, Stage, broker, hours, space, stage
from tests.support.mqtt import background
from tests.support.until import until


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Stage]:
    async with broker(tmp_path / "data") as url, stage(url, "aso", [space(GYM)]) as found:
        yield found


def mirror(town: Stage, path: Path) -> Mirror:
    return Mirror(town.client, town.desk, path, sleep=lambda seconds: asyncio.sleep(0))


async def shows(path: Path, *wanted: str) -> bool:
    """Say whether the file has bookings of these states, and no more, before long."""

    async def read() -> bool:
        if not path.exists():
            return False
        rows = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
        return tuple(row["status"] for row in rows) == wanted

    return await until(read)


async def test_mirror_follows_each_change(town: Stage, tmp_path: Path):
    path = tmp_path / "ledger.csv"
    async with background(mirror(town, path).run()):
        assert await shows(path)
        case = await town.booked()
        assert await shows(path, "confirmed")
        await town.booked(span=hours("2026-12-03 09:00"), key="2")
        await town.desk.cancel(case.booking.id)
        assert await shows(path, "cancelled", "confirmed")
    assert path.stat().st_mode & 0o077 == 0


async def test_mirror_has_what_was_booked_while_it_stood_still(town: Stage, tmp_path: Path):
    path = tmp_path / "ledger.csv"
    await town.booked()
    async with background(mirror(town, path).run()):
        assert await shows(path, "confirmed")
