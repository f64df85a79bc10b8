"""Index rows of values that take the place of others, made attribute by attribute.

A replacement exchanges nearly all values of an entity, and a batch those of many entities of one
shape. So it is only noted which values take the place of which, and the rows of an attribute wait
together for all entities of a group, in columns.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress, groupby
from operator import itemgetter, ne
from typing import Any, Final, TypeAlias

from broker.model.entity import Instance
from broker.query.plan import TEXT_LENGTH
from broker.store.sqlite.index import number_key
from broker.store.sqlite.names import Column
from broker.store.sqlite.waiting import Block

Exchanged: TypeAlias = tuple[list[Column], int, int, list[Any], list[Any]]
"""Columns of attributes, an entity, by which change, and the values before and after.

Both values of an attribute are numbers, or texts, or None: its rows are made otherwise.
"""

_NUMBER: Final = 1
_TEXT: Final = 2
_KIND: Final[Callable[[type], int | None]] = {float: _NUMBER, int: _NUMBER, str: _TEXT}.get

_FLOATS: Final = {float}

_SHAPE: Final = itemgetter(0)

Numbers: TypeAlias = "array[int]"


def note(
    columns: list[Column], eid: int, seq: int, old: Sequence[Instance], new: Sequence[Instance]
) -> tuple[Exchanged, list[int]]:
    """Return what is to be noted of one instance each of some attributes, before and after.

    Also returns the places of those of which nothing is noted.
    """
    was, now = [one.get("value") for one in old], [one.get("value") for one in new]
    kinds = [*map(_KIND, map(type, now))]
    before = [*map(_KIND, map(type, was))]
    others: list[int] = []
    if kinds != before or not all(kinds):
        others = [n for n, kind in enumerate(kinds) if kind is None or kind != before[n]]
        for n in others:
            was[n] = now[n] = None
    return (columns, eid, seq, was, now), others


def blocks(exchanged: Sequence[Exchanged]) -> Iterator[Block]:
    """Yield the rows of exchanges, of each attribute oldest first."""
    for columns, some in groupby(exchanged, _SHAPE):
        _, eids, seqs, lost, gained = zip(*some, strict=True)
        befores, afters = zip(*lost, strict=True), zip(*gained, strict=True)
        of = array("q", eids), array("q", seqs)
        for column, was, now in zip(columns, befores, afters, strict=True):
            yield from _of_attribute(column, *of, was, now)


def _of_attribute(
    column: Column, eids: Numbers, seqs: Numbers, was: Sequence[Any], now: Sequence[Any]
) -> Iterator[Block]:
    _, types, _, key, texts = column
    kinds = {*map(type, now), *map(type, was)}
    kinds.discard(type(None))
    if str in kinds:
        if len(kinds) > 1:
            for text in (False, True):
                yield from _of_attribute(column, eids, seqs, _part(was, text), _part(now, text))
            return
        key, was, now = texts, _texts(was), _texts(now)
    elif int in kinds:
        was, now = _numbers(was), _numbers(now)
    changed = [*map(ne, was, now)]
    if not all(changed):
        eids, seqs = array("q", compress(eids, changed)), array("q", compress(seqs, changed))
        was, now = [*compress(was, changed)], [*compress(now, changed)]
    if not eids:
        return
    if kinds == _FLOATS:
        was, now = array("d", was), array("d", now)
    for nid in types:
        yield Block(key, nid, eids, seqs, was, now)


def _part(values: Sequence[Any], text: bool) -> list[Any]:
    """Return values with None in place of what is a text, or is none."""
    return [value if (type(value) is str) is text else None for value in values]


def _texts(values: Sequence[str | None]) -> list[str | None]:
    return [None if value is None else value[:TEXT_LENGTH] for value in values]


def _numbers(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else number_key(value) for value in values]


def columns_of(known: Mapping[str, Column] | None, attributes: Sequence[str]) -> list[Column]:
    """Return the columns of some attributes; of none where one is not known yet."""
    if known is None:
        return []
    found: list[Any] = [*map(known.get, attributes)]
    return found if all(found) else []
