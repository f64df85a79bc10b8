"""What is kept in memory of each tenant, for the writer and for readers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import apsw
import orjson

from broker.store.contract import TypeRules
from broker.store.refusals import nonexistent
from broker.store.sqlite.connection import runner
from broker.store.sqlite.names import Names, Undo, WriterNames


@dataclass(slots=True)
class Town:
    """A tenant as the writing transaction sees it. `rules` is replaced, never changed."""

    tid: int
    name: str
    names: WriterNames
    rules: dict[str, TypeRules]


@dataclass(frozen=True, slots=True)
class View:
    """A tenant as readers see it: committed only."""

    tid: int
    names: Names


class Towns:
    """All tenants, by name. The writer's side may be ahead of the readers' by one transaction."""

    def __init__(self, writing: apsw.Connection, reading: apsw.Connection, most_names: int) -> None:
        self.views: dict[str, View] = {}
        self.known: dict[str, Town] = {}
        """As the writing transaction sees them."""
        self._writing = writing
        self._reading = reading
        self._most_names = most_names
        self._run = runner(writing)
        known = self._run("SELECT tid, name FROM tenant WHERE name IS NOT NULL").fetchall()
        for tid, name in known:
            self.known[name] = self.town(tid, name)
            self._publish(tid, name)

    def view(self, tenant: str) -> View:
        """Return a tenant as readers see it; raises NonexistentTenant."""
        view = self.views.get(tenant)
        if view is None:
            raise nonexistent(tenant)
        return view

    def town(self, tid: int, name: str) -> Town:
        """Return what the file holds of a tenant."""
        rules = self._run("SELECT type, rules FROM rule WHERE tid = ?", (tid,))
        return Town(
            tid,
            name,
            WriterNames(self._writing, tid, name, self._most_names),
            {type_iri: load_rules(document) for type_iri, document in rules},
        )

    def enter(self, tenant: str, create: bool, undo: Undo, publish: Undo) -> Town:
        """Return a tenant for writing, making it if `create`; raises NonexistentTenant."""
        town = self.known.get(tenant)
        if town is None:
            if not create:
                raise nonexistent(tenant)
            self._run("INSERT INTO tenant (name) VALUES (?)", (tenant,))
            tid = self._writing.last_insert_rowid()
            town = self.known[tenant] = self.town(tid, tenant)
            undo.append(lambda: self._forget(tenant))
            publish.append(lambda: self._publish(tid, tenant))
        return town

    def detach(self, tenant: str, undo: Undo, publish: Undo) -> Town:
        """Take the name from a tenant, so that nobody finds it any more; return it.

        The default tenant is there again at once, empty.
        """
        town = self.enter(tenant, False, undo, publish)
        self._run("UPDATE tenant SET name = NULL WHERE tid = ?", (town.tid,))
        del self.known[tenant]
        undo.append(lambda: self.known.__setitem__(tenant, town))
        publish.append(lambda: self._withdraw(tenant))
        if tenant == "":
            self.enter("", True, undo, publish)
        return town

    def detached(self) -> list[Town]:
        """Return the tenants whose deletion was interrupted."""
        rows = self._run("SELECT tid FROM tenant WHERE name IS NULL").fetchall()
        return [self.town(tid, "") for (tid,) in rows]

    def _publish(self, tid: int, name: str) -> None:
        self.views[name] = View(tid, Names(self._reading, tid, name))

    def _withdraw(self, tenant: str) -> None:
        self.views.pop(tenant, None)

    def _forget(self, tenant: str) -> None:
        self.known.pop(tenant, None)


def dump_rules(rules: TypeRules) -> bytes:
    """Return rules as JSON."""
    writers = None if rules.writers is None else sorted(rules.writers)
    document: dict[str, Any] = {
        "append_only": rules.append_only,
        "writers": writers,
        "balanced": rules.balanced,
        "balanced_by": rules.balanced_by,
        "bounded": rules.bounded,
        "unlisted": rules.unlisted,
    }
    return orjson.dumps(document)


def load_rules(document: bytes) -> TypeRules:
    """Return the rules written by `dump_rules`."""
    parts = orjson.loads(document)
    writers = parts["writers"]
    return TypeRules(
        append_only=parts["append_only"],
        writers=None if writers is None else frozenset(writers),
        balanced=parts["balanced"],
        balanced_by=parts["balanced_by"],
        bounded=tuple((iri, low, high) for iri, low, high in parts["bounded"]),
        unlisted=parts.get("unlisted", False),
    )
