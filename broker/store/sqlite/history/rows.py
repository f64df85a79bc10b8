"""A kept attribute instance as the file has it: made of a fact, and made a moment (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from broker.model.entity import Instance
from broker.model.resampled import marked_by
from broker.model.times import is_plain, microseconds, timestamp
from broker.store.history import INSTANCE, SYSTEM_TIMES, Fact, Moment, Resampled, figure_of
from broker.store.refusals import encode
from broker.store.sqlite.documents import interned
from broker.store.sqlite.names import Names

NAME: Final = "instanceId"
"""The member that keeps an instanceId a client gave; the others are made of the number."""

OBSERVED: Final = 1
DELETED: Final = 2

INSERT: Final = "INSERT OR REPLACE INTO moment VALUES (?, ?, ?, ?, ?, ?, ?)"

HOT: Final = "time, iid, flags, created, modified, body"
"""Columns of a hot row, as `from_hot` takes them."""


@dataclass(slots=True)
class Row:
    """A moment in a series, which it stands in by (`time`, `iid`).

    `instance` has names interned, and its `observedAt` only where `time` written out is not
    what came. Treat it as read-only.
    """

    time: int
    iid: int
    flags: int
    created: int
    modified: int
    instance: Instance
    resampled: Resampled | None = None

    @property
    def key(self) -> tuple[int, int]:
        """The place in the series."""
        return self.time, self.iid

    @property
    def number(self) -> float | None:
        """The number it counts as, None where it is none."""
        return figure_of(self.instance)

    @property
    def instance_id(self) -> str:
        """The instanceId."""
        name: str | None = self.instance.get(NAME)
        return f"{INSTANCE}{self.iid}" if name is None else name

    def hot(self, sid: int) -> tuple[int, int, int, int, int, int, bytes]:
        """Return the values of a hot row of a series."""
        body = encode(self.instance)
        return sid, self.time, self.iid, self.flags, self.created, self.modified, body


def from_hot(time: int, iid: int, flags: int, created: int, modified: int, body: bytes) -> Row:
    """Return a hot row."""
    return Row(time, iid, flags, created, modified, orjson.loads(body))


def from_fact(fact: Fact, at: int, iid: int, keys: Mapping[str, str]) -> Row:
    """Return a fact told at a time as a row; `keys` intern names."""
    instance = {**fact.instance}
    for member in SYSTEM_TIMES:
        instance.pop(member, None)
    if "attrs" in instance:
        instance = interned(instance, keys)
    if fact.instance_id is not None:
        instance[NAME] = fact.instance_id
    row = from_instance(instance, at, iid)
    if fact.deleted:
        row.flags |= DELETED
    return row


def from_instance(instance: Instance, at: int, iid: int) -> Row:
    """Return an instance told at a time as a row, which keeps it."""
    text: str | None = instance.get("observedAt")
    if text is None:
        return Row(at, iid, 0, at, at, instance)
    if is_plain(text):
        del instance["observedAt"]
    return Row(microseconds(text), iid, OBSERVED, at, at, instance)


def to_moment(row: Row, names: Names) -> Moment:
    """Return a row as the moment it stands for."""
    instance, observed = {**row.instance}, row.flags & OBSERVED
    instance_id = row.instance_id
    instance.pop(NAME, None)
    if observed and "observedAt" not in instance:
        instance["observedAt"] = timestamp(row.time)
    if "attrs" in instance:
        instance = interned(instance, names.iris)
    if row.resampled is not None:
        instance = marked_by(instance, row.resampled)
    return Moment(
        instance_id,
        row.time if observed else None,
        row.created,
        row.modified,
        row.modified if row.flags & DELETED else None,
        row.number,
        instance,
        row.resampled,
    )


def same(one: Row, other: Row) -> bool:
    """Tell whether two rows say the same, whenever they were kept."""
    if one.flags != other.flags or one.instance != other.instance:
        return False
    sort = orjson.OPT_SORT_KEYS
    return orjson.dumps(one.instance, option=sort) == orjson.dumps(other.instance, option=sort)
