"""Released sums tell of no group smaller than k: not as a cell, not by adding and subtracting."""

from fractions import Fraction
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from consent.transform.amounts import MOST_LINES, Sum, gathered, released

K = 3
TOLD = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from("abc"), st.sampled_from("xyz"),
              st.integers(-50, 100)),
    max_size=40,
)  # fmt: skip


def _rank(rows: list[list[int]]) -> int:
    matrix = [[Fraction(n) for n in row] for row in rows]
    rank = 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((r for r in range(rank, len(matrix)) if matrix[r][column]), None)
        if pivot is None:
            continue
        matrix[rank], matrix[pivot] = matrix[pivot], matrix[rank]
        for other in range(rank + 1, len(matrix)):
            times = matrix[other][column] / matrix[rank][column]
            matrix[other] = [
                a - times * b for a, b in zip(matrix[other], matrix[rank], strict=True)
            ]
        rank += 1
    return rank


def _joined(table, shown):
    """Return the atoms of the original table and what is told about them, as equations."""
    atoms = sorted(table)
    row_of = {label: line for line in shown.rows for label in line}
    column_of = {label: line for line in shown.columns for label in line}
    place = {atom: (row_of[atom[0]], column_of[atom[1]]) for atom in atoms}
    equations = [[int(place[a][0] == line) for a in atoms] for line in shown.rows]
    equations += [[int(place[a][1] == line) for a in atoms] for line in shown.columns]
    equations += [
        [int(place[a] == cell) for a in atoms]
        for cell, amount in shown.cells.items() if amount is not None
    ]  # fmt: skip
    return atoms, equations


@given(TOLD)
def test_no_sum_that_can_be_derived_is_of_few_people(told):
    table = gathered(told)
    shown = released(table, K)
    if shown.total is None:
        assert len({one for found in table.values() for one in found.people}) < K
        return
    atoms, equations = _joined(table, shown)
    whole = _rank(equations)
    for size in range(1, len(atoms) + 1):
        for few in combinations(range(len(atoms)), size):
            people = {one for n in few for one in table[atoms[n]].people}
            if len(people) < K:
                rest = [[x for n, x in enumerate(row) if n not in few] for row in equations]
                assert _rank(rest) == whole, "some sum over these cells alone can be derived"


@given(TOLD)
def test_what_is_shown_is_true(told):
    shown = released(gathered(told), K)
    for (row, column), amount in shown.cells.items():
        exact = sum(n for _, r, c, n in told if r in row and c in column)
        assert amount in (None, exact)
    for line, amount in shown.rows.items():
        assert amount == sum(n for _, r, _, n in told if r in line)
    for line, amount in shown.columns.items():
        assert amount == sum(n for _, _, c, n in told if c in line)
    if shown.total is not None:
        assert shown.total == sum(n for _, _, _, n in told)


def _crowd(row: str, column: str, first: int, people: int):
    return [(n, row, column, 100) for n in range(first, first + people)]


def test_table_of_large_cells_is_shown_whole():
    told = [*_crowd("a", "x", 0, 3), *_crowd("a", "y", 0, 3), *_crowd("b", "x", 0, 4)]
    shown = released(gathered(told), K)
    assert set(shown.cells.values()) == {300, 400}


def test_small_cell_is_hidden_with_others_that_would_give_it_away():
    told = [one for row in "ab" for column in "xy" for one in _crowd(row, column, 0, 5)]
    told = [one for one in told if one[1:3] != ("a", "x")] + _crowd("a", "x", 0, 2)
    shown = released(gathered(told), K)
    assert set(shown.cells.values()) == {None}
    assert shown.total == 1700


def test_the_same_few_people_in_two_cells_are_few_people():
    told = [*_crowd("a", "x", 0, 2), *_crowd("a", "y", 0, 2), *_crowd("b", "x", 5, 9),
            *_crowd("b", "y", 5, 9)]  # fmt: skip
    shown = released(gathered(told), K)
    assert list(shown.rows) == [("a", "b")]


def test_fewer_than_k_people_are_not_shown_at_all():
    assert released(gathered(_crowd("a", "x", 0, 2)), K).total is None
    assert released({}, K).cells == {}


def test_of_many_lines_the_smallest_are_joined():
    told = [one for n in range(20) for one in _crowd(f"r{n:02d}", "x", 0, 10 + n)]
    shown = released(gathered(told), K)
    assert len(shown.rows) + len(shown.columns) <= MOST_LINES
    assert shown.total == sum(100 * (10 + n) for n in range(20))


def test_sums_keep_who_they_are_of():
    assert gathered([(1, "a", "x", 5), (1, "a", "x", 7), (2, "a", "x", 1)]) == {
        ("a", "x"): Sum(13, frozenset({1, 2}))
    }
