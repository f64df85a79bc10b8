"""Swaps in SQL: the line of one attribute is exchanged, and nothing else is looked at.

What is written is what the unit of work would write (`broker.store.tx`, `Session`); where that
cannot be told from the line and the times alone the swap is left to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import Any, Final

import orjson

from broker.entities.stamp import stamped
from broker.model.attributes import Edited
from broker.model.entity import DEFAULT, Entity, Instance
from broker.store.contract import Change, Committed, Kind, Record
from broker.store.refusals import encode
from broker.store.sqlite.connection import Run
from broker.store.sqlite.documents import COMMA, OPEN, StoredAttributes, StoredRecord
from broker.store.sqlite.effects import Effects
from broker.store.sqlite.indexer import Indexer
from broker.store.sqlite.names import Names
from broker.store.sqlite.session import CHANGE, EXPIRES, LOAD, UPDATE, Feed
from broker.store.sqlite.town import Town
from broker.store.swap import Swap

BEGINS: Final = b'{"%b":' % DEFAULT.encode()
"""How the instances of an attribute begin that has a default one."""

_UPDATE: Final = Kind.UPDATE
"""As it is: to look for a member of an enumeration takes its time."""

TIMES: Final = Struct("13s 27s 16s 27s 2s")
"""The times of an entity as they stand in a document."""

BETWEEN: Final = (b'"createdAt":"', b'","modifiedAt":"', b'",')
"""What is around them; within a string the quotation marks would be escaped."""

_MODIFIED: Final = Struct("13s 27s 16s").size

TYPES: Final = b'","type":'
"""What follows the id, as unmistakable."""


class Swapping:
    """Carries out swaps in the open transaction."""

    def __init__(self, run: Run, indexer: Indexer, feed: Feed) -> None:
        self._run = run
        self._indexer = indexer
        self._feed = feed

    def attempt(self, swap: Swap[Any], town: Town, now: str, effects: Effects) -> Record | None:
        """Carry out a swap; return None, with nothing done, where it has to be run as a work.

        Raises what `swap.may` raises, and BadRequestData for what JSON cannot hold.
        """
        names, iri, entity_id = town.names, swap.iri, swap.entity_id
        key = names.keys.get(iri)
        row = self._run(LOAD, (town.tid, entity_id)).get
        if row is None or key is None or town.rules:
            return None
        eid, last, version, document = row
        head, mark = document.find(b"\n") - len(OPEN), _mark(key)
        begin = document.find(BETWEEN[0], 0, head)
        start = document.find(mark, head) + 1
        if begin < 0 or not start or (self._feed.due and EXPIRES in document):
            return None
        first, created, second, then, third = TIMES.unpack_from(document, begin)
        stamp = now.encode()
        if (first, second, third) != BETWEEN or then == stamp:
            return None
        end = document.index(b"\n", start)
        if document[end - 1] == COMMA:
            end -= 1
        lost = document[start:end]
        old = _only(lost, len(mark) - 1)
        if old is None or "attrs" in old:
            return None
        new = stamped(swap.instance, created.decode(), now, old)
        if new == old:
            return None
        seq, version = effects.seq + 1, version + 1
        now_so = {"modifiedAt": now, "attrs": {iri: {DEFAULT: new}}}
        then_so = {"modifiedAt": then.decode(), "attrs": {iri: {DEFAULT: old}}}
        change = Change(seq, town.name, entity_id, version, _UPDATE, now, now_so, then_so)
        committed = Swapped(change, document, head, names)
        if swap.may is not None:
            swap.may(committed.before, committed.after)
        gained = mark[1:] + encode(new) + b"}"
        place = begin + _MODIFIED
        top, rest = document[:place] + stamp, document[place + len(stamp) : start]
        after = b"".join((top, rest, gained, document[end:]))
        self._run(UPDATE, (version, seq, after, eid))
        delta = b'{"modifiedAt":"%b","attrs":{%b}}' % (stamp, gained)
        prior = b'{"modifiedAt":"%b","attrs":{%b}}' % (then, lost)
        about = (seq, town.tid, entity_id, version, _UPDATE, now, last, eid, delta, prior)
        self._run(CHANGE, about)
        effects.documents[seq] = after
        names.undo = effects.undo
        effects.rows += self._indexer.swap(eid, _types(document, begin), iri, old, new, names, seq)
        effects.committed.append(committed)
        return StoredRecord(entity_id, version, after, names)


class Swapped(Committed):
    """What a swap did, with the entity before and after made when somebody looks at it."""

    __slots__ = ("_document", "_entities", "_head", "_names")

    def __init__(self, change: Change, document: bytes, head: int, names: Names) -> None:
        """`document` is the entity before, whose attributes begin at `head`."""
        self.change = change
        self._document = document
        self._head = head
        self._names = names
        self._entities: tuple[Entity, Entity] | None = None

    @property
    def before(self) -> Entity:  # type: ignore[override]
        """The entity before."""
        return (self._entities or self._make())[0]

    @property
    def after(self) -> Entity:  # type: ignore[override]
        """The entity after."""
        return (self._entities or self._make())[1]

    def _make(self) -> tuple[Entity, Entity]:
        was, now = self.change.before, self.change.delta
        assert was is not None
        assert now is not None
        before: Entity = orjson.loads(self._document[: self._head] + b'"attrs":0}')
        start, known = self._head + len(OPEN), dict(was["attrs"])
        before["attrs"] = attrs = StoredAttributes(self._document, start, self._names, known)
        after = {**before, "modifiedAt": self.change.at, "attrs": Edited(attrs, now["attrs"])}
        self._entities = before, after
        return self._entities


@lru_cache(maxsize=4096)
def _mark(key: str) -> bytes:
    """Return how the line of an attribute begins, after the one before."""
    return b'\n"%b":%b' % (key.encode(), BEGINS)


def _only(line: bytes, begin: int) -> Instance | None:
    """Return the default instance that begins there, if the line has no other; else None."""
    try:
        return orjson.loads(line[begin:-1])  # type: ignore[no-any-return]
    except orjson.JSONDecodeError:
        return None


def _types(document: bytes, end: int) -> Sequence[str]:
    """Return the types of an entity whose times begin at `end`, mostly right after them."""
    start = document.find(TYPES) + len(TYPES)
    try:
        return _listed(document[start : end - 1])
    except orjson.JSONDecodeError:
        types: list[str] = orjson.loads(document[:end] + b'"attrs":0}')["type"]
        return types


@lru_cache(maxsize=1024)
def _listed(types: bytes) -> tuple[str, ...]:
    return tuple(orjson.loads(types))
