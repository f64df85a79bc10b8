"""Stopped at any effect or commit, before or after it, a booking is completed or undone.

Each scenario is run once for each place at which it can be stopped; what comes after is a new
process that knows only the broker, and a provider and a post that remember what reached them.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from apps.bookings.desk import Desk
from apps.bookings.edge.payments import Outcome
from apps.bookings.process.case import Method
from apps.bookings.process.runner import Process
from broker.client import value
from tests.apps.bookings.stage import (
    GYM,
    LEFT,
    NINE,
    RIGHT,
    Stage,
    broker,
    hours,
    space,
    stage,
    wish,
)
from tests.support import effort

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPACES = [space(GYM, (LEFT, RIGHT)), space(LEFT), space(RIGHT)]
EFFECTS = frozenset({"transactions", "charge", "look", "cancel", "refund", "send"})
MOST = 60
STRIDE = effort(quick=4, long=1)
"""The quick run stops the longer scenarios at each fourth place."""


class Killed(BaseException):
    """The process is gone."""


class Cut:
    """Stops at the place of a number: each effect has one before it and one after it."""

    def __init__(self, place: int) -> None:
        self.place = place
        self.passed = 0

    def here(self) -> None:
        self.passed += 1
        if self.passed == self.place:
            raise Killed

    def around(self, partner: Any) -> Any:
        return _Watched(partner, self)


class _Watched:
    def __init__(self, partner: Any, cut: Cut) -> None:
        self._partner, self._cut = partner, cut

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._partner, name)
        if name not in EFFECTS:
            return found

        async def call(*given: Any, **named: Any) -> Any:
            self._cut.here()
            answer = await found(*given, **named)
            self._cut.here()
            return answer

        return call


async def pays(town: Stage) -> None:
    """Book by card; the provider tells of the capture."""
    held = await town.desk.hold(wish())
    asked = await town.desk.pay(held.booking.id, Method.CARD)
    assert asked.charge is not None
    await town.provider.settle(asked.charge.id, Outcome.CAPTURED)
    await town.desk.noticed(asked.charge.id)


async def cancels(town: Stage) -> None:
    """Book by card, then cancel in time."""
    await pays(town)
    for booking in await town.all("FacilityBooking"):
        await town.desk.cancel(booking["id"])
    await town.tick()


async def pays_late(town: Stage) -> None:
    """Book by card; the capture comes after the hold has ended."""
    held = await town.desk.hold(wish())
    asked = await town.desk.pay(held.booking.id, Method.CARD)
    assert asked.charge is not None
    await town.later(minutes=16)
    await town.provider.settle(asked.charge.id, Outcome.CAPTURED)
    await town.desk.noticed(asked.charge.id)


async def moves(town: Stage) -> None:
    """Book by card, then move to the next day."""
    await pays(town)
    for booking in await town.all("FacilityBooking"):
        await town.desk.move(booking["id"], hours("2026-12-02 09:00", 2))
    await town.tick()


async def is_closed(town: Stage) -> None:
    """Book by card; the space is closed after."""
    await pays(town)
    await town.desk.close(LEFT, NINE, "works")
    await town.desk.sweep(LEFT)
    await town.tick()


SCENARIOS = [pays, cancels, pays_late, moves, is_closed]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with broker(tmp_path_factory.mktemp("killed")) as found:
        yield found


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.__name__)
async def test_stopped_anywhere_it_is_completed_or_undone(
    url: str, scenario: Callable[[Stage], Awaitable[None]]
):
    for place in range(1, MOST, 1 if scenario is pays else STRIDE):
        cut = Cut(place)
        async with stage(url, "", SPACES, cut.around) as town:
            try:
                await scenario(town)
                stopped = False
            except Killed:
                stopped = True
            await _restarted(town)
            await _check(town, f"{scenario.__name__}, stopped at {place}")
            await town.clear()
        if not stopped:
            assert cut.passed >= 8
            return
    raise AssertionError("a scenario has no end")


async def _restarted(town: Stage) -> None:
    """Go on with a new process until the hold is over and whoever repeats has repeated."""
    process = Process(
        town.client, town.locks, _unwrapped(town.process.provider), town.post, town.clock
    )
    town.process, town.desk = process, Desk(process)
    await town.desk.sweep(LEFT)
    await town.tick()
    await town.later(minutes=20)
    for key, charge in list(town.provider.charges.items()):
        if charge.status is Outcome.CAPTURED:
            await town.desk.noticed(key)
    await town.later(hours=2)


def _unwrapped(partner: Any) -> Any:
    return vars(partner).get("_partner", partner)


async def _check(town: Stage, where: str) -> None:
    money = town.provider.charges.values()
    kept = sum(one.amount - one.refunded for one in money if one.status is Outcome.CAPTURED)
    assert all(one.status is not Outcome.WAITING for one in money), where
    bookings = await town.all("FacilityBooking")
    claims = await town.claims()
    grants = [one for one in await town.all("AccessGrant") if value(one, "status") != "revoked"]
    if not bookings:
        assert (kept, claims, grants) == (0, [], []), where
        return
    [booking] = bookings
    letters = [one["status"] for one in value(booking, "progress")["letters"]]
    assert set(letters) == {"sent"}, where
    if value(booking, "status") == "confirmed":
        assert (kept, len(claims), len(grants)) == (600, 8, 1), where
        assert value(grants[0], "validFrom") < value(booking, "startAt"), where
        assert "confirmed" in town.post.kinds(), where
    else:
        assert value(booking, "status") in {"cancelled", "suspended"}, where
        assert (kept, claims, grants) == (0, [], []), where
    for name in town.post.kinds():
        assert town.post.kinds().count(name) == 1, where


async def test_a_half_booking_would_be_found(url: str):
    async with stage(url, "", SPACES) as town:
        await pays(town)
        await town.client.delete((await town.claims())[0])
        with pytest.raises(AssertionError):
            await _check(town, "by hand")
        await town.clear()
