"""The quarantine: kept with the reason, for its owner only, and forgotten in time."""

import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.common import quarantine
from adapters.common.quarantine import (
    DAYS,
    DECISIONS_DAYS,
    LONGEST,
    Decision,
    Held,
    Kind,
    Outcome,
    Quarantine,
)
from adapters.contract import Message
from broker.client import timestamp

NOW = datetime(2026, 7, 4, tzinfo=UTC)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Quarantine]:
    made = Quarantine(tmp_path / "quarantine", now=lambda: NOW)
    yield made
    made.close()


def message(payload: bytes = b"?", age: timedelta = timedelta()) -> Message:
    """Return a message of some age."""
    return Message("a/b", payload, timestamp(NOW - age))


async def test_a_message_is_held_with_its_reason_and_place(held: Quarantine):
    number = await held.put(message(b"\xff"), Kind.BAD, "not JSON", "body")
    [shown] = await held.list()
    assert (shown.id, shown.kind, shown.reason, shown.place, shown.size) == (
        number,
        "badPayload",
        "not JSON",
        "body",
        1,
    )
    assert await held.get(number) == (shown, b"\xff")


async def test_messages_older_than_the_retention_are_forgotten(held: Quarantine):
    await held.put(message(age=timedelta(days=DAYS, seconds=1)), Kind.BAD, "old")
    await held.put(message(age=timedelta(days=DAYS, seconds=-1)), Kind.BAD, "young")
    assert [one.reason for one in await held.list()] == ["young"]


async def test_of_each_kind_only_the_newest_are_kept(
    held: Quarantine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(quarantine, "MOST", 3)
    await held.put(message(), Kind.BAD, "bad")
    for number in range(5):
        await held.put(message(), Kind.UNKNOWN, str(number))
    assert [one.reason for one in await held.list()] == ["4", "3", "2", "bad"]


async def test_of_a_huge_message_the_beginning_is_kept(held: Quarantine):
    number = await held.put(message(b"x" * (LONGEST + 1)), Kind.BAD, "huge")
    found = await held.get(number)
    assert found is not None
    assert len(found[1]) == LONGEST


async def settled(held: Quarantine, outcome: Outcome = Outcome.DISCARDED) -> Held:
    """Hold a message and decide on it."""
    found = await held.get(await held.put(message(), Kind.BAD, "bad"))
    assert found is not None
    await held.settle(found[0], outcome, "notOurs", "17")
    return found[0]


async def test_a_settled_message_is_gone_and_the_decision_is_kept(held: Quarantine):
    one = await settled(held)
    assert await held.get(one.id) is None
    decision = Decision(one.id, "badPayload", "discarded", "notOurs", "17", timestamp(NOW))
    assert await held.decisions() == [decision]


async def test_of_two_who_decide_the_first_one_counts(held: Quarantine):
    one = await settled(held)
    await held.settle(one, Outcome.RETRIED, "mended", "23")
    assert [decision.person for decision in await held.decisions()] == ["17"]


async def test_decisions_are_forgotten_after_a_year(tmp_path: Path):
    clock = [NOW]
    held = Quarantine(tmp_path / "quarantine", now=lambda: clock[0])
    await settled(held)
    for days, left in ((0, 1), (1, 0)):
        clock[0] = NOW + timedelta(days=DECISIONS_DAYS + days)
        await held.prune()
        assert len(await held.decisions()) == left
    held.close()


async def test_only_the_owner_can_read_it(held: Quarantine, tmp_path: Path):
    await held.put(message(), Kind.BAD, "bad")
    folder = tmp_path / "quarantine"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


async def test_what_is_forgotten_is_in_no_file_any_more(tmp_path: Path):
    made = Quarantine(tmp_path / "quarantine", now=lambda: NOW)
    for payload in (b"Zq7 of hana", b"Zq7 of taro"):
        await made.put(message(payload), Kind.BAD, "not JSON")
    assert await made.forget(lambda one: b"hana" in one.payload) == 1
    files = b"".join(path.read_bytes() for path in (tmp_path / "quarantine").iterdir())
    made.close()
    assert b"Zq7 of hana" not in files
    assert b"Zq7 of taro" in files
