"""The bridge light is shown as it reports itself, beside what it was told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.portal.light import STALE_AFTER, alert_legend, light_view
from apps.portal.state import TenantState
from apps.portal.texts import LIGHT_STATES
from apps.portal.view import situation
from broker.client import Entity, timestamp

NOW = datetime(2026, 7, 4, 0, 0, tzinfo=UTC)


def light(status: str, *, age: float = 5, **parts: Any) -> Entity:
    """Return a light told to be red, with what it reports, `age` seconds ago."""
    values = {"colour": "#FF0000", "effect": "steady", "commandStatus": status, **parts}
    at = timestamp(NOW - timedelta(seconds=age))
    properties = {
        name: {"type": "Property", "value": part, "observedAt": at} for name, part in values.items()
    }
    return {"id": "urn:x:light", "type": "IlluminationControl", **properties}


def test_light_is_shown_in_the_colour_it_reports():
    shown = light_view(
        light("mismatch", reportedColour="#00FF00", reportedEffect="blink", reportedBrightness=40),
        "en",
        NOW,
    )
    assert (shown["colour"], shown["effect"], shown["brightnessText"]) == (
        "#00FF00",
        "blink",
        "(brightness 40%)",
    )


def test_commanded_look_stands_beside_a_report_that_differs():
    shown = light_view(
        light("pending", reportedColour="#FFFFFF", reportedEffect="steady"), "en", NOW
    )
    assert shown["differs"] is True
    assert shown["commandedWords"] == "red"


@pytest.mark.parametrize(
    "parts",
    [
        {"reportedColour": "#ff0000", "reportedEffect": "steady"},
        {"reportedColour": "#FFFFFF", "reportedEffect": "off", "effect": "off"},
        {},
    ],
    ids=["same colour", "both dark", "no report"],
)
def test_commanded_look_is_not_repeated_where_it_is_the_one_shown(parts: dict[str, Any]):
    assert light_view(light("sent", **parts), "en", NOW)["differs"] is False


def test_without_a_report_the_commanded_look_is_shown_and_said_to_be_so():
    shown = light_view(light("sent"), "en", NOW)
    assert (shown["colour"], shown["reported"]) == ("#FF0000", False)
    assert shown["source"] == "The colour commanded; the light has reported none"


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_state_of_a_command_is_told_in_words(language: str):
    told = {light_view(light(state), language, NOW)["status"] for state in LIGHT_STATES}
    assert len(told) == len(LIGHT_STATES) == 5


@pytest.mark.parametrize(("age", "stale"), [(STALE_AFTER, False), (STALE_AFTER + 1, True)])
def test_report_is_told_with_its_age(age: float, stale: bool):
    shown = light_view(light("unreachable", age=age, reportedColour="#FF0000"), "en", NOW)
    assert (shown["ageText"], shown["stale"]) == ("5 min ago", stale)


def test_age_of_a_report_is_told_in_real_time_in_a_drill():
    drill = TenantState()
    drill.replace([light("confirmed", reportedColour="#FF0000")])
    shown = situation(drill, "en", datetime(2020, 7, 4, tzinfo=UTC), NOW)
    assert shown["light"]["ageText"] == "5 s ago"


def test_legend_has_the_cabinet_offices_colours():
    assert [(one["level"], one["colour"]) for one in alert_legend("ja")] == [
        (5, "#0C000C"),
        (4, "#AA00AA"),
        (3, "#FF2800"),
        (2, "#F2E700"),
        (1, "#FFFFFF"),
    ]
