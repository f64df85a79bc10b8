"""One unit of work inside the writing transaction: the engine's primitives in SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import apsw

from broker.model.change import changed_attributes
from broker.model.entity import Entity
from broker.model.expiry import first_expiry
from broker.store.contract import Answer, Committed, Kind, Record, Resource, TypeRules
from broker.store.sqlite.connection import Run
from broker.store.sqlite.documents import dump, opened, rewritten
from broker.store.sqlite.effects import Effects
from broker.store.sqlite.entering import ALL_TYPES, Entering, numbers, only
from broker.store.sqlite.indexer import Indexer
from broker.store.sqlite.pending import Pending
from broker.store.sqlite.resources import load_resource, load_resources
from broker.store.sqlite.town import Town, dump_rules

Parts: TypeAlias = tuple[int, int, bytes | None, bytes | None]
"""Of a change row: the entity's change before it, its number, the delta and the prior."""

EXPIRES: Final = b'"expiresAt"'
"""In the document of every entity that expires, whole or in part; seldom in others."""

LOAD: Final = "SELECT eid, seq, version, doc FROM entity WHERE tid = ? AND id = ?"
UPDATE: Final = "UPDATE entity SET version = ?, seq = ?, doc = ? WHERE eid = ?"
CHANGE: Final = "INSERT INTO change VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(slots=True)
class Feed:
    """The newest committed change; whether entities were deleted, or are due to expire."""

    seq: int
    graves: bool
    due: bool


class Held(Record):
    """An entity as the transaction has it: with its row, newest change, and document.

    `transient` tells that the file may have a due time of it.
    """

    __slots__ = ("document", "eid", "seq", "transient")

    def __init__(
        self, entity: Entity, version: int, eid: int, seq: int, document: bytes, transient: bool
    ) -> None:
        self.entity = entity
        self.version = version
        self.eid = eid
        self.seq = seq
        self.document = document
        self.transient = transient


class Session:
    """The `Backend` of one unit of work (see `broker.store.tx`)."""

    __slots__ = (
        "_connection",
        "_due",
        "_entering",
        "_feed",
        "_indexer",
        "_names",
        "_run",
        "_tell",
        "_town",
        "effects",
    )

    def __init__(
        self,
        connection: apsw.Connection,
        run: Run,
        indexer: Indexer,
        entering: Entering,
        feed: Feed,
        town: Town,
        effects: Effects,
        tell: Callable[[int, str, dict[str, Any], Effects], None],
    ) -> None:
        """Begin a unit of work; make it when it runs, not before. `run` is of `connection`.

        `tell` queues what is about no entity.
        """
        self._tell = tell
        self.effects = effects
        self._connection = connection
        self._run = run
        self._indexer = indexer
        self._entering = entering
        self._feed = feed
        self._town = town
        self._due: str | None = None
        self._names = town.names
        self._names.undo = effects.undo

    async def load(self, entity_id: str) -> Record | None:
        row = self._run(LOAD, (self._town.tid, entity_id)).get
        if row is None:
            return None
        eid, seq, version, document = row
        entity = opened(document, self._names)
        transient = self._feed.due and EXPIRES in document
        return Held(entity, version, eid, seq, document, transient)

    async def buried(self, entity_id: str) -> int:
        if not self._feed.graves:
            return 0
        version: int | None = self._run(
            "SELECT c.version FROM grave g CROSS JOIN change c ON c.seq = g.seq "
            "WHERE g.tid = ? AND g.id = ?",
            (self._town.tid, entity_id),
        ).get
        return version or 0

    async def next_seq(self) -> int:
        return self.effects.seq + 1

    async def write(
        self, committed: Committed, held: Record | None
    ) -> tuple[Record | None, str | None]:
        change, self._due = committed.change, None
        assert held is None or isinstance(held, Held)
        now: Held | None = None
        if held is None:
            now, parts = self._create(committed)
        elif change.kind is Kind.UPDATE:
            now, parts = self._update(committed, held)
        else:
            parts = self._delete(committed, held)
        self._run(
            CHANGE,
            (
                change.seq,
                self._town.tid,
                change.entity_id,
                change.version,
                change.kind,
                change.at,
                *parts,
            ),
        )
        self.effects.committed.append(committed)
        return now, self._due

    async def schedule(self, entity_id: str, due: str | None) -> None:
        self._schedule(entity_id, due)

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

    async def load_resource(self, kind: str, resource_id: str) -> Resource | None:
        return load_resource(self._run, self._town.tid, kind, resource_id)

    async def load_resources(self, kind: str) -> list[Resource]:
        return load_resources(self._run, self._town.tid, kind)

    async def save_resource(self, resource: Resource) -> None:
        one = resource
        values = (self._town.tid, one.kind, one.id, one.at, one.body)
        self._run("INSERT OR REPLACE INTO resource VALUES (?, ?, ?, ?, ?)", values)

    async def tell(self, sid: int, at: str, notice: dict[str, Any]) -> None:
        self._tell(sid, at, notice, self.effects)

    async def drop_resource(self, kind: str, resource_id: str) -> bool:
        key = (self._town.tid, kind, resource_id)
        self._run("DELETE FROM resource WHERE tid = ? AND kind = ? AND id = ?", key)
        return self._connection.changes() > 0

    def forget(self, eid: int, entity: Entity) -> None:
        """Remove an entity and its index rows from the file, leaving no trace in the feed."""
        self._remove(eid, entity)
        self._schedule(entity["id"], None)
        rows = Pending(0)
        self._indexer.follow(eid, entity, None, (), self._names, 0, rows)
        self._indexer.write(rows)

    def forget_pairs(self) -> None:
        """Forget what is indexed of the tenant."""
        self._indexer.pairs.drop(self._town.tid, self.effects.undo)

    def _create(self, committed: Committed) -> tuple[Held, Parts]:
        change, entity = committed.change, committed.after
        assert entity is not None
        entity_id, seq, version = change.entity_id, change.seq, change.version
        document = dump(entity, self._names.keys)
        types, last = numbers(entity["type"], self._names), 0
        if self._feed.graves:
            last, _ = self._entering.leave_grave(self._town.tid, entity_id)
        place = (version, seq)
        eid = self._entering.enter(entity, types, document, place, self._town, self.effects)
        transient = EXPIRES in document
        if transient:
            self._schedule(entity_id, first_expiry(entity))
        parts = last, eid, document, None
        return Held(entity, version, eid, seq, document, transient), parts

    def _update(self, committed: Committed, held: Held) -> tuple[Held, Parts]:
        change, before, after = committed.change, committed.before, committed.after
        assert before is not None
        assert after is not None
        eid = held.eid
        document, delta, prior = rewritten(held.document, change, before, after, self._names.keys)
        self.effects.documents[change.seq] = document
        if change.delta is not None and "type" in change.delta:
            self._retype(eid, before, after)
        self._run(UPDATE, (change.version, change.seq, document, eid))
        self._index(eid, committed)
        transient = held.transient or EXPIRES in delta
        if transient:
            self._schedule(change.entity_id, first_expiry(after))
        now = Held(after, change.version, eid, change.seq, document, transient)
        return now, (held.seq, eid, delta, prior)

    def _delete(self, committed: Committed, held: Held) -> Parts:
        change, entity = committed.change, committed.before
        assert entity is not None
        self._remove(held.eid, entity)
        if held.transient:
            self._schedule(entity["id"], None)
        self._index(held.eid, committed)
        self._run(
            "INSERT INTO grave VALUES (?, ?, ?)", (self._town.tid, change.entity_id, change.seq)
        )
        self._feed.graves = True
        return held.seq, held.eid, None, held.document

    def _schedule(self, entity_id: str, due: str | None) -> None:
        self._due = due
        if due is None:
            self._run("DELETE FROM due WHERE tid = ? AND id = ?", (self._town.tid, entity_id))
        else:
            self._feed.due = True
            self._run(
                "INSERT OR REPLACE INTO due VALUES (?, ?, ?)", (self._town.tid, entity_id, due)
            )

    def _remove(self, eid: int, entity: Entity) -> None:
        self._run("DELETE FROM entity WHERE eid = ?", (eid,))
        type_ids = numbers(entity["type"], self._names)
        self._indexer.remove_types(entity["id"], type_ids)
        self._count((ALL_TYPES, *type_ids), -1)

    def _retype(self, eid: int, before: Entity, after: Entity) -> None:
        old, new = numbers(before["type"], self._names), numbers(after["type"], self._names)
        lost = [nid for nid in old if nid not in new]
        gained = [nid for nid in new if nid not in old]
        self._run("UPDATE entity SET type = ? WHERE eid = ?", (only(new), eid))
        self._indexer.remove_types(after["id"], lost)
        self._count(lost, -1)
        self._indexer.add_types(eid, after["id"], gained)
        self._count(gained, 1)

    def _index(self, eid: int, committed: Committed) -> None:
        """Let the index rows of a change wait to be written (`broker.store.sqlite.pending`)."""
        change = committed.change
        self._indexer.follow(
            eid,
            committed.before,
            committed.after,
            changed_attributes(change),
            self._names,
            change.seq,
            self.effects.pending,
        )

    def _count(self, types: Iterable[int], difference: int) -> None:
        tid = self._town.tid
        self.effects.counts += [((tid, nid), difference) for nid in types]
