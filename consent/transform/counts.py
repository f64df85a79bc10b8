"""Counts of people that tell of no small group (pure).

A count below k is suppressed; so that nobody who knows the total of a row or column gets it from
that, further counts are suppressed (complementary suppression). Counts that are shown are
rounded down to a multiple of `rounding`. A table is released once (`consent.releases`): a second
one of the same people would tell of small groups by its difference.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Final, TypeAlias

PUBLIC: Final = 10
PARTNERS: Final = 5

Cell: TypeAlias = tuple[Any, Any]
Counts: TypeAlias = Mapping[Cell, int]
Released: TypeAlias = dict[Cell, int | None]
"""Counts by row and column; None where one is suppressed."""


def counted(people: Iterable[tuple[Hashable, Hashable, Hashable]]) -> dict[Cell, int]:
    """Return how many different people are in each cell, from (person, row, column)."""
    there: dict[Cell, set[Hashable]] = {}
    for person, row, column in people:
        there.setdefault((row, column), set()).add(person)
    return {cell: len(found) for cell, found in there.items()}


def suppressed(counts: Counts, k: int = PUBLIC) -> frozenset[Cell]:
    """Return the cells that must not be shown: small ones, and those that would give them away.

    In each line (row or column) nobody is hidden, or at least two cells are, with k or more people
    together. An empty cell is hidden as a small one is, but gives nobody away.
    """
    hidden = {cell for cell, n in counts.items() if n < k}
    while True:
        more = next(
            (cell for line in _lines(counts) for cell in _lacking(line, hidden, counts, k)), None
        )
        if more is None:
            return frozenset(hidden)
        hidden.add(more)


def released(counts: Counts, k: int = PUBLIC, rounding: int = 1) -> Released:
    """Return the counts as they may be shown."""
    hidden = suppressed(counts, k)
    return {
        cell: None if cell in hidden else n - n % rounding
        for cell, n in sorted(counts.items(), key=str)
    }


def _lines(counts: Counts) -> list[list[Cell]]:
    rows: dict[Hashable, list[Cell]] = {}
    columns: dict[Hashable, list[Cell]] = {}
    for cell in counts:
        rows.setdefault(cell[0], []).append(cell)
        columns.setdefault(cell[1], []).append(cell)
    return [*rows.values(), *columns.values()]


def _lacking(line: list[Cell], hidden: set[Cell], counts: Counts, k: int) -> list[Cell]:
    """Return the cell to hide next in a line that gives something away; none where it does not."""
    inside = [cell for cell in line if cell in hidden]
    if not inside:
        return []
    together = sum(counts[cell] for cell in inside)
    if not together or (len(inside) >= 2 and together >= k):
        return []
    rest = [cell for cell in line if cell not in hidden]
    return [min(rest, key=lambda cell: (counts[cell], str(cell)))] if rest else []
