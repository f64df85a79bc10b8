"""Sums of what people did, by two kinds of line, that tell of no small group (pure).

A table is released with the totals of its rows and columns and the total of all; a cell of fewer
than k people is hidden. Whoever adds and subtracts what is shown can find a sum over hidden cells
for each way to part the lines in two: rows and columns on one side added, the others taken off.
What is left are the hidden cells between a row of one side and a column of the other, and of a
table of rows and columns there is nothing else to be found: every sum that can be derived is made
of such cuts. So a table is safe where in each cut the hidden cells have no people, or at least k
together. Cells are hidden until that holds; where hiding does not help, lines are joined.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from consent.transform.counts import PUBLIC, Cell

MOST_LINES: Final = 12
"""Rows and columns together, beyond which the smallest are joined: cuts are 2 to that power."""

Line: TypeAlias = tuple[Any, ...]
"""What a row or a column stands for: the labels that were joined in it."""


@dataclass(frozen=True, slots=True)
class Sum:
    """An amount, and who it is of."""

    amount: int
    people: frozenset[Hashable]

    def __add__(self, other: Sum) -> Sum:
        return Sum(self.amount + other.amount, self.people | other.people)


NOTHING: Final = Sum(0, frozenset())


@dataclass(frozen=True, slots=True)
class Amounts:
    """A released table: None where a cell is hidden. Empty where there are fewer than k people."""

    cells: Mapping[tuple[Line, Line], int | None]
    rows: Mapping[Line, int]
    columns: Mapping[Line, int]
    total: int | None


def gathered(told: Iterable[tuple[Hashable, Hashable, Hashable, int]]) -> dict[Cell, Sum]:
    """Return the cells of what people did: (person, row, column, amount)."""
    amounts: dict[Cell, int] = {}
    people: dict[Cell, set[Hashable]] = {}
    for person, row, column, amount in told:
        amounts[row, column] = amounts.get((row, column), 0) + amount
        people.setdefault((row, column), set()).add(person)
    return {cell: Sum(amounts[cell], frozenset(people[cell])) for cell in amounts}


def released(cells: Mapping[Cell, Sum], k: int = PUBLIC) -> Amounts:
    """Return a table as it may be shown. Cells without anybody are not in it."""
    table = {((row,), (column,)): found for (row, column), found in cells.items() if found.people}
    while True:
        small = _small_line(table, k)
        hidden = None if small else _hidden(table, k)
        if hidden is not None:
            return _shown(table, hidden)
        side, line = small or _smallest_line(table)
        others = {cell[side] for cell in table} - {line}
        if not others:
            side, others = 1 - side, {cell[1 - side] for cell in table}
            line = min(others, key=lambda one: (len(_people(table, side, one)), str(one)))
            others -= {line}
        if not others:
            return Amounts({}, {}, {}, None)
        into = min(others, key=lambda one: (len(_people(table, side, one)), str(one)))
        table = _joined(table, side, line, into)


_Table: TypeAlias = dict[tuple[Line, Line], Sum]


def _small_line(table: _Table, k: int) -> tuple[int, Line] | None:
    """Return a line that has to be joined with another, as its side and itself."""
    lines = [(side, line) for side in (0, 1) for line in sorted({c[side] for c in table}, key=str)]
    small = [one for one in lines if len(_people(table, *one)) < k]
    if not small and len(lines) <= MOST_LINES:
        return None
    return min(small or lines, key=lambda one: len(_people(table, *one)))


def _smallest_line(table: _Table) -> tuple[int, Line]:
    lines = [(side, line) for side in (0, 1) for line in sorted({c[side] for c in table}, key=str)]
    return min(lines, key=lambda one: len(_people(table, *one)))


def _hidden(table: _Table, k: int) -> set[tuple[Line, Line]] | None:
    """Return the cells to hide so that no cut is small; None where hiding alone does not do."""
    hidden = {cell for cell, found in table.items() if len(found.people) < k}
    while (cut := _small_cut(table, hidden, k)) is not None:
        open_cells = [cell for cell in cut if cell not in hidden]
        if not open_cells:
            return None
        hidden.add(min(open_cells, key=lambda cell: (len(table[cell].people), str(cell))))
    return hidden


def _small_cut(
    table: _Table, hidden: set[tuple[Line, Line]], k: int
) -> list[tuple[Line, Line]] | None:
    """Return the cells of a cut whose hidden ones have some people, but fewer than k."""
    lines = [(side, line) for side in (0, 1) for line in sorted({c[side] for c in table}, key=str)]
    places = {line: place for place, line in enumerate(lines)}
    ends = {cell: (places[0, cell[0]], places[1, cell[1]]) for cell in table}
    everybody = sorted({one for found in table.values() for one in found.people}, key=str)
    numbers = {one: number for number, one in enumerate(everybody)}
    crowds = [(*ends[cell], sum(1 << numbers[p] for p in table[cell].people)) for cell in hidden]
    for parted in range(1, 1 << max(0, len(lines) - 1)):
        crowd = 0
        for row, column, people in crowds:
            if (parted >> row ^ parted >> column) & 1:
                crowd |= people
        if crowd and crowd.bit_count() < k:
            return [c for c, (r, col) in ends.items() if (parted >> r ^ parted >> col) & 1]
    return None


def _people(table: _Table, side: int, line: Line) -> frozenset[Hashable]:
    return sum((one for c, one in table.items() if c[side] == line), NOTHING).people


def _joined(table: _Table, side: int, line: Line, into: Line) -> _Table:
    """Return the table with two lines made one."""
    made: _Table = {}
    both = tuple(sorted((*line, *into), key=str))
    for cell, found in table.items():
        ends = list(cell)
        if ends[side] in (line, into):
            ends[side] = both
        place = (ends[0], ends[1])
        made[place] = made.get(place, NOTHING) + found
    return made


def _shown(table: _Table, hidden: set[tuple[Line, Line]]) -> Amounts:
    def totals(side: int) -> dict[Line, int]:
        found: dict[Line, int] = {}
        for cell, one in table.items():
            found[cell[side]] = found.get(cell[side], 0) + one.amount
        return found

    return Amounts(
        {cell: None if cell in hidden else one.amount for cell, one in table.items()},
        totals(0),
        totals(1),
        sum(one.amount for one in table.values()) if table else None,
    )
