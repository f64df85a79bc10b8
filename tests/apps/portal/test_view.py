"""What the page shows, in both languages, from entities."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.alerts.drill import drill_clock
from apps.portal.state import TenantState
from apps.portal.texts import TEXTS, light_words
from apps.portal.times import age_text
from apps.portal.view import situation, town_view
from broker.client import timestamp
from machi.seed.town import drill_entities, town_entities

NOW = datetime(2026, 7, 4, 0, 0, tzinfo=UTC)
STATION = "urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi"


def state(entities: list[dict[str, Any]], level: float | None = None, age: int = 10) -> TenantState:
    """Return a tenant of these entities, with a level measured `age` seconds ago."""
    known = TenantState(connected=True)
    known.replace(entities)
    if level is not None:
        at = timestamp(NOW - timedelta(seconds=age))
        known.entities[STATION]["waterLevel"] = {
            "type": "Property",
            "value": level,
            "observedAt": at,
        }
    return known


def drill(speed: float = 600.0, started: datetime = NOW, state: str = "running") -> dict[str, Any]:
    """Return a Drill entity of one minute at `speed`."""
    values = {
        "drillState": state,
        "startedAt": started.isoformat(),
        "expectedEnd": (started + timedelta(minutes=1)).isoformat(),
        "playedFrom": "2020-07-04T01:00:00+09:00",
        "playedUntil": "2020-07-04T09:00:00+09:00",
        "speed": speed,
    }
    parts = {name: {"type": "Property", "value": part} for name, part in values.items()}
    return {"id": "urn:ngsi-ld:Drill:432032:kuma-2020", "type": "Drill", **parts}


def test_both_languages_have_the_same_words():
    assert set(TEXTS["ja"]) == set(TEXTS["en"])


def test_level_is_shown_with_its_age_and_stage():
    shown = situation(state(town_entities(), 1.234), "en", NOW)
    assert shown["station"]["levelText"] == "1.23 m"
    assert shown["station"]["ageText"] == "10 s ago"
    assert shown["stage"]["step"] == "normal"


@pytest.mark.parametrize(("age", "stale"), [(1800, False), (1801, True)])
def test_level_older_than_the_station_allows_is_stale(age: int, stale: bool):
    assert situation(state(town_entities(), 1.2, age), "en", NOW)["station"]["stale"] is stale


def test_without_a_measurement_the_page_says_so():
    shown = situation(state(town_entities()), "ja", NOW)
    assert shown["station"]["levelText"] == "まだ値がありません"
    assert shown["station"]["level"] is None


def test_an_empty_tenant_is_shown_as_empty():
    assert situation(TenantState(), "ja", NOW)["known"] is False


def test_rules_come_from_the_tables_of_station_and_light():
    rules = situation(state(town_entities()), "en", NOW)["rules"]
    assert [(rule["level"], rule["words"]) for rule in rules] == [
        ("3.00 m", "white"),
        ("3.40 m", "red"),
        ("4.07 m", "blinking red"),
    ]


@pytest.mark.parametrize(
    ("colour", "effect", "japanese", "english"),
    [
        ("#FF0000", "blink", "赤・点滅", "blinking red"),
        ("#ffffff", "steady", "白・点灯", "white"),
        ("#FFB46B", "off", "消灯", "off"),
        ("#123456", "steady", "#123456・点灯", "#123456"),
    ],
)
def test_light_is_told_in_words(colour: str, effect: str, japanese: str, english: str):
    assert light_words(colour, effect, "ja") == japanese
    assert light_words(colour, effect, "en") == english


def test_drill_runs_by_its_own_clock():
    clock = drill_clock(drill())
    assert clock is not None
    assert clock.time(NOW + timedelta(seconds=6)).isoformat() == "2020-07-04T02:00:00+09:00"
    assert clock.time(NOW + timedelta(hours=1)).isoformat() == "2020-07-04T09:00:00+09:00"


@pytest.mark.parametrize(
    ("entity", "shown"),
    [
        (drill(), "running"),
        (drill(state="finished"), "ended"),
        (drill(started=NOW - timedelta(minutes=2)), "ended"),
        (drill(started=NOW - timedelta(hours=1)), "none"),
    ],
    ids=["running", "finished", "never ended", "long ago"],
)
def test_drill_is_shown_while_it_runs_and_for_a_while_after(entity: dict[str, Any], shown: str):
    exercise = state([*drill_entities("run", NOW), entity])
    assert town_view(state(town_entities()), exercise, "ja", NOW)["drill"] == shown


def test_real_river_stays_readable_in_a_drill():
    exercise = state([*drill_entities("run", NOW), drill()], 4.2)
    shown = town_view(state(town_entities(), 1.2), exercise, "ja", NOW)["situations"]
    assert shown["real"]["station"]["levelText"] == "1.20 m"
    assert shown["drill"]["station"]["levelText"] == "4.20 m"


def test_shelters_name_their_hazards_and_whether_they_suit_floods():
    shelters = town_view(state(town_entities()), TenantState(), "en", NOW)["shelters"]
    by_name = {shelter["name"]: shelter for shelter in shelters}
    assert by_name["Nishise Community Centre"]["flood"] is False
    assert "landslide" in by_name["Nishise Community Centre"]["hazards"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s ago"),
        (119, "119 s ago"),
        (120, "2 min ago"),
        (7200, "2 h ago"),
        (9e5, "10 days ago"),
    ],
)
def test_age_is_told_in_the_largest_fitting_unit(seconds: float, text: str):
    assert age_text(seconds, "en") == text
