"""Many at once: one booking for one slot, one effect for one request."""

import asyncio
from pathlib import Path

from apps.bookings.edge.payments import Outcome
from apps.bookings.process.case import Method, Status
from apps.bookings.process.runner import Taken
from tests.apps.bookings.stage import GYM, LEFT, RIGHT, broker, space, stage, wish

CLIENTS = 200
REPLAYS = 1000
AT_ONCE = 40


async def test_200_clients_race_for_one_slot_and_one_has_it(tmp_path: Path):
    spaces = [space(GYM, (LEFT, RIGHT)), space(LEFT), space(RIGHT)]
    async with broker(tmp_path) as url, stage(url, "aso", spaces) as town:

        async def attempt(number: int) -> str:
            holder = f"urn:ngsi-ld:Holder:432148:{number}"
            wanted = (GYM, LEFT)[number % 2]
            try:
                case = await town.desk.hold(wish(holder=holder, space=wanted))
            except Taken:
                return ""
            return case.booking.id

        served = [one for one in await asyncio.gather(*map(attempt, range(CLIENTS))) if one]
        assert len(served) == 1
        assert [one["id"] for one in await town.all("FacilityBooking")] == served
        assert len(await town.claims()) in (4, 8)


async def test_1000_replays_of_a_request_have_one_effect(tmp_path: Path):
    async with broker(tmp_path) as url, stage(url, "aso", [space(GYM)]) as town:
        turns = asyncio.Semaphore(AT_ONCE)

        async def replay(_: int) -> str:
            async with turns:
                return (await town.desk.hold(wish())).booking.id

        ids = await asyncio.gather(*map(replay, range(REPLAYS)))
        assert len(set(ids)) == 1
        assert len(await town.all("FacilityBooking")) == 1
        assert len(await town.claims()) == 4
        charge = (await town.desk.pay(ids[0], Method.CARD)).charge
        assert charge is not None
        await town.provider.settle(charge.id, Outcome.CAPTURED)
        await asyncio.gather(*(town.desk.noticed(charge.id) for _ in range(20)))
        [booking] = await town.all("FacilityBooking")
        case, _ = await town.process.load(booking["id"])
        assert (case.booking.status, case.paid) == (Status.CONFIRMED, 600)
        assert len(await town.all("AccessGrant")) == 1
        assert town.post.kinds() == ["confirmed"]
        assert list(town.provider.charges) == [charge.id]
