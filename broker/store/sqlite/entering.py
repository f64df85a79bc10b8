"""Writing an entity that was not there, with all that finds it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import apsw

from broker.model.entity import Entity
from broker.store.sqlite.connection import Run
from broker.store.sqlite.effects import Effects
from broker.store.sqlite.indexer import Indexer
from broker.store.sqlite.names import WriterNames
from broker.store.sqlite.town import Town

ALL_TYPES: Final = 0
"""Stands for all entities of a tenant in `counter`."""

INSERT: Final = "INSERT INTO entity (tid, id, version, seq, type, doc) VALUES (?, ?, ?, ?, ?, ?)"


class Entering:
    """Enters entities in the open transaction."""

    def __init__(self, connection: apsw.Connection, run: Run, indexer: Indexer) -> None:
        self._number = connection.last_insert_rowid
        self._run = run
        self._indexer = indexer

    def enter(
        self,
        entity: Entity,
        types: list[int],
        document: bytes,
        place: tuple[int, int],
        town: Town,
        effects: Effects,
    ) -> int:
        """Write an entity; return its number. `place` is its version and its change.

        Raises apsw.ConstraintError, with nothing written, where there is one of this id.
        """
        entity_id, tid = entity["id"], town.tid
        self._run(INSERT, (tid, entity_id, *place, only(types), document))
        eid = self._number()
        self._indexer.add_types(eid, entity_id, types)
        effects.counts += [((tid, nid), 1) for nid in (ALL_TYPES, *types)]
        self._indexer.follow(eid, None, entity, (), town.names, place[1], effects.pending)
        return eid

    def leave_grave(self, tid: int, entity_id: str) -> tuple[int, int]:
        """Return the newest change of an earlier entity of this id and its version, else zeros."""
        key = (tid, entity_id)
        found: tuple[int, int] | None = self._run(
            "SELECT g.seq, c.version FROM grave g CROSS JOIN change c ON c.seq = g.seq "
            "WHERE g.tid = ? AND g.id = ?",
            key,
        ).get
        if found is None:
            return 0, 0
        self._run("DELETE FROM grave WHERE tid = ? AND id = ?", key)
        return found


def numbers(types: Iterable[str], names: WriterNames) -> list[int]:
    """Return the numbers of types, each once."""
    return [names.intern(iri) for iri in dict.fromkeys(types)]


def only(type_ids: list[int]) -> int:
    """Return the only type of an entity, or 0."""
    return type_ids[0] if len(type_ids) == 1 else 0
