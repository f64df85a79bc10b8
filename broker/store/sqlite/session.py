"""One unit of work inside the writing transaction: the engine's primitives in SQL.

What is kept outside the file (names, rules, sequence number) is changed at once and taken back
by `undo` where the unit of work or the commit fails; what readers may see only after the commit
waits in `publish`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import apsw

from broker.model.change import changed_attributes
from broker.model.entity import Entity
from broker.store.contract import Answer, Committed, Kind, Record, TypeRules
from broker.store.refusals import encode
from broker.store.sqlite.connection import runner
from broker.store.sqlite.documents import interned, parse
from broker.store.sqlite.indexer import Indexer
from broker.store.sqlite.names import Undo
from broker.store.sqlite.town import Town, dump_rules

ALL_TYPES = 0
"""Stands for all entities of a tenant in `counter`."""


@dataclass(slots=True)
class Effects:
    """What a unit of work, or a group of them, does besides its SQL."""

    undo: Undo = field(default_factory=list)
    publish: Undo = field(default_factory=list)
    counts: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    committed: list[Committed] = field(default_factory=list)

    def take(self, other: Effects) -> None:
        """Make the effects of a unit of work that succeeded part of its group's."""
        self.undo += other.undo
        self.publish += other.publish
        self.committed += other.committed
        for key, difference in other.counts.items():
            self.counts[key] += difference

    def take_back(self) -> None:
        """Undo everything kept outside the file, newest first."""
        for undo in reversed(self.undo):
            undo()


@dataclass(slots=True)
class Feed:
    """The sequence number of the newest change in the open transaction."""

    seq: int


class Session:
    """The `Backend` of one unit of work (see `broker.store.tx`)."""

    def __init__(
        self,
        connection: apsw.Connection,
        indexer: Indexer,
        feed: Feed,
        town: Town,
        effects: Effects,
    ) -> None:
        self.effects = effects
        self._connection = connection
        self._run = runner(connection)
        self._indexer = indexer
        self._feed = feed
        self._town = town
        self._eids: dict[str, int] = {}
        self._interning = (self._intern, effects.undo)
        first = feed.seq
        self.effects.undo.append(lambda: setattr(feed, "seq", first))

    async def load(self, entity_id: str) -> Record | None:
        row = self._run(
            "SELECT eid, version, doc FROM entity WHERE tid = ? AND id = ?",
            (self._town.tid, entity_id),
        ).get
        if row is None:
            return None
        eid, version, document = row
        self._eids[entity_id] = eid
        return Record(parse(document, self._town.names), version)

    async def next_seq(self) -> int:
        return self._feed.seq + 1

    async def write(self, committed: Committed) -> None:
        change = committed.change
        if change.kind is Kind.CREATE:
            delta, prior = self._create(committed), None
        elif change.kind is Kind.UPDATE:
            delta, prior = self._update(committed)
        else:
            delta, prior = None, self._delete(committed)
        self._run(
            "INSERT INTO change VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                change.seq,
                self._town.tid,
                change.entity_id,
                change.version,
                change.kind.value,
                change.at,
                delta,
                prior,
            ),
        )
        self._feed.seq = change.seq
        self.effects.committed.append(committed)

    async def load_answer(self, key: str) -> Answer | None:
        row = self._run(
            "SELECT digest, status, body FROM answer WHERE tid = ? AND key = ?",
            (self._town.tid, key),
        ).get
        return None if row is None else Answer(*row)

    async def save_answer(self, key: str, answer: Answer, at: str) -> None:
        self._run(
            "INSERT OR REPLACE INTO answer (tid, key, at, digest, status, body) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (self._town.tid, key, at, answer.digest, answer.status, answer.body),
        )

    async def load_rules(self) -> Mapping[str, TypeRules]:
        return self._town.rules

    async def save_rules(self, type_iri: str, rules: TypeRules | None) -> None:
        town, known = self._town, self._town.rules
        key = (town.tid, type_iri)
        self._run("DELETE FROM rule WHERE tid = ? AND type = ?", key)
        kept = {iri: rule for iri, rule in known.items() if iri != type_iri}
        if rules is not None:
            self._run("INSERT INTO rule VALUES (?, ?, ?)", (*key, dump_rules(rules)))
            kept[type_iri] = rules
        self.effects.undo.append(lambda: setattr(town, "rules", known))
        town.rules = kept

    def forget(self, eid: int, entity: Entity) -> None:
        """Remove an entity and its index rows, leaving no trace in the feed."""
        self._run("DELETE FROM entity WHERE eid = ?", (eid,))
        attributes = entity["attrs"]
        self._indexer.change(eid, entity["type"], attributes, {}, attributes, *self._interning)
        type_ids = self._type_ids(entity["type"])
        self._indexer.remove_types(entity["id"], type_ids)
        self._count((ALL_TYPES, *type_ids), -1)

    def forget_pairs(self) -> None:
        """Forget what is indexed of the tenant."""
        self._indexer.pairs.drop(self._town.tid, self.effects.undo)

    def _create(self, committed: Committed) -> bytes:
        change, entity = committed.change, committed.after
        assert entity is not None
        document = self._document(entity)
        type_ids = self._type_ids(entity["type"])
        self._run(
            "INSERT INTO entity (tid, id, version, doc) VALUES (?, ?, ?, ?)",
            (self._town.tid, change.entity_id, change.version, document),
        )
        eid = self._connection.last_insert_rowid()
        self._eids[change.entity_id] = eid
        self._indexer.add_types(eid, change.entity_id, type_ids)
        attributes = entity["attrs"]
        self._indexer.change(eid, entity["type"], {}, attributes, attributes, *self._interning)
        self._count((ALL_TYPES, *type_ids), 1)
        return document

    def _update(self, committed: Committed) -> tuple[bytes, bytes]:
        change, before, after = committed.change, committed.before, committed.after
        assert before is not None
        assert after is not None
        assert change.delta is not None
        assert change.before is not None
        delta, prior = self._document(change.delta), self._document(change.before)
        document = self._document(after)
        self._type_ids(after["type"])
        eid = self._eids[change.entity_id]
        self._run(
            "UPDATE entity SET version = ?, doc = ? WHERE eid = ?",
            (change.version, document, eid),
        )
        kept = after["type"]
        if "type" in change.delta:
            kept = [iri for iri in before["type"] if iri in after["type"]]
            self._retype(eid, before, after)
        old, new, changed = before["attrs"], after["attrs"], changed_attributes(change)
        self._indexer.change(eid, kept, old, new, changed, *self._interning)
        return delta, prior

    def _delete(self, committed: Committed) -> bytes:
        entity = committed.before
        assert entity is not None
        document = self._document(entity)
        self.forget(self._eids.pop(entity["id"]), entity)
        return document

    def _retype(self, eid: int, before: Entity, after: Entity) -> None:
        lost = [iri for iri in before["type"] if iri not in after["type"]]
        gained = [iri for iri in after["type"] if iri not in before["type"]]
        old, new = before["attrs"], after["attrs"]
        lost_ids, gained_ids = self._type_ids(lost), self._type_ids(gained)
        self._indexer.remove_types(after["id"], lost_ids)
        self._indexer.change(eid, lost, old, {}, old, *self._interning)
        self._count(lost_ids, -1)
        self._indexer.add_types(eid, after["id"], gained_ids)
        self._indexer.change(eid, gained, {}, new, new, *self._interning)
        self._count(gained_ids, 1)

    def _document(self, parts: Entity) -> bytes:
        return encode(interned(parts, lambda iri: str(self._intern(iri))))

    def _intern(self, iri: str) -> int:
        return self._town.names.intern(iri, self.effects.undo)

    def _type_ids(self, types: Iterable[str]) -> list[int]:
        return [self._intern(iri) for iri in dict.fromkeys(types)]

    def _count(self, types: Iterable[int], difference: int) -> None:
        for nid in types:
            self.effects.counts[self._town.tid, nid] += difference
