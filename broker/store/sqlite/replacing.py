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
from broker.store.sqlite.documents import (
    LINES,
    OPEN,
    StampedAttributes,
    StoredAttributes,
    stamped_lines,
)
from broker.store.sqlite.effects import Effects
from broker.store.sqlite.indexer import Indexer
from broker.store.sqlite.names import WriterNames
from broker.store.sqlite.session import CHANGE, LOAD, UPDATE
from broker.store.sqlite.town import Town

MEMBERS: Final = ["id", "type", "createdAt", "modifiedAt", "attrs"]
"""Of an entity without scope and expiry, in the order of its document."""


_UPDATE: Final = Kind.UPDATE
"""As it is: to look for a member of an enumeration takes its time."""

_TELLING: Final = frozenset(("attrs", "createdAt", "expiresAt"))
"""What an instance that is not plain has."""


class _Exchange(NamedTuple):
    """The lines of the new document, and the instances before and after, in its order."""

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
            may = None if replacement.may is None else partial(replacement.may, None)
            created = self._creating.create(entity, may, town, now, effects)
            return None if created is None else True
        eid, last, version, document = row
        head = document.find(LINES)
        stamp = now.encode()
        if head < 0 or town.rules or stamp in document:
            return None
        before = orjson.loads(document)
        exchange = _exchanged(before, entity, names, stamp)
        if exchange is None:
            return None
        lines, old, new = exchange
        attrs, then = entity["attrs"], before["modifiedAt"]
        before["attrs"] = lost = StoredAttributes(document, head + len(OPEN), names)
        gained = StampedAttributes(attrs, now)
        after = {**before, "modifiedAt": now, "attrs": gained}
        if replacement.may is not None:
            replacement.may(before, after)
        seq, version = effects.seq + 1, version + 1
        was, is_ = b'"modifiedAt":"%b",' % then.encode(), b'"modifiedAt":"%b",' % stamp
        body = b'"attrs":{\n%b\n}}' % lines
        written = document[:head].replace(was, is_) + body
        self._run(UPDATE, (version, seq, written, eid))
        about = seq, town.tid, entity_id, version, _UPDATE, now, last, eid
        self._run(CHANGE, (*about, b"{%b%b" % (is_, body), b"{%b%b" % (was, document[head:])))
        effects.documents[seq] = written
        names.undo = effects.undo
        self._indexer.exchange(*(eid, entity["type"], attrs, old, new, names, seq), effects.pending)
        change = Change(
            *(seq, town.name, entity_id, version, _UPDATE, now),
            {"modifiedAt": now, "attrs": gained},
            {"modifiedAt": then, "attrs": lost},
        )
        effects.committed.append(Committed(change, before, after))
        return False


def _exchanged(
    stored: Entity, entity: Entity, names: WriterNames, stamp: bytes
) -> _Exchange | None:
    """Return what takes place where both entities have the same shape, a plain one; else None.

    `stored` has its attributes by key.
    """
    was, attrs = stored["attrs"], entity["attrs"]
    if stored["type"] != entity["type"] or list(stored) != MEMBERS or len(entity) != 3:
        return None
    keys: list[Any] = [*map(names.keys.get, attrs)]
    found = [*was.values()] if keys == list(was) else [*map(was.get, keys)]
    if len(found) != len(was) or not all(found):
        return None
    old, new = _only(found), _only(attrs.values())
    if old is None or new is None:
        return None
    lines = stamped_lines(dict(zip(keys, attrs.values(), strict=True)), stamp)
    return None if lines is None else _Exchange(lines, old, new)


def _only(attributes: Collection[dict[str, Any]]) -> list[Instance] | None:
    """Return the instances where each attribute has one, the default one, and all are plain."""
    try:
        found = [instances[DEFAULT] for instances in attributes]
    except KeyError:
        return None
    if sum(map(len, attributes)) != len(found):
        return None
    return found if all(map(_TELLING.isdisjoint, found)) else None
