"""Swaps in SQL: the line of one attribute is exchanged, and nothing else is looked at.

What is written is what the unit of work would write (`broker.store.tx`, `Session`); where that
cannot be told from the line alone the swap is left to it.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from broker.entities.stamp import stamped
from broker.model.attributes import Edited
from broker.model.entity import DEFAULT
from broker.store.contract import Change, Committed, Kind, Record
from broker.store.refusals import encode
from broker.store.sqlite.connection import Run
from broker.store.sqlite.documents import COMMA, LINES, NESTED, OPEN, StoredAttributes
from broker.store.sqlite.effects import Effects
from broker.store.sqlite.indexer import Indexer
from broker.store.sqlite.session import CHANGE, EXPIRES, LOAD, UPDATE, Feed
from broker.store.sqlite.town import Town
from broker.store.swap import Swap

BEGINS: Final = b'{"%b":{' % DEFAULT.encode()
"""How the instances of an attribute begin that has a default one."""


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
        names, iri = town.names, swap.iri
        key = names.keys.get(iri)
        row = self._run(LOAD, (town.tid, swap.entity_id)).get
        if row is None or key is None or town.rules:
            return None
        eid, last, version, document = row
        head = document.find(LINES)
        mark = b'\n"' + key.encode() + b'":'
        start = document.find(mark + BEGINS, head) + 1
        if head < 0 or not start or (self._feed.due and EXPIRES in document):
            return None
        end = document.index(b"\n", start)
        if document[end - 1] == COMMA:
            end -= 1
        lost = document[start:end]
        was = orjson.loads(lost[len(mark) - 1 :])
        if len(was) != 1 or NESTED in lost:
            return None
        before = orjson.loads(document[:head] + b'"attrs":0}')
        then = before["modifiedAt"]
        new = stamped(swap.instance, before["createdAt"], now, was[DEFAULT])
        if then == now or new == was[DEFAULT]:
            return None
        attrs = before["attrs"] = StoredAttributes(document, head + len(OPEN), names, {iri: was})
        instances = {DEFAULT: new}
        after = {**before, "modifiedAt": now, "attrs": Edited(attrs, {iri: instances})}
        swap.may(before, after)
        gained = mark[1:] + encode(instances)
        seq, version = effects.seq + 1, version + 1
        stamp = b'"modifiedAt":"' + now.encode() + b'"'
        old = b'"modifiedAt":"' + then.encode() + b'"'
        top = document[:head].replace(old, stamp)
        document = top + document[head:start] + gained + document[end:]
        self._run(UPDATE, (version, seq, document, eid))
        delta = b"{" + stamp + b',"attrs":{' + gained + b"}}"
        prior = b"{" + old + b',"attrs":{' + lost + b"}}"
        self._run(
            CHANGE,
            (seq, town.tid, swap.entity_id, version, Kind.UPDATE, now, last, eid, delta, prior),
        )
        effects.documents[seq] = document
        names.undo = effects.undo
        effects.rows += self._indexer.change(
            eid, before["type"], {iri: was}, {iri: instances}, (iri,), names, seq
        )
        change = Change(
            *(seq, town.name, swap.entity_id, version, Kind.UPDATE, now),
            {"modifiedAt": now, "attrs": {iri: instances}},
            {"modifiedAt": then, "attrs": {iri: was}},
        )
        effects.committed.append(Committed(change, before, after))
        return Record(after, version)
