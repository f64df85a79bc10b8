"""At the counter: PINs are shown and sent again, noting who did; misuse of doors is told."""

from dataclasses import replace

import aiohttp
import pytest

from apps.bookings.app import counter
from apps.bookings.process.case import Posted
from apps.bookings.process.machine import NotPossible
from apps.keys.sentry import Sentry
from apps.shell.entrance import Entrance, Person
from broker.client import value
from tests.apps.bookings.browsing import Pages
from tests.apps.bookings.stage import GYM, LOCK, hours, wish
from tests.support.live import serve

BY = "urn:ngsi-ld:Staff:s-7"


async def test_staff_show_a_pin_and_the_holder_sees_who_looked(pages: Pages):
    path = await pages.book()
    booking = f"urn:ngsi-ld:FacilityBooking:432148:{path.rpartition('/')[2]}"
    await pages.town.desk.cash(booking)
    await pages.town.process.settle(booking)
    case, _ = await pages.town.process.load(booking)
    pin = await pages.town.locks.code(case.booking.keys[0].grant)
    day = await pages.seen("/?day=2026-12-01&lang=en")
    assert str(pin) not in day
    told = {"day": "2026-12-01", "id": booking, "staff": "s-7"}
    assert pages.noting.shown == []
    status, _, text = await pages.send(pages.desk, "/act/pin?lang=en", day, **told)
    assert (status, f"PIN: {pin}" in text) == (200, True)
    (shown,) = pages.noting.shown
    assert (shown.holder, shown.target) == (case.booking.holder, booking)
    assert (shown.user, shown.action, shown.attributes) == (BY, "decrypt", ("pin",))
    assert "staff s-7 looked at the PIN" in text
    assert "staff s-7 looked at the PIN" in await pages.page(f"{path}?lang=en")
    assert "looked at" in await pages.seen("/?day=2026-12-01&lang=en")


async def test_pin_that_is_sent_again_is_a_letter_of_its_own(pages: Pages):
    case = await pages.town.booked()
    after = await pages.town.desk.sent_again(case.booking.id, BY)
    assert pages.town.post.kinds() == ["confirmed", "key"]
    pin = await pages.town.locks.code(case.booking.keys[0].grant)
    assert list(pages.town.post.sent[-1][3].values()) == [pin]
    assert [(one.by, one.how) for one in after.booking.looks] == [(BY, "sent")]


async def test_pin_that_has_nowhere_to_go_is_not_said_to_be_sent(pages: Pages):
    pages.town.post.result = Posted.UNSENT
    case = await pages.town.booked()
    day = await pages.seen("/?day=2026-12-01&lang=en")
    told = {"day": "2026-12-01", "id": case.booking.id, "staff": "s-7"}
    status, _, text = await pages.send(pages.desk, "/act/resend?lang=en", day, **told)
    assert (status, "Show the PIN instead" in text) == (200, True)
    assert "The PIN is being sent again" not in text


async def test_without_a_mail_server_the_counter_says_so_once_and_lists_no_letters(pages: Pages):
    for key, result in (("1", Posted.UNSENT), ("2", Posted.FAILED)):
        pages.town.post.result = result
        await pages.town.booked(key=key, span=hours(f"2026-12-01 1{key}:00"))
    async with (
        serve(counter(replace(pages.site, mails=False))) as url,
        pages.desk.get(f"{url}/?day=2026-12-01&lang=en") as answer,
    ):
        text = await answer.text()
    assert text.count("No mail server is set up") == 1
    assert "Mail did not arrive" not in text
    with_server = await pages.seen("/?day=2026-12-01&lang=en")
    assert "No mail server is set up" not in with_server
    assert with_server.count("Mail did not arrive") == 1


async def test_where_no_pin_is_issued_none_is_shown_and_nobody_noted(pages: Pages):
    held = await pages.town.desk.hold(wish())
    with pytest.raises(NotPossible, match="no_pin"):
        await pages.town.desk.shown(held.booking.id, BY)
    assert (await pages.town.case(held)).booking.looks == ()


async def test_misuse_of_a_door_is_told_at_the_counter_until_somebody_has_seen_it(pages: Pages):
    values = {
        "eventType": "doorForced",
        "method": "unknown",
        "dateObserved": "2026-11-26T02:30:00Z",
    }
    event = {
        "id": "urn:ngsi-ld:AccessEvent:432148:1",
        "type": "AccessEvent",
        "refLock": {"type": "Relationship", "object": LOCK},
        **{name: {"type": "Property", "value": part} for name, part in values.items()},
    }
    sentry = Sentry(pages.town.client, pages.town.clock)
    await sentry.step()
    assert "forced open" not in await pages.seen("/?lang=en")
    await pages.town.client.create(event)
    await sentry.step()
    day = await pages.seen("/?lang=en")
    assert "11:30 (Japan time) Gym: forced open" in day
    [alert] = await pages.town.all("AccessAlert")
    told = {"day": "2026-11-26", "id": alert["id"], "staff": "s-7"}
    status, _, text = await pages.send(pages.desk, "/act/seen?lang=en", day, **told)
    assert (status, "forced open" in text) == (200, False)
    [alert] = await pages.town.all("AccessAlert")
    assert value(alert, "refOperator") == BY


async def test_only_alerts_of_doors_can_be_noted_as_seen(pages: Pages):
    day = await pages.seen("/?lang=en")
    told = {"day": "2026-11-26", "id": GYM, "staff": "s-7"}
    status, _, _ = await pages.send(pages.desk, "/act/seen?lang=en", day, **told)
    assert status == 404


async def test_counter_is_for_who_has_to_do_with_the_facilities(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
):
    """It shows PINs and misuse of doors, which the broker shows no other section either."""
    roles: set[str] = set()

    async def person(entrance: Entrance, request: object) -> Person:
        return Person("p-1", frozenset(roles), "token")

    monkeypatch.setattr(Entrance, "person", person)
    site = replace(pages.site, sign_in=True)
    shut, opened = {}, {}
    async with serve(counter(site)) as url, aiohttp.ClientSession(url) as session:
        for role in ("citizen", "officer:privacy", "staff:river", "staff:finance"):
            roles = {role}
            shut[role] = await _status(session)
        for role in ("staff:facilities", "staff:disaster", "administrator"):
            roles = {role}
            opened[role] = await _status(session)
    assert set(shut.values()) == {(403, 403)}, shut
    assert set(opened.values()) == {(200, 200)}, opened


async def _status(session: aiohttp.ClientSession) -> tuple[int, ...]:
    """Return what the day and the ledger answer with."""
    found = []
    for path in ("/", "/ledger.csv"):
        async with session.get(path) as answer:
            found.append(answer.status)
    return tuple(found)
