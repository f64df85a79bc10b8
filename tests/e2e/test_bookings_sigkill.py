"""SIGKILL at any place of the guarded process: after a restart it is completed or undone.

The process is the real one, `machi.bookings`: pages, service and keys' worker, with their vault.
What it works with outlives it: a broker, a payment provider, a mail server, a vendor's cloud of
locks. It kills itself before and after each commit and each other effect (`killable.py`), one
after the other on the way of the same booking; the long run has each kill alone as well.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from apps.bookings.edge.payments import Outcome
from broker.client import value
from tests.e2e.killed_bookings import LIVES, Citizen, Stand, booking_id, opened, rests
from tests.support import effort

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(2 * LIVES)]

PEOPLE = count(1)
ALONE = effort(quick=False, long=True)
Scenario = Callable[[Stand, Citizen], Coroutine[Any, Any, None]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    async with opened(tmp_path_factory.mktemp("sigkill")) as found:
        yield found


def somebody() -> str:
    """Return the address of somebody new: one gets only so many letters a day."""
    return f"hanako{next(PEOPLE)}@example.jp"


async def pays(stand: Stand, citizen: Citizen) -> None:
    """Book and pay by card."""
    stand.arm()
    await _paid(stand, citizen)


async def cancels(stand: Stand, citizen: Citizen) -> None:
    """Cancel a booking that was paid."""
    local = await _paid(stand, citizen)
    await rests(stand)
    stand.arm()
    await citizen.does(local, "cancel")


async def pays_late(stand: Stand, citizen: Citizen) -> None:
    """Book by card; the capture comes after the hold has ended."""
    local = await citizen.books(somebody())
    charge = await _asked(stand, citizen, local)
    stand.arm()
    stand.later(minutes=16)
    await _ended(stand, local, "cancelled")
    await stand.money.settle(charge, Outcome.CAPTURED)


async def moves(stand: Stand, citizen: Citizen) -> None:
    """Move a booking that was paid to an hour of another day."""
    local = await _paid(stand, citizen)
    await rests(stand)
    stand.arm()
    day = (stand.made.now + timedelta(days=3)).date()
    await citizen.does(local, "change", date=f"{day}", time="15:00")


async def is_closed(stand: Stand, citizen: Citizen) -> None:
    """Close the gym in an emergency, with a booking that was paid."""
    local = await _paid(stand, citizen)
    await rests(stand)
    stand.arm()
    await citizen.closes(local)


async def is_closed_unpaid(stand: Stand, citizen: Citizen) -> None:
    """Close the gym while a booking is being paid by card; the capture comes after that."""
    local = await citizen.books(somebody())
    charge = await _asked(stand, citizen, local)
    stand.arm()
    await citizen.closes(local)
    await _ended(stand, local, "suspended")
    await stand.money.settle(charge, Outcome.CAPTURED)


async def is_approved(stand: Stand, citizen: Citizen) -> None:
    """Ask for a room; staff agree, and take the fee at the counter."""
    stand.arm()
    local = await citizen.books(somebody(), "room")
    await citizen.at_counter("approve", id=booking_id(local))
    await _ended(stand, local, "awaitingPayment")
    await citizen.does(local, "pay", method="cashCounter")
    await citizen.at_counter("cash", id=booking_id(local))
    for one in (await stand.all())["FacilityBooking"]:
        if value(one, "status") == "requested":
            # A try whose answer was lost: nobody knows of it any more.
            await citizen.at_counter("reject", id=one["id"])


async def _ended(stand: Stand, local: str, status: str) -> None:
    async def ended() -> bool:
        booking = await stand.made.client.retrieve(booking_id(local))
        return value(booking, "status") == status

    await stand.until(ended)


async def _paid(stand: Stand, citizen: Citizen) -> str:
    local = await citizen.books(somebody())
    await stand.money.settle(await _asked(stand, citizen, local), Outcome.CAPTURED)
    return local


async def _asked(stand: Stand, citizen: Citizen, local: str) -> str:
    """Choose to pay by card; return the charge once the process knows the provider has it."""
    await citizen.does(local, "pay", method="card")
    found: list[str] = []

    async def known() -> bool:
        payments = (await stand.all())["PaymentTransaction"]
        found[:] = [one["id"] for one in payments if value(one, "providerRef")]
        return bool(found)

    await stand.until(known)
    return found[0]


PAID_BACK = ["HttpProvider.refund", "commit FacilityBooking, PaymentTransaction refunded"]
CAPTURED_LATE = [
    "HttpProvider.cancel",
    "commit FacilityBooking, PaymentTransaction captured, PaymentTransaction pending",
    *PAID_BACK,
]
ISSUED = ["Vault.put pin", "Doors.put", "commit AccessGrant active"]
REVOKED = ["Doors.remove", "Vault.forget pin", "commit AccessGrant revoked"]
KEYS = "PaymentTransaction captured, AccessGrant requested"
TOLD = ["Mail.send", "commit FacilityBooking"]
EFFECTS: dict[Scenario, list[str]] = {
    pays: [
        "Vault.put name",
        "Vault.put mail",
        "Vault.put session",
        "commit FacilityBooking awaitingPayment, SlotClaim, HolderClaim",
        "commit FacilityBooking, PaymentTransaction pending",
        "HttpProvider.charge",
        "commit FacilityBooking, PaymentTransaction",
        "HttpProvider.look",
        f"commit FacilityBooking confirmed, -HolderClaim, {KEYS}",
        *ISSUED,
        *TOLD,
    ],
    cancels: [
        "commit FacilityBooking cancelled, -SlotClaim, PaymentTransaction pending, AccessGrant",
        *PAID_BACK,
        *REVOKED,
        *TOLD,
    ],
    pays_late: [
        "commit FacilityBooking cancelled, -SlotClaim, -HolderClaim, PaymentTransaction",
        *CAPTURED_LATE,
        *TOLD,
    ],
    moves: [
        "commit FacilityBooking, -SlotClaim, SlotClaim, AccessGrant, AccessGrant requested",
        *REVOKED,
        *ISSUED,
        *TOLD,
    ],
    is_closed: [
        "commit BookableSpace",
        "commit FacilityBooking suspended, -SlotClaim, PaymentTransaction pending, AccessGrant",
        *PAID_BACK,
        *REVOKED,
        *TOLD,
    ],
    is_closed_unpaid: [
        "commit BookableSpace",
        "commit FacilityBooking suspended, -SlotClaim, -HolderClaim, PaymentTransaction",
        *CAPTURED_LATE,
        *TOLD,
    ],
    is_approved: [
        "Vault.put name",
        "commit FacilityBooking requested, SlotClaim, HolderClaim",
        "Mail.send",
        "commit FacilityBooking awaitingPayment",
        "commit FacilityBooking, PaymentTransaction pending",
        f"commit FacilityBooking confirmed, -HolderClaim, {KEYS}",
        *ISSUED,
    ],
}
"""What each scenario must be killed before and after. The vault comes first wherever it counts."""


async def killed(stand: Stand, scenario: Scenario, spared: Iterable[str]) -> list[str]:
    """Play a scenario with a kill at each place but those spared; return where it was killed."""
    (stand.folder / "armed").unlink(missing_ok=True)
    (stand.folder / "cut").write_text("".join(f"{name}\n" for name in spared))
    before = len(stand.cut)
    stand.later(days=1)
    stand.start()
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            await scenario(stand, Citizen(stand, browser))
            await rests(stand)
            if not before:
                # What is written may be seen before the process comes to the place after it.
                await stand.until(partial(_was_killed_everywhere, stand, scenario))
                await rests(stand)
    finally:
        stand.end()
    await stand.clear()
    return stand.cut[before:]


async def _was_killed_everywhere(stand: Stand, scenario: Scenario) -> bool:
    return not [one for one in EFFECTS[scenario] if not _around(one, stand.cut)]


def _around(effect: str, places: list[str]) -> bool:
    """Say whether there was a kill before an effect, and one after or during it."""
    after = {f"after {effect}", f"during {effect}"}
    return f"before {effect}" in places and not after.isdisjoint(places)


@pytest.mark.parametrize("scenario", EFFECTS, ids=lambda one: one.__name__)
async def test_killed_at_any_place_it_is_completed_or_undone(stand: Stand, scenario: Scenario):
    places = await killed(stand, scenario, ())
    for effect in EFFECTS[scenario]:
        assert _around(effect, places), effect
    for place in dict.fromkeys(places) if ALONE else ():
        if not place.startswith("during "):
            await killed(stand, scenario, set(places) - {place})
