"""The town as it was at a moment, out of the broker's history."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from apps.portal.app import PortalSettings, portal
from apps.portal.past import entities_at, in_force, town_at
from apps.portal.past_view import past_view
from apps.portal.state import LIGHT, ORDER, SHELTER, STATION, TenantState
from broker.client import Client, Entity, timestamp, value
from machi.seed.town import town_entities
from tests.apps.portal.conftest import Page
from tests.support.live import serve

AT = datetime(2020, 7, 3, 21, 0, tzinfo=UTC)
HITOYOSHI = "urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi"


def told(content: Any, minutes: float, *, written: bool = False) -> dict[str, Any]:
    """Return an instance of history, observed or written so many minutes after `AT`."""
    at = timestamp(AT + timedelta(minutes=minutes))
    return {"type": "Property", "value": content, "modifiedAt" if written else "observedAt": at}


def history(**attributes: Any) -> Entity:
    return {"id": HITOYOSHI, "type": STATION, **{name: [one] for name, one in attributes.items()}}


def level_of(*histories: Entity, today: Entity | None = None) -> Any:
    present = {} if today is None else {HITOYOSHI: today}
    (found,) = entities_at(present, histories, AT)
    return value(found, "waterLevel")


def test_what_changes_is_told_only_as_history_has_it():
    today = {"id": HITOYOSHI, "type": STATION, "name": told("Hitoyoshi", 0),
             "waterLevel": told(9, 999)}  # fmt: skip
    (found,) = entities_at({HITOYOSHI: today}, [], AT)
    assert (value(found, "name"), value(found, "waterLevel")) == ("Hitoyoshi", None)


def test_name_of_that_time_counts_before_that_of_today():
    today = {"id": HITOYOSHI, "type": STATION, "name": told("new", 0)}
    (found,) = entities_at({HITOYOSHI: today}, [history(name=told("old", -9, written=True))], AT)
    assert value(found, "name") == "old"


def test_newer_of_what_was_observed_and_what_was_written_counts():
    seen, kept = history(waterLevel=told(1, -9)), history(waterLevel=told(2, -5, written=True))
    assert level_of(seen, kept) == level_of(kept, seen) == 2


def test_value_of_the_moment_itself_counts_and_a_later_one_does_not():
    assert level_of(history(waterLevel=told(1, 0))) == 1
    assert level_of(history(waterLevel=told(1, 1))) is None


def test_what_was_deleted_by_then_is_not_shown():
    assert level_of(history(waterLevel=told("urn:ngsi-ld:null", -1, written=True))) is None
    gone = {**history(waterLevel=told(1, -9)), "deletedAt": timestamp(AT)}
    assert entities_at({}, [gone], AT) == []


FORCE = [
    ({"dateIssued": -5, "alertState": "active"}, True),
    ({"dateIssued": 5, "alertState": "active"}, False),
    ({"dateIssued": -5, "validTo": 1, "alertState": "ended"}, True),
    ({"dateIssued": -5, "validTo": 0, "alertState": "ended"}, False),
    ({"dateIssued": -5, "alertState": "superseded"}, False),
    ({"alertState": "active"}, False),
]


@pytest.mark.parametrize(("parts", "expected"), FORCE)
def test_alert_is_in_force_from_its_issue_to_its_end(parts: dict[str, Any], expected: bool):
    alert = {
        name: {"type": "Property", "value": part if isinstance(part, str) else
               timestamp(AT + timedelta(minutes=part))}
        for name, part in parts.items()
    }  # fmt: skip
    assert in_force(alert, AT) is expected


@pytest.fixture
async def river(broker: str, town: None) -> AsyncIterator[Client]:
    """A town of today whose river was measured in July 2020, too."""
    async with Client(broker) as client, aiohttp.ClientSession() as session:
        levels = [[1.5, "2020-07-03T20:50:00Z"], [4.2, "2020-07-03T21:00:00Z"]]
        levels.append([4.9, "2020-07-03T21:10:00Z"])
        body = {"id": HITOYOSHI, "type": STATION,
                "waterLevel": {"type": "Property", "values": levels}}  # fmt: skip
        async with session.post(f"{broker}/ngsi-ld/v1/temporal/entities", json=body) as answer:
            assert answer.status == 204
        yield client


async def test_town_of_a_moment_is_what_history_has_of_it(river: Client):
    present = TenantState()
    present.replace(town_entities())
    past = await town_at(river, present, AT)
    assert value(past.entities[HITOYOSHI], "waterLevel") == 4.2
    assert value(past.entities[HITOYOSHI], "dangerLevel") == 3.4
    assert value(past.of_type(SHELTER)[0], "openState") is None
    assert value(past.of_type(LIGHT)[0], "colour") is None
    view = past_view(past, TenantState(), "en", AT)
    assert view["parts"]["real"]["station"]["levelText"] == "4.20 m"
    assert (view["parts"]["real"]["stage"], view["parts"]["real"]["light"]) == (None, None)
    assert {shelter["stateText"] for shelter in view["shelters"]} == {"no record"}
    assert (view["day"], view["minute"], view["lit"]) == ("2020-07-04", 360, None)


async def test_state_of_a_moment_ago_is_known(river: Client):
    present = TenantState()
    present.replace(await river.query(type=f"{STATION},{LIGHT},{SHELTER}"))
    past = await town_at(river, present, datetime.now(UTC))
    assert value(past.of_type(SHELTER)[0], "openState") == "closed"
    assert value(past.of_type(LIGHT)[0], "effect") == "off"


def test_drill_is_shown_only_where_it_has_levels_of_that_time():
    drill = TenantState()
    drill.replace([{"id": HITOYOSHI, "type": STATION, "waterLevel": told(1, 0)}])
    assert "drill" in past_view(TenantState(), drill, "ja", AT)["parts"]
    later = AT + timedelta(days=2)
    assert "drill" not in past_view(TenantState(), drill, "ja", later)["parts"]


def test_town_without_any_record_says_so():
    part = past_view(TenantState(), TenantState(), "en", AT)["parts"]["real"]
    assert part["known"] is False


async def test_evacuation_information_of_a_moment_is_the_newest_by_then(river: Client):
    def order(name: str, minutes: float) -> Entity:
        parts = {"publicationState": "published", "refStation": HITOYOSHI, "alertLevel": 4,
                 "issuedAt": timestamp(AT + timedelta(minutes=minutes))}  # fmt: skip
        attributes = {member: {"type": "Property", "value": part} for member, part in parts.items()}
        headline = {"type": "LanguageProperty", "languageMap": {"en": name}}
        return {"id": f"urn:x:{name}", "type": ORDER, "headline": headline, **attributes}

    present = TenantState()
    present.replace([order("first", -20), order("second", -1), order("third", 1)])
    past = await town_at(river, present, AT)
    orders = past_view(past, TenantState(), "en", AT)["parts"]["real"]["orders"]
    assert [one["text"] for one in orders] == ["second"]


async def test_page_shows_a_past_moment_and_says_so(river: Client, page: Page):
    await page.ready.wait()
    asked = {"at": "2020-07-04T06:00", "lang": "en"}
    async with page.session.get("/", params=asked) as answer:
        text = await answer.text()
    assert answer.status == 200
    assert "The past: 2020-07-04 06:00 (Japan time), not now." in text
    assert 'Hitoyoshi <span class="amount">4.20 m</span>' in text


async def test_slider_without_scripts_leads_to_its_moment(page: Page):
    asked = {"day": "2020-07-04", "minute": "370", "lang": "en"}
    async with page.session.get("/", params=asked, allow_redirects=False) as answer:
        assert answer.status == 303
        assert answer.headers["Location"] == "/?at=2020-07-04T06:10&lang=en"


async def test_moment_to_come_leads_to_now(page: Page):
    async with page.session.get(
        "/", params={"at": "2999-01-01T00:00", "lang": "ja"}, allow_redirects=False
    ) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/?lang=ja")


@pytest.mark.parametrize(
    "query",
    [
        *("at=noon", "day=2020-07-04&minute=1440", "day=2020-07-04&minute=x", "day=x"),
        pytest.param(f"day=2020-07-04&minute={'9' * 4301}", id="more digits than Python reads"),
    ],
)
async def test_what_is_no_moment_is_refused(page: Page, query: str):
    async with page.session.get(f"/?{query}") as answer:
        assert answer.status == 400


async def test_past_cannot_be_told_without_the_broker():
    settings = PortalSettings("http://127.0.0.1:1", "drill")
    async with (
        serve(portal(settings)) as url,
        aiohttp.ClientSession(url) as session,
        session.get("/?at=2020-07-04T06:00") as answer,
    ):
        assert answer.status == 503
