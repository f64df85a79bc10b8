"""Counts over HTTP: of who agreed, of no small group, and the same whoever asks how often."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.store.contract import Store
from broker.store.memory import MemoryStore
from consent.identity.model import Client as Known
from consent.releases.counting import ROUNDING
from consent.transform.counts import PARTNERS, PUBLIC, counted, released, suppressed
from tests.support.asgi import Answer, Ticking
from tests.support.persons import POLICIES, TAG, Town, attributes, holder, policy, town

COUNTS = "/ngsi-ld/ex/v1/counts"
FLOW = "urn:ngsi-ld:DataPurpose:flow"
DAY = "2026-01-01"
BRIDGE, CASTLE = "urn:ngsi-ld:Device:bridge", "urn:ngsi-ld:Device:castle"
BY = [
    {"op": "count", "attribute": attributes(refDetector="").popitem()[0]},
    {"op": "count", "attribute": attributes(dateObserved="").popitem()[0], "param": 3600},
]


def counting(local: str, **more: Any) -> dict[str, Any]:
    """Return a policy by which people are counted by detector and hour."""
    return policy(local, "aggregateOnly", {"types": [TAG]}, purposes=[FLOW], transform=BY, **more)


PUBLIC_COUNT, OFFICE_COUNT = counting("public"), counting("office", assignee=["role:staff"])


def people(first: int, count: int) -> list[str]:
    """Return names of persons."""
    return [f"p{n}" for n in range(first, first + count)]


class Square:
    """A town where persons with tags pass detectors."""

    def __init__(self, of: Town) -> None:
        self.town = of
        self.passed = 0

    async def agree(self, *names: str) -> None:
        """Let persons agree to be counted."""
        for name in names:
            client = Known(f"account:{name}", frozenset({"citizen"}), user=name)
            self.town.clients.put(client)
            await self.town.make(self.town.consent(name, FLOW), f"account:{name}")

    async def passing(self, place: str, hour: int, *names: str) -> None:
        """Let a detector see persons in an hour of the day."""
        begin = datetime.fromisoformat(f"{DAY}T{hour:02}:30:00+09:00").astimezone(UTC)
        for name in names:
            self.passed += 1
            told = attributes(
                refDetector=place,
                dateObserved=begin.strftime("%Y-%m-%dT%H:%M:%SZ"),
                refHolder=holder(name),
            )
            one = {"id": f"urn:ngsi-ld:TagDetection:{self.passed}", "type": TAG, **told}
            await self.town.make(one, "tags")

    async def ask(self, key: str = "", of: dict[str, Any] = PUBLIC_COUNT, day: str = DAY) -> Answer:
        """Ask for the table of a day."""
        return await self.town.ask("GET", f"{COUNTS}/{of['id']}?day={day}", key)

    async def table(self, key: str = "", of: dict[str, Any] = PUBLIC_COUNT) -> dict[Any, Any]:
        """Return the table by place and hour."""
        answer = await self.ask(key, of)
        assert answer.status == 200, answer.body
        return {(one["row"], one["from"][11:13]): one["people"] for one in answer.json()["counts"]}


def square(store: Store, folder: Path) -> AbstractAsyncContextManager[Town]:
    """Run a town that counts."""
    policies = [*POLICIES, PUBLIC_COUNT, OFFICE_COUNT]
    return town(store, folder, policies, counting=True)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Square]:
    async with square(MemoryStore(clock=Ticking()), tmp_path) as running:
        await running.open_up()
        await running.make(running.purpose(FLOW, recipients=["client:counts"]))
        yield Square(running)


async def test_who_agreed_is_counted_once_and_nobody_else(here: Square):
    agreed = people(0, 12)
    await here.agree(*agreed)
    await here.passing(BRIDGE, 8, *agreed, *agreed, *people(50, 20))
    assert await here.table() == {(BRIDGE, "08"): 10}


async def test_small_groups_are_in_no_row_and_no_column(here: Square):
    await here.agree(*people(0, 40))
    await here.passing(BRIDGE, 8, *people(0, 12))
    await here.passing(CASTLE, 8, *people(12, 28))
    await here.passing(CASTLE, 9, *people(0, 3))
    await here.passing(CASTLE, 10, *people(0, 14))
    await here.passing(CASTLE, 12, *people(0, 16))
    assert await here.table() == {
        (BRIDGE, "08"): 10,
        (BRIDGE, "12"): None,
        (CASTLE, "08"): 25,
        (CASTLE, "12"): 15,
    }


async def test_second_release_of_a_day_is_the_first_whoever_came_or_went(here: Square):
    await here.agree(*people(0, 20))
    await here.passing(BRIDGE, 8, *people(0, 20))
    first = await here.ask()
    await here.town.withdraw("p0", FLOW)
    await here.agree(*people(20, 30))
    await here.passing(BRIDGE, 8, *people(20, 30))
    second = await here.ask("office")
    assert (first.status, first.body) == (200, second.body)
    assert await here.table() == {(BRIDGE, "08"): 20}


async def test_another_policy_gets_no_second_table_of_the_same_people(here: Square):
    await here.agree(*people(0, 12))
    await here.passing(BRIDGE, 8, *people(0, 12))
    assert (await here.ask()).status == 200
    answer = await here.ask("office", OFFICE_COUNT)
    assert (answer.status, answer.json()["place"]) == (409, "path:policyId")


async def test_partners_are_told_of_five_and_strangers_of_nothing(here: Square):
    await here.agree(*people(0, 6))
    await here.passing(BRIDGE, 8, *people(0, 6))
    stranger = await here.ask("", OFFICE_COUNT)
    assert (stranger.status, stranger.json()["place"]) == (404, "path:policyId")
    assert await here.table("office", OFFICE_COUNT) == {(BRIDGE, "08"): 5}
    for key, known in (("", [PUBLIC]), ("office", [PUBLIC, PARTNERS])):
        offered = (await here.town.ask("GET", COUNTS, key)).json()
        assert [one["minimumGroupSize"] for one in offered] == known


@pytest.mark.parametrize(
    "day", ["", "2026-01-02", "2026-1-1", "2030-01-01", "1970-01-01", "2025-12-32"]
)
async def test_days_that_are_not_over_or_long_ago_are_refused(here: Square, day: str):
    answer = await here.ask(day=day)
    assert (answer.status, answer.json()["place"]) == (400, "query:day")


async def test_nobody_is_shown_and_nothing_is_logged(here: Square):
    await here.agree(*people(0, 12))
    await here.passing(BRIDGE, 8, *people(0, 12))
    answer = await here.ask()
    assert b"Holder" not in answer.body
    await here.town.log.settled()
    assert await here.town.log.of("", holder("p0"), 10) == []


async def test_what_was_released_outlives_a_restart(tmp_path: Path):
    store = MemoryStore(clock=Ticking())
    async with square(store, tmp_path) as running:
        await running.open_up()
        await running.make(running.purpose(FLOW, recipients=["client:counts"]))
        first = Square(running)
        await first.agree(*people(0, 12))
        await first.passing(BRIDGE, 8, *people(0, 12))
        told = (await first.ask()).body
    async with square(MemoryStore(clock=Ticking()), tmp_path) as again:
        assert (await Square(again).ask()).body == told


SEEN = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from("abc"), st.integers(0, 3)), max_size=200
)


@given(SEEN)
def test_no_table_tells_of_a_small_group(seen: list[tuple[int, str, int]]):
    whole = {(row, step): 0 for row in "abc" for step in range(4)} | counted(seen)
    hidden = suppressed(whole)
    for cell, told in released(whole, PUBLIC, ROUNDING).items():
        assert (told is None) == (cell in hidden)
        assert told is None or (told >= PUBLIC and told <= whole[cell])
