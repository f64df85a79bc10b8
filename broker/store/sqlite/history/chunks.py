"""Chunks: up to `MOST` rows of one series in one compressed blob, with their figures (pure).

The rows are kept by columns, times and numbers as differences to the one before, so that what is
regular takes next to nothing. What the instances of a series share (their kind, their unit) is
kept once.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import accumulate, pairwise
from math import inf, isnan
from typing import Any, Final

import orjson

from broker.model.entity import PRIMARY, Instance
from broker.store.buckets import Tally
from broker.store.history import Resampled
from broker.store.sqlite.history.rows import DELETED, OBSERVED, Row

MOST: Final = 512
"""Rows in a chunk."""

MOST_BYTES: Final = 256 * 1024
"""Of a chunk of several rows, before it is compressed."""

LEVEL: Final = 6

HEADER: Final = (
    "cid, first, last, low_iid, high_iid, oldest, newest, n, flags, period, live, numbers, "
    "minimum, maximum, total, squares"
)
"""Columns of `Header`, as it takes them."""

ALL_OBSERVED: Final = 1
THINNED: Final = 2
"""Some rows were resampled."""

NEVER: Final = 1 << 62
"""Longer than any period: what is never resampled."""


@dataclass(slots=True)
class Header:
    """What is known of a chunk without opening it.

    Times from `first` to `last`, numbers of rows from `low_iid` to `high_iid`, the system's times
    from `oldest` to `newest`, either of which may be a creation or a change, since clocks are set
    back. `period` is the shortest that a row was resampled to, 0 where one was not; `live` counts
    all moments but deletions, resampled ones as what they stand for.
    """

    cid: int
    first: int
    last: int
    low_iid: int
    high_iid: int
    oldest: int
    newest: int
    n: int
    flags: int
    period: int
    live: int
    numbers: int
    minimum: float | None
    maximum: float | None
    total: float | None
    squares: float | None

    @property
    def plain(self) -> bool:
        """Whether all rows are plain numbers."""
        return self.numbers == self.n and not self.flags & THINNED

    def add_to(self, tally: Tally) -> None:
        """Count the whole chunk."""
        tally.count += self.live
        if self.numbers:
            assert self.minimum is not None
            assert self.maximum is not None
            assert self.squares is not None
            total = inf if self.total is None else self.total
            tally.add_numbers(self.numbers, self.minimum, self.maximum, total, self.squares)


def header(cid: int, rows: Sequence[Row]) -> Header:
    """Return the header of a chunk of these rows, which are in order."""
    tally = Tally()
    for row in rows:
        if not row.flags & DELETED:
            tally.add(row.number, row.resampled)
    some = tally.numbers > 0
    return Header(
        cid,
        rows[0].time,
        rows[-1].time,
        min(row.iid for row in rows),
        max(row.iid for row in rows),
        min(min(row.created, row.modified) for row in rows),
        max(max(row.created, row.modified) for row in rows),
        len(rows),
        ALL_OBSERVED * all(row.flags & OBSERVED for row in rows)
        | THINNED * any(row.resampled is not None for row in rows),
        min(_period(row) for row in rows),
        tally.count,
        tally.numbers,
        tally.minimum,
        tally.maximum,
        _kept(tally.total) if some else None,
        tally.squares if some else None,
    )


def _kept(total: float) -> float:
    """Return a sum as the file can keep it: where sums beyond a float met, infinity again."""
    return inf if isnan(total) else total


def _period(row: Row) -> int:
    if row.flags & DELETED:
        return NEVER
    return 0 if row.resampled is None else row.resampled.period


def pack(rows: Sequence[Row]) -> bytes:
    """Return rows in order as a blob."""
    return zlib.compress(_columns(rows), LEVEL)


def unpack(blob: bytes) -> list[Row]:
    """Return the rows of a blob."""
    times, iids, flags, created, modified, values, kinds, shared, resampled = orjson.loads(
        zlib.decompress(blob)
    )
    members = [(PRIMARY[each["type"]], each) for each in shared]
    count = len(values)
    which = kinds or [0] * count
    rows = []
    for index, (time, iid, late, value) in enumerate(
        zip(accumulate(times), accumulate(iids), modified, values, strict=True)
    ):
        member, rest = members[which[index]]
        known = time + late
        rows.append(
            Row(
                time,
                iid,
                flags if type(flags) is int else flags[index],
                known - (created[index] if created else 0),
                known,
                {**rest, member: value},
            )
        )
    for place, told in resampled.items():
        rows[int(place)].resampled = Resampled(*told)
    return rows


def numbers(blob: bytes) -> tuple[list[int], list[float]]:
    """Return times and values of a chunk whose rows are all plain numbers."""
    times, _, _, _, _, values, _, _, _ = orjson.loads(zlib.decompress(blob))
    return list(accumulate(times)), values


def pieces(rows: list[Row], most: int) -> Iterator[list[Row]]:
    """Cut rows into chunks, the first ones full."""
    start = size = 0
    for index, row in enumerate(rows):
        weight = len(orjson.dumps(row.instance))
        if index - start == most or (size and size + weight > MOST_BYTES):
            yield rows[start:index]
            start, size = index, 0
        size += weight
    yield rows[start:]


def _columns(rows: Sequence[Row]) -> bytes:
    shared: dict[bytes, tuple[int, Instance]] = {}
    values, kinds = [], []
    for row in rows:
        member = PRIMARY[row.instance["type"]]
        rest = {**row.instance}
        values.append(rest.pop(member))
        number, _ = shared.setdefault(orjson.dumps(rest), (len(shared), rest))
        kinds.append(number)
    flags = [row.flags for row in rows]
    created = [row.modified - row.created for row in rows]
    columns: list[Any] = [
        _steps([row.time for row in rows]),
        _steps([row.iid for row in rows]),
        flags[0] if len(set(flags)) == 1 else flags,
        created if any(created) else 0,
        [row.modified - row.time for row in rows],
        values,
        kinds if len(shared) > 1 else 0,
        [rest for _, rest in shared.values()],
        {str(i): astuple(row.resampled) for i, row in enumerate(rows) if row.resampled},
    ]
    return orjson.dumps(columns)


def _steps(numbers: list[int]) -> list[int]:
    """Return the first of some integers, and what leads from each to the next."""
    return [numbers[0], *(after - before for before, after in pairwise(numbers))]
