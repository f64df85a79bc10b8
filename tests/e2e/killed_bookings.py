"""The process of bookings that kills itself, the town around it, and people at its forms."""

import contextlib
import multiprocessing
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
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
from tests.support import free_port
from tests.support.patience import PATIENCE
from tests.support.until import until

LIVES = 10 * PATIENCE
"""Seconds until a test gives up on what the process comes to do after dying many times."""
PIN = re.compile(r"暗証番号：(\d+)")
HIDDEN = re.compile(r'name="(token|key)" value="([^"]*)"')
KINDS = ("FacilityBooking", "PaymentTransaction", "SlotClaim", "HolderClaim", "AccessGrant")
SPACE = "urn:ngsi-ld:BookableSpace:432148:gym"
ROOM = "urn:ngsi-ld:BookableSpace:432148:room"
DECIDED = {"confirmed", "cancelled", "suspended", "rejected"}
OVER = {"revoked", "expired"}
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.e2e.killable"])


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

        async def look() -> bool:
            self.revive()
            return await true()

        await until(look, LIVES)

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

    async def books(self, mail: str, space: str = "gym") -> str:
        """Book an hour of tomorrow; return the last part of the booking's id."""
        day = (self._stand.made.now + timedelta(days=1, hours=9)).date()
        who = {"name": "阿蘇 花子", "mail": mail, "minutes": "60"}
        page = f"{self._stand.url}/spaces/{space}?date={day}&lang=ja"
        key, hour = "", 9
        while True:
            wish = {**who, "start": f"{day}T{hour:02}:00:00+09:00"}
            wish |= {"key": key} if key else {}
            status, to, key = await self._sent(page, page.replace("?", "/book?"), wish, key)
            if status == 303:
                return to.rpartition("/")[2].partition("?")[0]
            assert status in (409, 503), f"{status}: the {space} cannot be booked on {day}"
            # The answer to the first try was lost, and with it who the citizen is.
            hour, key = (hour + 1, "") if status == 409 else (hour, key)

    async def does(self, local: str, deed: str, **fields: str) -> None:
        """Do something about a booking."""
        page = f"{self._stand.url}/bookings/{local}"
        await self._sent(f"{page}?lang=ja", f"{page}/{deed}?lang=ja", fields, "")

    async def closes(self, local: str) -> None:
        """Close the gym at the counter on the day of a booking."""
        day = value(await self._stand.made.client.retrieve(booking_id(local)), "usedOn")
        times = {"from": f"{day}T09:00", "to": f"{day}T21:00"}
        await self.at_counter("close", day=day, space=SPACE, reason="emergency", **times)

    async def at_counter(self, deed: str, **fields: str) -> None:
        """Have staff do something at the counter."""
        counter = f"http://127.0.0.1:{self._stand.settings.counter_port}"
        told = {"day": f"{self._stand.made.now:%Y-%m-%d}", "staff": "s-7", **fields}
        await self._sent(f"{counter}/?lang=ja", f"{counter}/act/{deed}?lang=ja", told, "")

    async def _sent(
        self, page: str, form: str, fields: dict[str, str], key: str
    ) -> tuple[int, str, str]:
        """Load a page and send its form; return status, the way onward and the form's key.

        A form that the page does not have any more has done its work.
        """
        to, sent = urlsplit(form).path, {"key": key, **fields}

        async def answered() -> tuple[int, str, str] | None:
            self._stand.revive()
            async with self._browser.get(page) as answer:
                text, status = await answer.text(), answer.status
            if status == 200 and f'action="{to}' not in text:
                return status, "", sent["key"]
            hidden = dict(HIDDEN.findall(text))
            sent["key"] = sent["key"] or hidden.get("key", "")
            sent["token"] = hidden["token"]
            async with self._browser.post(form, data=sent, allow_redirects=False) as answer:
                await answer.read()
            if answer.status == 403:
                return None
            return answer.status, answer.headers.get("Location", ""), sent["key"]

        async def tried() -> tuple[int, str, str] | None:
            try:
                return await answered()
            except (aiohttp.ClientError, OSError, KeyError):
                return None

        return await until(tried, LIVES)


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Stand]:
    """Set a town up around the process, which is not started yet."""
    sink = Sink()
    post = Controller(sink, hostname="127.0.0.1", port=free_port(), ready_timeout=PATIENCE)
    post.start()
    try:
        async with town(folder, "remotelock") as made:
            money = FakeProvider("secret", lambda: made.now.timestamp())
            await made.client.create(_space(SPACE))
            await made.client.create(_space(ROOM, approval=True))
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


def booking_id(local: str) -> str:
    """Return the id of a booking."""
    return f"urn:ngsi-ld:FacilityBooking:432148:{local}"


def _space(space_id: str, **rules: Any) -> Entity:
    values = {
        "spaceKind": "gymnasium",
        "slotMinutes": 60,
        "openingHours": [{"days": list(WEEK), "opens": "9:00", "closes": "21:00"}],
        "priceRules": [{"amountJPY": 300}],
        "bookingRules": {
            # A long run goes on for months of the town's time, a day for each kill.
            "closed": {"yearEnd": False},
            "cancellation": [{"daysBefore": 0, "percent": 100}],
            **rules,
        },
    }
    return {
        "id": space_id,
        "type": "BookableSpace",
        "name": {"type": "LanguageProperty", "languageMap": {"ja": "内牧体育館", "en": "Gym"}},
        **{name: {"type": "Property", "value": part} for name, part in values.items()},
        "refLock": {"type": "Relationship", "object": [lock_id("remotelock")]},
    }


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
        kept += sum(
            value(one, "amount")
            for one in found["PaymentTransaction"]
            if (value(one, "refFor"), value(one, "method"), value(one, "status"))
            == (own, "cashCounter", "captured")
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
    # What is decided here is paid or given up: nobody's place among the unpaid is taken any more.
    wrong += [one["id"] for one in found["HolderClaim"]]
    return wrong
