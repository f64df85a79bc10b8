"""The reference engine: everything in memory, nothing clever.

It says what the other engines must do, and is the oracle of the property tests. Documents are
kept as JSON, so that nobody can change what is stored by changing what was handed in.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import orjson

from broker.clock import Clock, now
from broker.model.census import Census
from broker.model.change import emptied
from broker.model.entity import Entity
from broker.model.expiry import first_expiry
from broker.query.ast import EntityQuery
from broker.query.ordering import sort_entities
from broker.query.predicate import compile_predicate
from broker.store.audience import Audience
from broker.store.contract import (
    Answer,
    Change,
    Committed,
    Kept,
    Kind,
    Listener,
    Page,
    Record,
    Resource,
    ResourceListener,
    TypeRules,
    Work,
)
from broker.store.explanation import Explanation
from broker.store.memory_history import MemoryHistory
from broker.store.memory_outbox import MemoryOutbox
from broker.store.refusals import closed, encode, nonexistent
from broker.store.tx import UnitOfWork, run

T = TypeVar("T")


@dataclass
class _Town:
    """What one tenant has."""

    documents: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    answers: dict[str, tuple[Answer, str]] = field(default_factory=dict)
    rules: dict[str, TypeRules] = field(default_factory=dict)
    due: dict[str, str] = field(default_factory=dict)
    resources: dict[tuple[str, str], Resource] = field(default_factory=dict)


class _Draft:
    """The `Backend` of one unit of work: a copy of the tenant that replaces it on success."""

    def __init__(self, town: _Town, seq: int, feed: Iterable[Change]) -> None:
        self._feed = feed
        self.town = _Town(
            dict(town.documents),
            dict(town.answers),
            dict(town.rules),
            dict(town.due),
            dict(town.resources),
        )
        self.changes: list[Change] = []
        self.notices: list[tuple[int, str, dict[str, Any]]] = []
        self._first = seq + 1

    async def load(self, entity_id: str) -> Record | None:
        return _record(self.town, entity_id)

    async def buried(self, entity_id: str) -> int:
        known = (c for c in (*self._feed, *self.changes) if c.entity_id == entity_id)
        return max((c.version for c in known if c.kind is Kind.DELETE), default=0)

    async def next_seq(self) -> int:
        return self._first + len(self.changes)

    async def write(
        self, committed: Committed, held: Record | None
    ) -> tuple[Record | None, str | None]:
        change, record, due = committed.change, None, None
        if committed.after is None:
            del self.town.documents[change.entity_id]
        else:
            record = Record(committed.after, change.version)
            self.town.documents[change.entity_id] = (encode(committed.after), change.version)
            due = first_expiry(committed.after)
        await self.schedule(change.entity_id, due)
        self.changes.append(copy.deepcopy(change))
        return record, due

    async def schedule(self, entity_id: str, due: str | None) -> None:
        self.town.due.pop(entity_id, None)
        if due is not None:
            self.town.due[entity_id] = due

    async def load_answer(self, key: str) -> Answer | None:
        return self.town.answers.get(key, (None, ""))[0]

    async def save_answer(self, key: str, answer: Answer, at: str) -> None:
        self.town.answers[key] = (answer, at)

    async def load_rules(self) -> Mapping[str, TypeRules]:
        return self.town.rules

    async def save_rules(self, type_iri: str, rules: TypeRules | None) -> None:
        self.town.rules.pop(type_iri, None)
        if rules is not None:
            self.town.rules[type_iri] = rules

    async def load_resource(self, kind: str, resource_id: str) -> Resource | None:
        return self.town.resources.get((kind, resource_id))

    async def load_resources(self, kind: str) -> list[Resource]:
        return _resources(self.town, kind)

    async def save_resource(self, resource: Resource) -> None:
        self.town.resources[resource.kind, resource.id] = resource

    async def tell(self, sid: int, at: str, notice: dict[str, Any]) -> None:
        self.notices.append((sid, at, copy.deepcopy(notice)))

    async def drop_resource(self, kind: str, resource_id: str) -> bool:
        return self.town.resources.pop((kind, resource_id), None) is not None


class MemoryStore:
    """A `Store` in memory. What it holds is gone when the object is."""

    def __init__(self, *, clock: Clock = now) -> None:
        self._clock = clock
        self._towns: dict[str, _Town] = {"": _Town()}
        self._feed: list[tuple[str, Change | None]] = []
        """(time, change) in order; the changes of dropped tenants are None."""
        self._pruned = 0
        self._commits = 0
        self._audience = Audience()
        self._open = False
        self.outbox = MemoryOutbox(clock, lambda: self.span()[1], self._enter, self._kept)
        self.history = MemoryHistory(self._enter)

    async def open(self) -> None:
        """Make the store ready."""
        self._open = True

    async def close(self) -> None:
        """Refuse new work."""
        self._open = False

    async def write(
        self, tenant: str, work: Work[T], *, client: str = "", create_tenant: bool = False
    ) -> T:
        """Run `work` and keep what it wrote, or nothing where it raises."""
        if not self._open:
            raise closed()
        town = self._towns.get(tenant)
        if town is None:
            if not create_tenant:
                raise nonexistent(tenant)
            town = _Town()
        known = [change for _, change in self._feed if change and change.tenant == tenant]
        draft = _Draft(town, self.span()[1], known)
        unit = UnitOfWork(draft, tenant, client, self._clock())
        result = run(unit, work)
        self._audience.foretell(unit.committed)
        self._towns[tenant] = draft.town
        self._feed += [(change.at, change) for change in draft.changes]
        self._commits += 1
        for sid, at, notice in draft.notices:
            self.outbox.tell(sid, at, notice)
        if unit.committed:
            self.outbox.queue(unit.committed, self._current)
            self._audience.tell(unit.committed)
        return result

    async def get(self, tenant: str, entity_id: str) -> Record | None:
        """Return the committed entity."""
        return _record(self._town(tenant), entity_id)

    async def get_many(self, tenant: str, ids: Iterable[str]) -> list[Record]:
        """Return the committed entities among `ids`, in the order asked."""
        town = self._town(tenant)
        found = (_record(town, entity_id) for entity_id in dict.fromkeys(ids))
        return [record for record in found if record is not None]

    def _current(self, tenant: str, entity_id: str) -> Entity | None:
        town = self._towns.get(tenant)
        return None if town is None else _entity(town, entity_id)

    async def query(self, tenant: str, query: EntityQuery, kept: Kept | None = None) -> Page:
        """Return the committed entities that satisfy `query`, ordered by id."""
        town = self._town(tenant)
        matches = compile_predicate(query.where, lambda linked: _entity(town, linked))
        records = await self.get_many(tenant, sorted(town.documents))
        found = [record for record in records if matches(record.entity)]
        sort_entities(found, query.order, lambda record: record.entity)
        rest = [r for r in found if query.after is None or r.id > query.after]
        page = rest[query.offset : query.offset + query.limit]
        return Page(page, len(found) if query.count else None)

    async def explain(self, tenant: str, query: EntityQuery) -> Explanation:
        """Answer `query`, and tell how: every entity is looked at."""
        page = await self.query(tenant, query)
        count = len(self._town(tenant).documents)
        return Explanation("walk", count, count, len(page.records), page.total)

    async def due(self, now: str, *, limit: int = 100, skip: int = 0) -> list[tuple[str, str]]:
        """Return (tenant, id) of entities of which a part expires by `now`, earliest first."""
        if not self._open:
            raise closed()
        found = sorted(
            (at, tenant, entity_id)
            for tenant, town in self._towns.items()
            for entity_id, at in town.due.items()
            if at <= now
        )
        return [(tenant, entity_id) for _, tenant, entity_id in found[skip : skip + limit]]

    async def census(self, tenant: str) -> Census:
        """Return types and attributes in figures."""
        census = Census()
        for document, _ in self._town(tenant).documents.values():
            census.add(orjson.loads(document))
        return census

    async def changes(
        self,
        after: int,
        *,
        tenant: str | None = None,
        entity_id: str | None = None,
        until: int | None = None,
        kind: Kind | None = None,
        limit: int = 1000,
    ) -> list[Change]:
        """Return changes with `after < seq <= until`, oldest first."""
        found = [
            change
            for _, change in self._feed
            if change is not None
            and change.seq > after
            and (until is None or change.seq <= until)
            and (tenant is None or change.tenant == tenant)
            and (entity_id is None or change.entity_id == entity_id)
            and (kind is None or change.kind is kind)
        ]
        return copy.deepcopy(found[:limit])

    def span(self) -> tuple[int, int]:
        """Return (oldest seq still kept, newest committed seq)."""
        return self._pruned + 1, self._pruned + len(self._feed)

    def foresee(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` before each commit; return the way to stop it."""
        return self._audience.foresee(listener)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after each commit; return the way to stop it."""
        return self._audience.listen(listener)

    def hear(self, listener: ResourceListener) -> Callable[[], None]:
        """Do nothing: no other broker writes here."""
        return lambda: None

    def leads(self) -> bool:
        """Tell that this broker does what is done once for all."""
        return True

    async def prune(self, before: str) -> int:
        """Forget changes and remembered answers older than the time `before`."""
        forgotten = 0
        while self._feed and self._feed[0][0] < before:
            forgotten += self._feed.pop(0)[1] is not None
            self._pruned += 1
        self.outbox.expire(self._pruned, before)
        for town in self._towns.values():
            old = [key for key, (_, at) in town.answers.items() if at < before]
            for key in old:
                del town.answers[key]
            forgotten += len(old)
        return forgotten

    async def forget(self, tenant: str, entity_id: str) -> int:
        """Forget what was told of an entity up to its newest deletion."""
        self._town(tenant)
        places = {
            place: change
            for place, (_, change) in enumerate(self._feed)
            if change is not None and (change.tenant, change.entity_id) == (tenant, entity_id)
        }
        gone = [place for place, change in places.items() if change.kind is Kind.DELETE]
        if not gone:
            return 0
        newest = places[gone[-1]]
        assert newest.before is not None
        kept = replace(newest, before=emptied(newest.before, newest.at))
        older = [place for place in places if place < gone[-1]]
        for place in older:
            self._feed[place] = (self._feed[place][0], None)
        self._feed[gone[-1]] = (kept.at, kept)
        self.outbox.forget(kept)
        return len(older)

    async def tenants(self) -> list[str]:
        """Return the names of all tenants, the default tenant first."""
        return sorted(self._towns)

    async def drop_tenant(self, tenant: str) -> None:
        """Delete a tenant whole; the default tenant is empty afterwards."""
        self._town(tenant)
        del self._towns[tenant]
        self._towns.setdefault("", _Town())
        self._feed = [
            (at, None if change is not None and change.tenant == tenant else change)
            for at, change in self._feed
        ]
        self.outbox.drop_tenant(tenant)
        self.history.drop_tenant(tenant)

    async def rules(self, tenant: str) -> dict[str, TypeRules]:
        """Return the committed rules by type IRI."""
        return dict(self._town(tenant).rules)

    async def resource(self, tenant: str, kind: str, resource_id: str) -> Resource | None:
        """Return a committed resource."""
        return self._town(tenant).resources.get((kind, resource_id))

    async def resources(self, tenant: str, kind: str) -> list[Resource]:
        """Return all committed resources of a kind, the oldest first."""
        return _resources(self._town(tenant), kind)

    def count(self) -> dict[str, int]:
        """Return figures for /metrics."""
        return {
            "entities": sum(len(town.documents) for town in self._towns.values()),
            "changes": len(self._feed),
            "commits_total": self._commits,
            "tenants": len(self._towns),
            "queue": 0,
        }

    def _kept(self, tenant: str, kind: str) -> list[Resource]:
        return _resources(self._town(tenant), kind)

    def _enter(self, tenant: str, create: bool) -> None:
        if create and self._open:
            self._towns.setdefault(tenant, _Town())
        self._town(tenant)

    def _town(self, tenant: str) -> _Town:
        if not self._open:
            raise closed()
        if tenant not in self._towns:
            raise nonexistent(tenant)
        return self._towns[tenant]


def _resources(town: _Town, kind: str) -> list[Resource]:
    found = [one for one in town.resources.values() if one.kind == kind]
    return sorted(found, key=lambda one: (one.at, one.id))


def _record(town: _Town, entity_id: str) -> Record | None:
    stored = town.documents.get(entity_id)
    return None if stored is None else Record(orjson.loads(stored[0]), stored[1])


def _entity(town: _Town, entity_id: str) -> Entity | None:
    record = _record(town, entity_id)
    return None if record is None else record.entity
