"""What an entity was when it was born, kept in one row until it changes (decision 0103).

A row of `birth` has what the creation told: attribute, dataset and instance of each. The first that
needs a series takes its instance out of there, and makes it an ordinary hot row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import orjson

from broker.store.history import SYSTEM_TIMES, Fact
from broker.store.refusals import encode
from broker.store.sqlite.connection import Run
from broker.store.sqlite.documents import interned
from broker.store.sqlite.history.rows import Row, from_instance
from broker.store.sqlite.names import WriterNames

INSERT = "INSERT INTO birth (pid, at, iid, body) VALUES (?, ?, ?, ?)"


class Born(NamedTuple):
    """One instance of a birth: the number of its attribute, its dataset, and its row."""

    attribute: int
    dataset: str
    row: Row


def is_plain(facts: Sequence[Fact]) -> bool:
    """Tell whether facts can be kept as a birth: nothing named, deleted, or told twice."""
    if any(fact.deleted or fact.instance_id is not None for fact in facts):
        return False
    return bool(facts) and len({(fact.attribute, fact.dataset) for fact in facts}) == len(facts)


def keep_birth(
    run: Run, pid: int, at: int, iid: int, facts: Sequence[Fact], names: WriterNames
) -> None:
    """Keep what is told of an entity that has no history yet; `iid` is the number of the first."""
    told = [
        (names.intern(fact.attribute), fact.dataset, _instance(fact, names.keys)) for fact in facts
    ]
    run(INSERT, (pid, at, iid, encode(told)))


def born(at: int, iid: int, body: bytes) -> Iterator[Born]:
    """Yield what a row of `birth` has."""
    for place, one in enumerate(orjson.loads(body)):
        if one is not None:
            attribute, dataset, instance = one
            yield Born(attribute, dataset, from_instance(instance, at, iid + place))


def pending(run: Run, pid: int) -> list[Born]:
    """Return what is still in an entity's birth."""
    row = run("SELECT at, iid, body FROM birth WHERE pid = ?", (pid,)).get
    return [] if row is None else list(born(*row))


def take(run: Run, pid: int, attribute: int, dataset: str) -> Row | None:
    """Take the instance of a series out of an entity's birth."""
    row = run("SELECT at, iid, body FROM birth WHERE pid = ?", (pid,)).get
    if row is None:
        return None
    at, iid, body = row
    told = orjson.loads(body)
    series = [attribute, dataset]
    place = next((i for i, one in enumerate(told) if one is not None and one[:2] == series), None)
    if place is None:
        return None
    instance, told[place] = told[place][2], None
    if any(told):
        run("UPDATE birth SET body = ? WHERE pid = ?", (orjson.dumps(told), pid))
    else:
        run("DELETE FROM birth WHERE pid = ?", (pid,))
    return from_instance(instance, at, iid + place)


def _instance(fact: Fact, keys: Mapping[str, str]) -> dict[str, object]:
    instance = fact.instance
    if not instance.keys().isdisjoint(SYSTEM_TIMES):
        instance = {m: value for m, value in instance.items() if m not in SYSTEM_TIMES}
    return interned(instance, keys) if "attrs" in instance else instance
