"""Swaps in SQL: the line of one attribute is exchanged, and nothing else is looked at.

What is written is what the unit of work would write (`broker.store.tx`, `Session`); where that
cannot be told from the line and the times alone the swap is left to it.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import Any, Final

import orjson

from broker.entities.stamp import stamped
from broker.model.entity import DEFAULT
from broker.store.contract import Kind, Record
from broker.store.sqlite.connection import Run
from broker.store.sqlite.documents import COMMA, OPEN
from broker.store.sqlite.effects import Effects
from broker.store.sqlite.indexer import Indexer
from broker.store.sqlite.session import CHANGE, EXPIRES, LOAD, UPDATE, Feed
from broker.store.sqlite.swapped import Exchange, Swapped, SwappedRecord
from broker.store.sqlite.town import Town
from broker.store.swap import Swap

BEGINS: Final = b'{"%b":' % DEFAULT.encode()
"""How the instances of an attribute begin that has a default one."""

_TIME: Final = b'{"modifiedAt":"'
_ATTRS: Final = b'","attrs":{'
"""How the sides of a change begin and go on."""

_UPDATE: Final = Kind.UPDATE
"""As it is: to look for a member of an enumeration takes its time."""

TIMES: Final = Struct("13x 27s 16x 27s")
"""The times of an entity as they stand in a document, from where CREATED is found."""

CREATED: Final = b'"createdAt":"'
"""What is before them; within a string the quotation marks would be escaped."""

MODIFIED: Final = b'","modifiedAt":"'
ENDED: Final = b'",'
"""What is between and after them."""

_BETWEEN: Final = Struct("13x 27s").size
_MODIFIED: Final = Struct("13x 27s 16x").size
_ENDED: Final = TIMES.size

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

        Raises what `swap.may` raises.
        """
        if town.rules:
            return None
        names, iri, entity_id = town.names, swap.iri, swap.entity_id
        key = names.keys.get(iri)
        row = self._run(LOAD, (town.tid, entity_id)).get
        if row is None or key is None:
            return None
        eid, last, version, document = row
        head, mark = document.find(b"\n") - len(OPEN), _mark(key)
        begin, start = document.find(CREATED, 0, head), document.find(mark, head) + 1
        if begin < 0 or not start or (self._feed.due and EXPIRES in document):
            return None
        created, then = TIMES.unpack_from(document, begin)
        stamp = now.encode()
        if (
            then == stamp
            or not document.startswith(MODIFIED, begin + _BETWEEN)
            or not document.startswith(ENDED, begin + _ENDED)
        ):
            return None
        end = document.index(b"\n", start)
        if document[end - 1] == COMMA:
            end -= 1
        lost = document[start:end]
        try:
            old = orjson.loads(lost[len(mark) - 1 : -1])
        except orjson.JSONDecodeError:
            return None
        if "attrs" in old:
            return None
        new = stamped(swap.instance, created.decode(), now, old)
        if new == old:
            return None
        try:
            line = b"".join((mark[1:], orjson.dumps(new), b"}"))
        except orjson.JSONEncodeError:
            return None
        place = begin + _MODIFIED
        version += 1
        seq = effects.before + len(effects.committed) + 1
        change = Exchange(
            seq, town.name, entity_id, version, _UPDATE, now, None, None, (iri, new, old, then)
        )
        try:
            types = _listed(document[document.find(TYPES) + len(TYPES) : begin - 1])
        except orjson.JSONDecodeError:
            types = tuple(orjson.loads(document[:begin] + b'"attrs":0}')["type"])
        swapped = Swapped(change, document, head, place, start, end, line, types, names)
        if swap.may is not None:
            swap.may(swapped.before, swapped.after)
        rest = document[place + len(stamp) : start]
        after = b"".join((document[:place], stamp, rest, line, document[end:]))
        self._run(UPDATE, (version, seq, after, eid))
        delta = b"".join((_TIME, stamp, _ATTRS, line, b"}}"))
        prior = b"".join((_TIME, then, _ATTRS, lost, b"}}"))
        about = (seq, town.tid, entity_id, version, _UPDATE, now, last, eid, delta, prior)
        self._run(CHANGE, about)
        names.undo = effects.undo
        self._indexer.swap(eid, types, iri, old, new, names, seq, effects.pending)
        effects.committed.append(swapped)
        return SwappedRecord(swapped)


@lru_cache(maxsize=4096)
def _mark(key: str) -> bytes:
    """Return how the line of an attribute begins, after the one before."""
    return b'\n"%b":%b' % (key.encode(), BEGINS)


@lru_cache(maxsize=1024)
def _listed(types: bytes) -> tuple[str, ...]:
    """Return the types that stand between the id and the times, where nothing else does."""
    return tuple(orjson.loads(types))
