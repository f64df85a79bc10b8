"""Pictures of the analysis: bars by month, and the town's map with what was spent where."""

from dataclasses import dataclass, field
from datetime import date
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.kijiko.pages.circulation import LARGEST, area_map, bars
from apps.kijiko.reports.analysis import ELSEWHERE, Month
from apps.kijiko.use.areas import AREAS
from apps.shell.ground import PHONE, Box

KEYS = [one.key for one in AREAS]
NAMES = {one.key: one.name["en"] for one in AREAS}


@dataclass(frozen=True)
class Table:
    """A released table of which the pictures know the rows' sums and the total."""

    rows: dict
    total: int | None = 0
    cells: dict = field(default_factory=dict)
    columns: dict = field(default_factory=dict)


def month(rows, first=date(2026, 10, 1), total=0):
    return Month(first, Table(rows, total), Table({}), None, None, None)


def drawn(rows, language="en"):
    return area_map(month(rows), language, "Other")["spots"]


LINES = st.permutations(KEYS).flatmap(
    lambda keys: st.integers(0, 2).map(
        lambda joined: [tuple(keys[: joined + 1]), *((key,) for key in keys[joined + 1 :])]
    )
)


@given(LINES, st.data(), st.sampled_from(["ja", "en"]))
def test_no_label_covers_another_on_a_phone(lines, data, language):
    amounts = data.draw(st.lists(st.integers(1, 9_999_999), min_size=5, max_size=5))
    spots = drawn(dict(zip(lines, amounts, strict=False)), language)
    assert len(spots) == len(lines)
    boxes = [
        Box(one["label"]["x"] / 100 * PHONE[0], one["label"]["y"] / 100 * PHONE[1],
            one["width"] - 1, one["height"] - 1)
        for one in spots
    ]  # fmt: skip
    assert [pair for pair in combinations(boxes, 2) if pair[0].covers(pair[1])] == []


def test_discs_area_is_as_the_amount():
    small, large = sorted(drawn({(KEYS[0],): 100, (KEYS[1],): 400}), key=lambda one: one["r"])
    assert (large["r"], small["r"]) == (LARGEST, LARGEST / 2)
    assert (large["names"], large["amount"]) == ([NAMES[KEYS[1]]], 400)


def test_joined_areas_have_one_disc_in_the_middle_of_theirs():
    one, two = (drawn({(key,): 1})[0] for key in KEYS[:2])
    [joined] = drawn({tuple(KEYS[:2]): 5})
    assert joined["x"] == pytest.approx((one["x"] + two["x"]) / 2, abs=0.02)
    assert joined["names"] == [NAMES[key] for key in KEYS[:2]]


def test_what_is_in_no_area_is_not_on_the_map():
    assert drawn({(ELSEWHERE,): 100, (KEYS[0], ELSEWHERE): 100, (KEYS[1],): 0}) == []


def test_bars_are_as_high_as_the_amounts_and_hidden_ones_are_flat():
    told = [
        month({}, date(2026, number, 1), total) for number, total in ((8, 50), (9, None), (10, 100))
    ]
    low, flat, high = bars(told)
    assert high["height"] == 2 * low["height"] > 0 == flat["height"]
    assert [one["label"] for one in (low, flat, high)] == ["2026-08", "2026-09", "2026-10"]
    assert low["y"] + low["height"] == high["y"] + high["height"]
