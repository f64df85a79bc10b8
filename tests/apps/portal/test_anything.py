"""Whatever an entity says, the page of the town is shown."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts import cap
from apps.alerts.current import NEVER, published_now, sent_at
from apps.alerts.feed import atom
from apps.portal.each import place_of
from apps.portal.pages import Pages
from apps.portal.past_view import past_view
from apps.portal.scale import gauge_scale
from apps.portal.state import LIGHT, SHELTER, STATION, TenantState
from apps.portal.view import shelter_view
from broker.client import Entity
from machi.seed.town import town_entities
from tests.apps.alerts.test_anything import ANYTHING

NOW = datetime(2026, 7, 4, tzinfo=UTC)
AT = "2026-07-04T00:00:00Z"


def made(entity_id: str, kind: str, **values: Any) -> Entity:
    """Return an entity of plain values."""
    parts = {name: {"type": "Property", "value": part} for name, part in values.items()}
    return {"id": entity_id, "type": kind, **parts}


def first(kind: str) -> Entity:
    """Return the first entity of the demo town of a type."""
    return next(entity for entity in town_entities() if kind in entity["type"])


TEXT = {"ja": "川", "en": "river"}
DRILL = made(
    *("urn:ngsi-ld:Drill:1", "Drill"),
    drillState="running",
    startedAt=AT,
    expectedEnd="2026-07-04T00:10:00Z",
    playedFrom="2020-07-04T00:00:00Z",
    playedUntil="2020-07-04T08:00:00Z",
    speed=60,
)
ALERT = made(
    *("urn:ngsi-ld:Alert:1", "Alert"),
    subCategory="flood",
    alertState="active",
    alertLevel=4,
    dateIssued=AT,
    validTo=AT,
    operationStatus="normal",
    headline=TEXT,
    references=[],
    location={"type": "Point", "coordinates": [130.7, 32.2]},
)
ORDER = made(
    *("urn:ngsi-ld:EvacuationInformation:1", "EvacuationInformation"),
    publicationState="published",
    informationKind="evacuationOrder",
    alertLevel=4,
    issuedAt=AT,
    headline=TEXT,
    body=TEXT,
    areas=[{"name": "x"}],
    expiresAt=AT,
    operationStatus="normal",
    references=[],
    areaGeometry={},
)
LEVEL = {"type": "Property", "value": 3.5, "observedAt": AT}
TOWN = [
    {**first(STATION), "waterLevel": LEVEL, "stageSince": {"type": "Property", "value": AT}},
    *(first(LIGHT), first(SHELTER), ALERT, ORDER, DRILL),
]


HUB = SimpleNamespace(version=0)
PAGES = Pages(HUB, clock=lambda: NOW)  # type: ignore[arg-type]
"""Made once: their templates are dear to read."""


def render(town: list[Entity]) -> None:
    """Render all that the portal makes of a town, in the real river and in the drill's."""
    state = TenantState(connected=True)
    state.replace(town)
    HUB.real = HUB.drill = state
    HUB.version += 1
    PAGES.page("ja")
    PAGES.event("en")
    past_view(state, state, "ja", NOW)
    now = published_now(town, NOW)
    atom(now, "/cap/real", "town", "ja", NOW)
    for entity in now:
        if cap.is_public(entity) and sent_at(entity) != NEVER:
            cap.document(entity)


@given(data=st.data(), odd=st.integers(0, len(TOWN) - 1), content=ANYTHING)
def test_any_value_of_any_attribute_leaves_the_page(data: st.DataObject, odd: int, content: Any):
    names = sorted(set(TOWN[odd]) - {"id", "type", "@context"})
    name = data.draw(st.sampled_from(names))
    kind = data.draw(st.sampled_from(["value", "json", "languageMap", "object"]))
    instance = {"type": "Property", kind: content, "observedAt": AT}
    render([*TOWN[:odd], {**TOWN[odd], name: instance}, *TOWN[odd + 1 :]])


@pytest.mark.parametrize("level", [1e308, -1e308, 8.0, 8.1])
def test_scale_has_an_end_whatever_the_level(level: float):
    assert gauge_scale({"id": "urn:a:b"}, level)["top"] >= min(level, 8.0)


def test_shelter_that_is_an_area_lies_in_its_middle():
    ring = [[130.0, 32.0], [130.2, 32.0], [130.2, 32.4], [130.0, 32.4]]
    area = {"type": "GeoProperty", "value": {"type": "Polygon", "coordinates": [ring]}}
    assert shelter_view({**first(SHELTER), "location": area}, "ja")["position"] == pytest.approx(
        [130.1, 32.2]
    )


@pytest.mark.parametrize("location", [None, 5, {}, {"coordinates": "x"}, {"coordinates": [1]}])
def test_what_is_no_place_is_nowhere(location: object):
    assert place_of({"id": "urn:a:b", "location": {"value": location}}) is None
