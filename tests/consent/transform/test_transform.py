"""What is coarse, pseudonymous or counted gives nobody away."""

from datetime import timedelta
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from consent.transform.coarsen import coarse_age, coarse_place, coarse_point, coarse_time
from consent.transform.counts import PUBLIC, counted, released, suppressed
from consent.transform.pseudonyms import pseudonym

KEY = b"k" * 32
ROWS, COLUMNS = ("am", "pm"), ("bridge", "castle", "station")
CELLS = list(product(ROWS, COLUMNS))
TABLES = st.fixed_dictionaries({cell: st.integers(0, 40) for cell in CELLS})


def test_time_is_told_to_the_hour():
    assert coarse_time("2020-07-04T06:20:59+09:00") == "2020-07-03T21:00:00Z"
    assert coarse_time("2020-07-04T06:20:59Z", timedelta(minutes=15)) == "2020-07-04T06:15:00Z"


@given(st.floats(128, 146), st.floats(30, 45))
def test_place_is_told_to_a_cell_and_stays_in_it(east: float, north: float):
    told = coarse_point(east, north)
    assert coarse_point(*told) == told
    assert abs(told[1] - north) <= 500 / 111_320 / 2 + 1e-6


def test_neighbours_share_a_cell_and_only_points_are_told():
    here = coarse_point(130.7573, 32.2131)
    assert coarse_point(130.7574, 32.2131) == here
    assert coarse_place({"type": "LineString", "coordinates": []}) is None


def test_age_is_told_as_a_group():
    assert coarse_age(37) == "30-39"


def test_recipients_and_purposes_share_no_pseudonym():
    told = {
        pseudonym(KEY, purpose, recipient, "urn:h:1", period)
        for purpose, recipient, period in product(("p", "q"), ("r", "s"), ("", "2026-11"))
    }
    assert len(told) == 8
    assert pseudonym(KEY, "p", "r", "urn:h:1") == pseudonym(KEY, "p", "r", "urn:h:1")
    assert pseudonym(b"o" * 32, "p", "r", "urn:h:1") not in told


def test_a_person_counts_once_in_a_cell():
    assert counted([("hana", 1, 1), ("hana", 1, 1), ("taro", 1, 1)]) == {(1, 1): 2}


@given(TABLES)
def test_no_small_count_is_shown(table: dict):
    assert all(n is None or n >= PUBLIC for n in released(table).values())


@given(TABLES)
def test_no_total_gives_a_hidden_count_away(table: dict):
    hidden = suppressed(table)
    for line in (
        *([(row, c) for c in COLUMNS] for row in ROWS),
        *([(r, c) for r in ROWS] for c in COLUMNS),
    ):
        inside = [cell for cell in line if cell in hidden]
        together = sum(table[cell] for cell in inside)
        whole = len(inside) == len(line)
        assert not together or whole or (len(inside) >= 2 and together >= PUBLIC)


def test_counts_that_are_shown_are_rounded_down():
    assert released({("am", 1): 39, ("pm", 1): 10}, rounding=10) == {("am", 1): 30, ("pm", 1): 10}
