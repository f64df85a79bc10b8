"""Replacements in SQL: a document takes the place of one of the same shape.

What is written is what the unit of work would write (`broker.store.tx`, `Session`). All instances
are new, for each has a new time; so none is compared with another, and what the change row holds
of before and after are the lines of the two documents. Where that cannot be told from them the
replacement is left to its work.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any, Final, NamedTuple

import orjson

from broker.model.entity import DEFAULT, Entity, Instance
from broker.store.contract import Change, Committed, Kind
from broker.store.replacement import Replacement
from broker.store.sqlite.connection import Run
from broker.store.sqlite.creating import Creating
from broker.store.sqlite.documents import LINES, KeyedAttributes, dump_lines
from broker.store.sqlite.effects import Effects
from broker.store.sqlite.indexer import Indexer
from broker.store.sqlite.names import WriterNames
from broker.store.sqlite.session import CHANGE, LOAD, UPDATE
from broker.store.sqlite.town import Town

MEMBERS: Final = ["id", "type", "createdAt", "modifiedAt", "attrs"]
"""Of an entity without scope and expiry, in the order of its document."""


class _Exchange(NamedTuple):
    """An entity before and after, the lines of its new document, and its instances in order."""

    before: Entity
    after: Entity
    lines: bytes
    old: list[Instance]
    new: list[Instance]


class Replacing:
    """Carries out replacements in the open transaction."""

    def __init__(self, run: Run, indexer: Indexer, creating: Creating) -> None:
        self._run = run
        self._indexer = indexer
        self._creating = creating

    def attempt(
        self, replacement: Replacement, town: Town, now: str, effects: Effects
    ) -> bool | None:
        """Carry out a replacement; tell whether the entity was created.

        Returns None, with nothing done, where it has to be run as a work. Raises what
        `replacement.may` raises, and BadRequestData for what JSON cannot hold.
        """
        entity, names = replacement.entity, town.names
        entity_id: str = entity["id"]
        row = self._run(LOAD, (town.tid, entity_id)).get
        if row is None:
            may = partial(replacement.may, None)
            created = self._creating.create(entity, may, town, now, effects)
            return None if created is None else True
        eid, last, version, document = row
        head = document.find(LINES)
        if head < 0 or town.rules or now.encode() in document:
            return None
        exchange = _exchanged(orjson.loads(document), entity, names, now)
        if exchange is None:
            return None
        before, after, lines, old, new = exchange
        replacement.may(before, after)
        then = before["modifiedAt"]
        was, stamp = b'"modifiedAt":"%b",' % then.encode(), b'"modifiedAt":"%b",' % now.encode()
        attrs = b'"attrs":{\n%b\n}}' % lines
        seq, version = effects.seq + 1, version + 1
        prior, delta = b"{" + was + document[head:], b"{" + stamp + attrs
        document = document[:head].replace(was, stamp) + attrs
        self._run(UPDATE, (version, seq, document, eid))
        about = (version, Kind.UPDATE, now)
        self._run(CHANGE, (seq, town.tid, entity_id, *about, last, eid, delta, prior))
        effects.documents[seq] = document
        names.undo = effects.undo
        effects.rows += self._indexer.exchange(
            eid, entity["type"], entity["attrs"], old, new, names, seq
        )
        change = Change(
            *(seq, town.name, entity_id, *about),
            {"modifiedAt": now, "attrs": after["attrs"]},
            {"modifiedAt": then, "attrs": before["attrs"]},
        )
        effects.committed.append(Committed(change, before, after))
        return False


def _exchanged(stored: Entity, entity: Entity, names: WriterNames, now: str) -> _Exchange | None:
    """Return what takes place where both entities have the same shape, a plain one; else None.

    `stored` has its attributes by key, and is given away.
    """
    was, attrs = stored["attrs"], entity["attrs"]
    if stored["type"] != entity["type"] or list(stored) != MEMBERS or len(entity) != 3:
        return None
    keys: list[Any] = [*map(names.keys.get, attrs)]
    found = [*was.values()] if keys == list(was) else [*map(was.get, keys)]
    if len(found) != len(was) or not all(found):
        return None
    old, sent = _only(found), _only(attrs.values())
    if old is None or sent is None:
        return None
    new = [instance.copy() for instance in sent]
    for instance in new:
        instance["modifiedAt"] = now
    gained = dict(zip(keys, [{DEFAULT: instance} for instance in new], strict=True))
    lines = dump_lines(gained)
    if lines is None:
        return None
    after = {**stored, "modifiedAt": now, "attrs": KeyedAttributes(gained, names.iris)}
    stored["attrs"] = KeyedAttributes(was, names.iris)
    return _Exchange(stored, after, lines, old, new)


def _only(attributes: Collection[dict[str, Any]]) -> list[Instance] | None:
    """Return the instances where each attribute has one, the default one, and all are plain."""
    try:
        found = [instances[DEFAULT] for instances in attributes]
    except KeyError:
        return None
    if sum(map(len, attributes)) != len(found):
        return None
    for instance in found:
        if "attrs" in instance or "createdAt" in instance or "expiresAt" in instance:
            return None
    return found
