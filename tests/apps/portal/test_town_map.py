"""The map's drawing."""

from itertools import combinations
from typing import Any

import pytest

from apps.portal.state import TenantState
from apps.portal.texts import HAZARDS
from apps.portal.town_map import LABEL, numbered, town_map
from apps.portal.view import town_view
from apps.shell.ground import PHONE
from machi.seed.town import town_entities
from tests.apps.portal.test_view import NOW

BRIDGE = (130.766, 32.212)


def shelters() -> list[dict[str, Any]]:
    """Return the town's shelters as the page shows them."""
    town = TenantState()
    town.replace(town_entities())
    shown: list[dict[str, Any]] = town_view(town, TenantState(), "en", NOW)["shelters"]
    return shown


def shelter(name: str, east: float, north: float, *, flood: bool = True) -> dict[str, Any]:
    """Return a shelter at a place."""
    return {"name": name, "position": [east, north], "flood": flood}


def test_every_shelter_has_a_number_and_every_number_a_label():
    found = shelters()
    assert [one["number"] for one in found] == list(range(1, len(found) + 1))
    drawn = town_map(found, BRIDGE)
    assert drawn is not None
    named = [name for label in drawn["labels"] for name in label["names"]]
    assert sorted(named) == sorted(one["name"] for one in found)


def test_no_label_covers_another_on_a_phone():
    drawn = town_map(shelters(), BRIDGE)
    assert drawn is not None
    boxes = [
        (label["x"] / 100 * PHONE[0], label["y"] / 100 * PHONE[1], label["width"])
        for label in drawn["labels"]
    ]
    covered = [
        (one, two)
        for one, two in combinations(boxes, 2)
        if abs(one[0] - two[0]) < (one[2] + two[2]) / 2 - 0.5 and abs(one[1] - two[1]) < LABEL - 0.5
    ]
    assert covered == []


def test_north_is_up_and_east_is_right():
    drawn = town_map(numbered([shelter("a", 130.75, 32.20), shelter("b", 130.77, 32.23)]), BRIDGE)
    assert drawn is not None
    one, two = drawn["labels"]
    assert one["place"]["x"] < two["place"]["x"]
    assert one["place"]["y"] > two["place"]["y"]


def test_neighbours_share_a_label_only_where_they_suit_floods_alike():
    near = [shelter("a", 130.75, 32.20), shelter("b", 130.7501, 32.20),
            shelter("c", 130.7502, 32.20, flood=False)]  # fmt: skip
    drawn = town_map(numbered(near), None)
    assert drawn is not None
    assert [(label["text"], label["flood"]) for label in drawn["labels"]] == [
        ("1–2", True),
        ("3", False),
    ]


@pytest.mark.parametrize(
    ("place", "text"), [((130.60, 32.10), "↙1"), ((130.90, 32.20), "→1"), ((130.75, 32.20), "1")]
)
def test_place_off_the_map_is_shown_at_its_edge_with_an_arrow(
    place: tuple[float, float], text: str
):
    inside = shelter("z", 130.76, 32.21)
    drawn = town_map(numbered([shelter("a", *place), inside]), None)
    assert drawn is not None
    assert text in {label["text"].replace("2", "1") for label in drawn["labels"]}
    assert all(0 <= label["x"] <= 100 and 0 <= label["y"] <= 100 for label in drawn["labels"])


def test_town_without_shelters_has_no_map():
    assert town_map([], BRIDGE) is None


def test_hazards_are_words_and_not_codes():
    told = {hazard for one in shelters() for hazard in one["hazards"]}
    assert told <= {words["en"] for words in HAZARDS.values()}
