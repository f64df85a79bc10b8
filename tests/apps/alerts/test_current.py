"""What is told now, of everything that was ever issued."""

from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from apps.alerts.current import OVER_TOLD, orders_now, published_now
from apps.alerts.feed import atom
from broker.client import timestamp

NOW = datetime(2026, 7, 4, tzinfo=UTC)
ATOM = "{http://www.w3.org/2005/Atom}"


def entity(number: int, kind: str, **values: Any) -> dict[str, Any]:
    """Return an entity of plain values."""
    parts = {name: {"type": "Property", "value": part} for name, part in values.items()}
    headline = {"type": "LanguageProperty", "languageMap": {"ja": f"<{number}>", "en": f"{number}"}}
    return {"id": f"urn:ngsi-ld:{kind}:{number}", "type": kind, "headline": headline, **parts}


def order(number: int, state: str = "published", ago: float = 0, **more: Any) -> dict[str, Any]:
    """Return an evacuation order issued so many hours ago."""
    at = timestamp(NOW - timedelta(hours=ago))
    values = {"informationKind": "evacuationOrder", "refStation": "urn:s:1"} | more
    return entity(number, "EvacuationInformation", publicationState=state, issuedAt=at, **values)


def alert(number: int, state: str = "active", ago: float = 0, **more: Any) -> dict[str, Any]:
    """Return an alert issued, or ended, so many hours ago."""
    at = timestamp(NOW - timedelta(hours=ago))
    return entity(number, "Alert", alertState=state, dateIssued=at, validTo=at, **more)


def ids(found: list[dict[str, Any]]) -> list[int]:
    """Return the numbers of entities."""
    return [int(one["id"].rpartition(":")[2]) for one in found]


@pytest.mark.parametrize("state", ["draft", "discarded", "withdrawn"])
def test_only_what_staff_have_published_is_told(state: str):
    assert ids(orders_now([order(1, state), order(2, ago=1)], NOW)) == [2]


def test_newest_of_a_station_takes_the_place_of_those_before():
    known = [
        order(1, ago=2),
        order(2, ago=1),
        order(3, ago=3),
        order(4, ago=9, refStation="urn:s:2"),
    ]
    assert ids(orders_now(known, NOW)) == [2, 4]


def test_lifting_is_told_for_a_day_and_ends_the_order():
    lifted = order(2, informationKind="cancellation")
    assert ids(orders_now([order(1, ago=1), lifted], NOW)) == [2]
    assert orders_now([order(1, ago=1), lifted], NOW + OVER_TOLD) == []


def test_list_has_active_alerts_and_orders_newest_first_and_nothing_technical():
    known = [
        alert(1, ago=3),
        alert(2, "superseded", ago=2),
        alert(3, ago=1, subCategory="technical"),
        alert(4, "ended", ago=23),
        alert(5, "ended", ago=25),
        order(6, ago=2),
        order(7, "draft"),
    ]
    assert ids(published_now(known, NOW)) == [6, 1, 4]


def test_what_names_no_time_breaks_no_list():
    nameless = {**alert(1), "dateIssued": {"type": "Property", "value": "soon"}}
    assert ids(published_now([nameless, alert(2)], NOW)) == [2]


def test_feed_leads_to_a_document_of_each_in_the_language_asked_for():
    feed = ET.fromstring(atom([alert(1), order(2, ago=1)], "/cap/real", "Alerts", "ja", NOW))
    entries = feed.findall(f"{ATOM}entry")
    assert [one.findtext(f"{ATOM}title") for one in entries] == ["<1>", "<2>"]
    assert [one.find(f"{ATOM}link").attrib["href"] for one in entries] == [  # type: ignore[union-attr]
        "/cap/real/urn:ngsi-ld:Alert:1",
        "/cap/real/urn:ngsi-ld:EvacuationInformation:2",
    ]
    assert feed.findtext(f"{ATOM}updated") == "2026-07-04T09:00:00+09:00"


def test_empty_feed_says_as_of_when():
    feed = ET.fromstring(atom([], "/cap/real", "Alerts", "en", NOW))
    assert feed.findall(f"{ATOM}entry") == []
    assert feed.findtext(f"{ATOM}updated") == "2026-07-04T00:00:00+00:00"
