"""Interned names: IRIs as small integers, per tenant.

The writer and the readers keep separate caches. The writer's may hold names of a transaction
that is still open and forgets them when it is rolled back; the readers' fills itself from what
is committed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import apsw

from broker.errors import BadRequestData
from broker.store.refusals import nonexistent
from broker.store.sqlite.connection import runner
from broker.store.sqlite.pending import Key

MOST_NAMES: Final = 1 << 22
"""Names in a data file: more could not be told apart in the tree of boxes."""

_NAME: Final = (
    "INSERT INTO name (tid, iri) SELECT ?, ? WHERE coalesce((SELECT max(nid) FROM name), 0) < ?"
)

Undo = list[Callable[[], None]]

Column: TypeAlias = tuple[int, list[int], list[int], Key, Key]
"""Number of an attribute, types for which it is indexed, those of them with single numbers only,
where its numbers and its texts go."""

Columns: TypeAlias = dict[str, Column]
"""Attribute IRI → what is known of it, for one combination of types."""


class Names:
    """The names of a tenant, both ways, as one connection sees them."""

    def __init__(self, connection: apsw.Connection, tid: int, tenant: str) -> None:
        self.iris: dict[str, str] = _Iris(self)
        """Id in decimal, as in documents → IRI; a name not met before is looked up."""
        self.ids: dict[str, int] = {}
        """IRI → id, for the names met so far."""
        self._run = runner(connection)
        self._tid = tid
        self._tenant = tenant

    def iri(self, key: str) -> str:
        """Look up the name behind an id; raises NonexistentTenant once the tenant is dropped."""
        iri: str | None = self._run(
            "SELECT iri FROM name WHERE nid = ? AND tid = ?", (int(key), self._tid)
        ).get
        if iri is None:
            raise nonexistent(self._tenant)
        return iri

    def nid(self, iri: str) -> int | None:
        """Return the id of a name, or None for one no entity of the tenant ever had."""
        nid: int | None = self.ids.get(iri)
        if nid is None:
            nid = self._run("SELECT nid FROM name WHERE tid = ? AND iri = ?", (self._tid, iri)).get
            if nid is not None:
                self.ids[iri] = nid
        return nid


class WriterNames(Names):
    """The names of a tenant as the writing transaction sees them, with the right to add.

    All are known from the beginning, so that what was read in a transaction can be parsed after
    it, when its connection may be busy with a commit.
    """

    def __init__(self, connection: apsw.Connection, tid: int, tenant: str, limit: int) -> None:
        super().__init__(connection, tid, tenant)
        self.undo: Undo = []
        """What takes new names back if the unit of work that is running fails; set by it."""
        self.keys: dict[str, str] = _Keys(self)
        """IRI → id in decimal, as in documents; asking for a new one interns it."""
        self.columns: dict[tuple[str, ...], Columns] = {}
        """What the indexer knows of attributes (`broker.store.sqlite.indexer`)."""
        self._connection = connection
        self._limit = limit
        for nid, iri in self._run("SELECT nid, iri FROM name WHERE tid = ?", (tid,)):
            self._know(iri, nid)

    def intern(self, iri: str) -> int:
        """Return the id of a name, giving it one if it is new; raises BadRequestData."""
        nid = self.ids.get(iri)
        if nid is None:
            if len(self.ids) >= self._limit:
                raise self._too_many(iri)
            self._run(_NAME, (self._tid, iri, MOST_NAMES))
            if not self._connection.changes():
                raise self._file_full(iri)
            nid = self._connection.last_insert_rowid()
            self._know(iri, nid)
            self.undo.append(lambda: self._forget(iri, str(nid)))
        return nid

    def _know(self, iri: str, nid: int) -> None:
        key = str(nid)
        self.ids[iri] = nid
        self.keys[iri] = key
        self.iris[key] = iri

    def _forget(self, iri: str, key: str) -> None:
        del self.ids[iri], self.keys[iri], self.iris[key]

    def _file_full(self, iri: str) -> BadRequestData:
        return BadRequestData(
            f"The tenants together have {MOST_NAMES} names of types and attributes, and {iri} "
            "would be one more than the data file may have.",
            place="body:",
            remedy="Use names that are known, or a broker with a data folder of its own.",
        )

    def _too_many(self, iri: str) -> BadRequestData:
        return BadRequestData(
            f"The tenant has {len(self.ids)} names of types and attributes, and {iri} would be one "
            "more than it may have.",
            place="body:",
            remedy="Use fewer distinct names: put variable parts into values, not names.",
        )


class _Iris(dict[str, str]):
    """The IRIs by key of documents: a plain look-up for the names met before."""

    def __init__(self, names: Names) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, key: str) -> str:
        iri = self[key] = self._names.iri(key)
        return iri


class _Keys(dict[str, str]):
    """The keys of documents by IRI: a plain look-up for the names met before."""

    def __init__(self, names: WriterNames) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, iri: str) -> str:
        key = self[iri] = str(self._names.intern(iri))
        return key
