"""SIGKILL at any place of the guarded process: after a restart it is completed or undone.

The process is the real one, `machi.bookings`: pages, service and keys' worker, with their vault.
What it works with outlives it: a broker, a payment provider, a mail server, a vendor's cloud of
locks. It kills itself before and after each commit and each other effect (`killable.py`), one
after the other on the way of the same booking; the long run has each kill alone as well.
"""

import asyncio
import contextlib
import multiprocessing
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from datetime import datetime, timedelta
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from aiosmtpd.controller import Controller

from apps.bookings.core.hours import WEEK
from apps.bookings.edge.fake_provider import FakeProvider, serving
from apps.bookings.edge.mail import Server
from apps.bookings.edge.payments import Outcome
from broker.client import Entity, NotFound, value
from machi.bookings import BookingsSettings
from tests.apps.bookings.test_mail import Sink
from tests.apps.keys.town import Town, lock_id, town
from tests.e2e.killable import Orders, serve
from tests.support import effort, free_port
from tests.support.patience import PATIENCE

LIVES = 10 * PATIENCE
"""Seconds until a test gives up on what the process comes to do after dying many times."""

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(2 * LIVES)]

PIN = re.compile(r"暗証番号：(\d+)")
HIDDEN = re.compile(r'name="(token|key)" value="([^"]*)"')
KINDS = ("FacilityBooking", "PaymentTransaction", "SlotClaim", "AccessGrant")
SPACE = "urn:ngsi-ld:BookableSpace:432148:gym"
DECIDED = {"confirmed", "cancelled", "suspended"}
OVER = {"revoked", "expired"}
ALONE = effort(quick=False, long=True)
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.e2e.killable"])

Scenario = Callable[["Stand", "Citizen"], Coroutine[Any, Any, None]]


class Stand:
    """The town around the process, and the process, which is started again whenever it died."""

    def __init__(
        self, folder: Path, made: Town, money: FakeProvider, sink: Sink, settings: BookingsSettings
    ) -> None:
        self.folder, self.made, self.money, self.sink = folder, made, money, sink
        self.settings, self.url = settings, settings.home
        self.process: BaseProcess | None = None

    def start(self) -> None:
        """Start the process."""
        orders = Orders(self.settings, self.folder)
        self.process = PROCESSES.Process(target=serve, args=(orders,), daemon=True)
        self.process.start()

    def end(self) -> None:
        """Kill the process."""
        if self.process is not None:
            self.process.kill()
            self.process.join()

    def revive(self) -> None:
        """Start the process again if it has killed itself."""
        assert self.process is not None
        if self.process.exitcode is not None:
            assert self.process.exitcode == -signal.SIGKILL, "the process ended by itself"
            self.start()

    def arm(self) -> None:
        """Let the process kill itself from now on."""
        (self.folder / "armed").touch()

    @property
    def cut(self) -> list[str]:
        """Return the places at which it has killed itself."""
        return (self.folder / "cut").read_text().splitlines()

    def later(self, **length: float) -> None:
        """Turn the clock, for the process too."""
        self.made.now += timedelta(**length)
        told = self.folder / "clock.new"
        told.write_text(str(self.made.now.timestamp()))
        told.replace(self.folder / "clock")

    async def until(self, true: Callable[[], Awaitable[bool]]) -> None:
        """Wait for something, reviving the process meanwhile, which may take many lives."""
        async with asyncio.timeout(LIVES):
            while not await true():
                self.revive()
                await asyncio.sleep(0.02)

    async def all(self) -> dict[str, list[Entity]]:
        """Return what the broker has of bookings, by type."""
        found: dict[str, list[Entity]] = {}
        for kind in KINDS:
            found[kind] = []
            with contextlib.suppress(NotFound):
                found[kind] = await self.made.client.query(type=kind)
        return found

    async def clear(self) -> None:
        """Let nothing be left of a round."""
        for kind in (await self.all()).values():
            for one in kind:
                await self.made.client.delete(one["id"])
        self.money.charges.clear()
        self.sink.mails.clear()


class Citizen:
    """Somebody who fills in forms, and does so again where no answer comes."""

    def __init__(self, stand: Stand, browser: aiohttp.ClientSession) -> None:
        self._stand, self._browser = stand, browser

    async def books(self, mail: str) -> str:
        """Book an hour of tomorrow; return the last part of the booking's id."""
        day = (self._stand.made.now + timedelta(days=1, hours=9)).date()
        who = {"name": "阿蘇 花子", "mail": mail, "minutes": "60"}
        page = f"{self._stand.url}/spaces/gym?date={day}&lang=ja"
        key, hour = "", 9
        while True:
            wish = {**who, "start": f"{day}T{hour:02}:00:00+09:00"}
            wish |= {"key": key} if key else {}
            status, to, key = await self._sent(page, page.replace("gym?", "gym/book?"), wish, key)
            if status == 303:
                return to.rpartition("/")[2].partition("?")[0]
            # The answer to the first try was lost, and with it who the citizen is.
            hour, key = (hour + 1, "") if status == 409 else (hour, key)

    async def does(self, local: str, deed: str, **fields: str) -> None:
        """Do something about a booking."""
        page = f"{self._stand.url}/bookings/{local}"
        await self._sent(f"{page}?lang=ja", f"{page}/{deed}?lang=ja", fields, "")

    async def closes(self, local: str) -> None:
        """Close the gym at the counter on the day of a booking."""
        known = f"urn:ngsi-ld:FacilityBooking:432148:{local}"
        day = value(await self._stand.made.client.retrieve(known), "usedOn")
        counter = f"http://127.0.0.1:{self._stand.settings.counter_port}"
        told = {"day": day, "space": SPACE, "staff": "s-7", "reason": "emergency",
                "from": f"{day}T09:00", "to": f"{day}T21:00"}  # fmt: skip
        await self._sent(f"{counter}/?lang=ja", f"{counter}/act/close?lang=ja", told, "")

    async def _sent(
        self, page: str, form: str, fields: dict[str, str], key: str
    ) -> tuple[int, str, str]:
        """Load a page and send its form; return status, the way onward and the form's key.

        A form that the page does not have any more has done its work.
        """
        to = urlsplit(form).path
        async with asyncio.timeout(LIVES):
            while True:
                self._stand.revive()
                try:
                    async with self._browser.get(page) as answer:
                        text, status = await answer.text(), answer.status
                    if status == 200 and f'action="{to}' not in text:
                        return status, "", key
                    hidden = dict(HIDDEN.findall(text))
                    key = key or hidden.get("key", "")
                    sent = {"token": hidden["token"], "key": key, **fields}
                    async with self._browser.post(form, data=sent, allow_redirects=False) as answer:
                        await answer.read()
                        if answer.status != 403:
                            return answer.status, answer.headers.get("Location", ""), key
                except (aiohttp.ClientError, OSError, KeyError):
                    await asyncio.sleep(0.02)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    folder = tmp_path_factory.mktemp("sigkill")
    sink = Sink()
    post = Controller(sink, hostname="127.0.0.1", port=free_port(), ready_timeout=PATIENCE)
    post.start()
    try:
        async with town(folder, "remotelock") as made:
            money = FakeProvider("secret", lambda: made.now.timestamp())
            await made.client.create(_space())
            async with serving(money) as pay:
                port = free_port()
                secret = folder / "bookings"
                secret.mkdir()
                settings = BookingsSettings(
                    made.client.url,
                    secret,
                    port,
                    free_port(),
                    home=f"http://127.0.0.1:{port}",
                    pay=pay,
                    pay_secret="secret",
                    mail=Server("127.0.0.1", post.port, "yoyaku@aso.example"),
                    adapters=folder / "state",
                )
                found = Stand(folder, made, money, sink, settings)
                try:
                    yield found
                finally:
                    found.end()
    finally:
        post.stop()


def _space() -> Entity:
    values = {
        "spaceKind": "gymnasium",
        "slotMinutes": 60,
        "openingHours": [{"days": list(WEEK), "opens": "9:00", "closes": "21:00"}],
        "priceRules": [{"amountJPY": 300}],
        "bookingRules": {"cancellation": [{"daysBefore": 0, "percent": 100}]},
    }
    return {
        "id": SPACE,
        "type": "BookableSpace",
        "name": {"type": "LanguageProperty", "languageMap": {"ja": "内牧体育館", "en": "Gym"}},
        **{name: {"type": "Property", "value": part} for name, part in values.items()},
        "refLock": {"type": "Relationship", "object": [lock_id("remotelock")]},
    }


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
    local = await citizen.books("hanako@example.jp")
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
    local = await citizen.books("hanako@example.jp")
    charge = await _asked(stand, citizen, local)
    stand.arm()
    await citizen.closes(local)
    await _ended(stand, local, "suspended")
    await stand.money.settle(charge, Outcome.CAPTURED)


async def _ended(stand: Stand, local: str, status: str) -> None:
    async def ended() -> bool:
        booking = await stand.made.client.retrieve(f"urn:ngsi-ld:FacilityBooking:432148:{local}")
        return value(booking, "status") == status

    await stand.until(ended)


async def _paid(stand: Stand, citizen: Citizen) -> str:
    local = await citizen.books("hanako@example.jp")
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


async def rests(stand: Stand) -> None:
    """Let time pass until nothing is to be done. Whoever has a notice to give gives it again."""

    async def at_rest() -> bool:
        stand.later(seconds=20)
        stand.made.cloud.sync()
        found = await stand.all()
        noted = {one["id"] for one in found["PaymentTransaction"]
                 if value(one, "status") == "captured"}  # fmt: skip
        for key, one in list(stand.money.charges.items()):
            if one.status is Outcome.CAPTURED and key not in noted:
                await stand.money.settle(key, Outcome.CAPTURED)
                return False
        now = f"{stand.made.now:%Y-%m-%dT%H:%M:%SZ}"
        waiting = [one for one in found["FacilityBooking"] if value(one, "dueAt") <= now]
        return not waiting and not await half_done(stand)

    try:
        await stand.until(at_rest)
    except TimeoutError:
        raise AssertionError(await half_done(stand)) from None


async def half_done(stand: Stand) -> list[str]:
    """Return what is neither completed nor undone: money, slots, keys, letters of a booking."""
    found, wrong = await stand.all(), []
    pins = {pin for mail in stand.sink.mails for pin in PIN.findall(mail.get_content())}
    for booking in found["FacilityBooking"]:
        own, status = booking["id"], value(booking, "status")
        kept = sum(
            one.amount - one.refunded
            for key, one in stand.money.charges.items()
            if f":{own.rpartition(':')[2]}-" in key and one.status is Outcome.CAPTURED
        )
        told = value(booking, "progress")
        claims = {one["id"] for one in found["SlotClaim"] if value(one, "refBooking") == own}
        slots = len(claims.intersection(told["claims"])) if claims else 0
        wrong += sorted(claims.difference(told["claims"]))
        grants = [one for one in found["AccessGrant"] if value(one, "refBooking") == own]
        keys = [state for one in grants if (state := value(one, "status")) not in OVER]
        start = datetime.fromisoformat(value(booking, "startAt"))
        opens = any(stand.made.cloud.locks["lock-1"].who(pin, start) for pin in pins)
        mail = {one["status"] for one in told.get("letters", [])}
        wanted = (300, 2, ["active"], True) if status == "confirmed" else (0, 0, [], False)
        if status not in DECIDED or (kept, slots, keys, opens) != wanted or mail - {"sent"}:
            wrong.append(f"{own} is {status}: {kept} yen, {slots} slots, {keys}, {opens}, {mail}")
    known = {one["id"] for one in found["FacilityBooking"]}
    wrong += [one["id"] for one in found["SlotClaim"] if value(one, "refBooking") not in known]
    return wrong


EFFECTS: dict[Scenario, list[str]] = {
    pays: [
        "Vault.put name",
        "Vault.put mail",
        "Vault.put session",
        "commit FacilityBooking awaitingPayment, SlotClaim",
        "commit FacilityBooking, PaymentTransaction pending",
        "HttpProvider.charge",
        "commit FacilityBooking, PaymentTransaction",
        "HttpProvider.look",
        "commit FacilityBooking confirmed, PaymentTransaction captured, AccessGrant requested",
        "Vault.put pin",
        "Doors.put",
        "commit AccessGrant active",
        "Mail.send",
        "commit FacilityBooking",
    ],
    cancels: [
        "commit FacilityBooking cancelled, -SlotClaim, PaymentTransaction pending, AccessGrant",
        "HttpProvider.refund",
        "commit FacilityBooking, PaymentTransaction refunded",
        "Doors.remove",
        "Vault.forget pin",
        "commit AccessGrant revoked",
        "Mail.send",
        "commit FacilityBooking",
    ],
    pays_late: [
        "commit FacilityBooking cancelled, -SlotClaim, PaymentTransaction",
        "HttpProvider.cancel",
        "commit FacilityBooking, PaymentTransaction captured, PaymentTransaction pending",
        "HttpProvider.refund",
        "commit FacilityBooking, PaymentTransaction refunded",
        "Mail.send",
        "commit FacilityBooking",
    ],
    moves: [
        "commit FacilityBooking, -SlotClaim, SlotClaim, AccessGrant, AccessGrant requested",
        "Doors.remove",
        "Vault.forget pin",
        "commit AccessGrant revoked",
        "Vault.put pin",
        "Doors.put",
        "commit AccessGrant active",
        "Mail.send",
        "commit FacilityBooking",
    ],
    is_closed: [
        "commit BookableSpace",
        "commit FacilityBooking suspended, -SlotClaim, PaymentTransaction pending, AccessGrant",
        "HttpProvider.refund",
        "commit FacilityBooking, PaymentTransaction refunded",
        "Doors.remove",
        "Vault.forget pin",
        "commit AccessGrant revoked",
        "Mail.send",
        "commit FacilityBooking",
    ],
    is_closed_unpaid: [
        "commit BookableSpace",
        "commit FacilityBooking suspended, -SlotClaim, PaymentTransaction",
        "HttpProvider.cancel",
        "commit FacilityBooking, PaymentTransaction captured, PaymentTransaction pending",
        "HttpProvider.refund",
        "commit FacilityBooking, PaymentTransaction refunded",
        "Mail.send",
        "commit FacilityBooking",
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
    for place in places if ALONE else ():
        await killed(stand, scenario, set(places) - {place})
