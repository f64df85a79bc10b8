"""Entries are on the disk before anybody waits no longer, and a person finds their own."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from consent.log.chain import verify
from consent.log.entry import Deed, Entry
from consent.log.file import FILE, LogFile, lines
from consent.log.log import DisclosureLog

KEY = b"k" * 32
HANA = "urn:ngsi-ld:Holder:hana"


def entry(target: str = "urn:x:1", holder: str = HANA, tenant: str = "") -> Entry:
    """Return a disclosure."""
    return Entry("2026-11-27T00:00:00Z", tenant, holder, "app", None, "urn:p", Deed.READ, target,
                 (), "urn:c:1")  # fmt: skip


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[DisclosureLog]:
    """Give an empty log."""
    log = DisclosureLog(LogFile(tmp_path), KEY)
    yield log
    await log.close()


def targets(told: list[dict]) -> list[str]:
    """Return what entries are about."""
    return [each["target"] for each in told]


async def test_settled_entries_are_in_the_file_and_sealed(log: DisclosureLog, tmp_path: Path):
    log.add(entry())
    await log.settled()
    verdict = verify(lines(tmp_path / FILE), KEY)
    assert (verdict.entries, verdict.sealed, verdict.fault) == (1, 1, None)
    assert not log.pending


async def test_entries_of_many_answers_share_a_commit(log: DisclosureLog, tmp_path: Path):
    async def answer(number: int) -> None:
        log.add(entry(f"urn:x:{number}"))
        await log.settled()

    await asyncio.gather(*map(answer, range(50)))
    assert verify(lines(tmp_path / FILE), KEY).entries == 50
    assert sum(1 for _ in lines(tmp_path / FILE)) < 60


async def test_person_finds_their_own_entries_newest_first(log: DisclosureLog):
    for each in (entry("urn:x:1"), entry("urn:x:2", "urn:other"), entry("urn:x:3")):
        log.add(each)
    log.add(entry("urn:x:4", tenant="drill"))
    assert targets(await log.of("", HANA)) == ["urn:x:3", "urn:x:1"]
    log.add(entry("urn:x:5"))
    assert targets(await log.of("", HANA, 2)) == ["urn:x:5", "urn:x:3"]


async def test_log_goes_on_after_a_restart(tmp_path: Path):
    for number in range(3):
        log = DisclosureLog(LogFile(tmp_path), KEY)
        log.add(entry(f"urn:x:{number}"))
        await log.close()
    verdict = verify(lines(tmp_path / FILE), KEY)
    assert (verdict.entries, verdict.fault) == (3, None)


async def test_line_that_a_crash_cut_off_is_removed(tmp_path: Path):
    log = DisclosureLog(LogFile(tmp_path), KEY)
    log.add(entry())
    await log.close()
    with (tmp_path / FILE).open("ab") as file:
        file.write(b"0123 half a li")
    log = DisclosureLog(LogFile(tmp_path), KEY)
    log.add(entry("urn:x:2"))
    await log.close()
    verdict = verify(lines(tmp_path / FILE), KEY)
    assert (verdict.entries, verdict.fault) == (2, None)


async def test_nobody_is_answered_where_the_disk_takes_nothing(
    log: DisclosureLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(self: LogFile, text: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(LogFile, "append", full)
        log.add(entry())
        with pytest.raises(OSError, match="space"):
            await log.settled()
        assert log.pending
    await log.settled()
    assert verify(lines(tmp_path / FILE), KEY).entries == 1


async def test_what_one_caller_is_shown_of_one_entity_at_once_is_one_entry(log: DisclosureLog):
    for attribute in ("urn:a:1", "urn:a:2"):
        log.add(replace(entry(), attributes=(attribute,)))
    log.add(replace(entry(), actor="other"))
    (other, told) = await log.of("", HANA)
    assert (other["actor"], told["attributes"]) == ("other", ["urn:a:1", "urn:a:2"])
