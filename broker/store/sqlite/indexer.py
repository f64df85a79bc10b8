"""Keeps the index tables in step with the documents, inside the writing transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final, Protocol, TypeAlias

import apsw

from broker.model.attributes import FEW, whole
from broker.model.entity import DEFAULT, Attributes, Entity, Instance
from broker.query.plan import TEXT_LENGTH, Exact
from broker.store.sqlite.boxes import write_boxes
from broker.store.sqlite.connection import runner
from broker.store.sqlite.documents import parse
from broker.store.sqlite.index import (
    NOTHING,
    SEVERAL,
    number_key,
    point,
    single,
    target,
    terms,
)
from broker.store.sqlite.moving import write_values
from broker.store.sqlite.names import Column, Columns, Names, Undo
from broker.store.sqlite.pairs import Indexed, Pairs, differing
from broker.store.sqlite.pending import BOXES, NUMBERS, TABLES, TEXTS, Key, Pending
from broker.store.sqlite.waiting import WaitingRows

Instances: TypeAlias = dict[str, Instance]

_NUMBERS: Final = (int, float)

MOST_COMBINATIONS: Final = 1000
"""Combinations of types of which the columns are kept in memory."""

INSERT_TYPE = "INSERT INTO etype VALUES (?, ?, ?)"
DELETE_TYPE = "DELETE FROM etype WHERE type = ? AND key = ?"


class Interning(Protocol):
    """Names of a tenant, with the columns known for each combination of its types."""

    columns: dict[tuple[str, ...], Columns]
    undo: Undo

    def intern(self, iri: str) -> int: ...


class Known:
    """Names that have their numbers already."""

    def __init__(self, number: Callable[[str], Any]) -> None:
        self.columns: dict[tuple[str, ...], Columns] = {}
        self.undo: Undo = []
        self._number = number

    def intern(self, iri: str) -> int:
        """Return the number of a name."""
        return self._number(iri)  # type: ignore[no-any-return]


class Indexer:
    """Finds the index rows that a change removes and adds, and keeps types."""

    def __init__(self, connection: apsw.Connection, indexed: Indexed | None) -> None:
        self._many = connection.cursor().executemany
        self.run = runner(connection)
        self.pairs = Pairs(connection, indexed)

    def follow(
        self,
        eid: int,
        before: Entity | None,
        after: Entity | None,
        changed: Collection[str],
        names: Interning,
        seq: int,
        pending: Pending,
    ) -> None:
        """Add the rows that change `seq` of an entity removes and adds.

        `changed` are the attributes an update changed.
        """
        if before is None or after is None:
            self._whole(eid, after or before or {}, before is None, names, seq, pending)
            return
        old, new, types = before["attrs"], after["attrs"], after["type"]
        if before["type"] == types:
            self.change(eid, types, old, new, changed, names, seq, pending)
            return
        lost = [iri for iri in before["type"] if iri not in types]
        kept = [iri for iri in before["type"] if iri in types]
        gained = [iri for iri in types if iri not in kept]
        self.change(eid, lost, old, {}, old, names, seq, pending)
        self.change(eid, kept, old, new, changed, names, seq, pending)
        self.change(eid, gained, {}, new, new, names, seq, pending)

    def change(
        self,
        eid: int,
        types: Sequence[str],
        before: Attributes,
        after: Attributes,
        attributes: Collection[str],
        names: Interning,
        seq: int,
        pending: Pending,
    ) -> None:
        """Add the rows of `attributes` that differ, for each of some types."""
        add = pending.add
        if len(attributes) > FEW:
            before, after = whole(before), whole(after)
        columns = names.columns.get(tuple(types))
        if columns is None:
            columns = self._columns(types, names)
        for iri in attributes:
            column = columns.get(iri) or self._column(columns, types, iri, names)
            path, type_ids, singles, numbers, texts = column
            was, now = before.get(iri), after.get(iri)
            one = None if was is None else single(was)
            other = None if now is None else single(now)
            if one is SEVERAL or other is SEVERAL:
                self._several(eid, column, was, now, names, seq, pending)
                continue
            if singles and now is not None and other.__class__ not in _NUMBERS:
                self._lower(singles, path, Exact.ORDER, singles, names)
            if one == other:
                continue
            lost = texts if one.__class__ is str else numbers
            key = texts if other.__class__ is str else numbers
            for nid in type_ids:
                whose = eid, nid, seq
                if one is None or key is lost:
                    add(key, other, one, whose)
                    continue
                add(lost, None, one, whose)
                if other is not None:
                    add(key, other, None, whose)

    def _whole(
        self, eid: int, entity: Entity, added: bool, names: Interning, seq: int, pending: Pending
    ) -> None:
        """Add the rows of all attributes, of an entity that is added or removed."""
        place, whose = pending.paths.get, (eid, 0, seq)
        types = entity["type"]
        columns = names.columns.get(tuple(types))
        if columns is None:
            columns = self._columns(types, names)
        for iri, instances in whole(entity["attrs"]).items():
            column = columns.get(iri) or self._column(columns, types, iri, names)
            _, type_ids, _, key, texts = column
            instance = instances.get(DEFAULT) if len(instances) == 1 else None
            value: Any = SEVERAL if instance is None else instance.get("value")
            if value.__class__ is not float:
                value = single(instances)
                if value is SEVERAL:
                    self._side(eid, column, instances, added, names, seq, pending)
                    continue
                if value.__class__ not in _NUMBERS:
                    path, _, singles, _, _ = column
                    key = texts
                    if singles and added:
                        self._lower(singles, path, Exact.ORDER, singles, names)
                    if value is None:
                        continue
            now, was = (value, None) if added else (None, value)
            for nid in type_ids:
                if nid != whose[1]:
                    whose = eid, nid, seq
                (place(key) or pending.begin(key)).parts.extend((now, was, whose))

    def _side(
        self,
        eid: int,
        column: Column,
        instances: Instances,
        added: bool,
        names: Interning,
        seq: int,
        pending: Pending,
    ) -> None:
        """Add the rows of an attribute that is added or removed and has no plain value."""
        path, type_ids, singles, _, key = column
        if len(instances) == 1:
            (instance,) = instances.values()
            exact = Exact.EQUALITY
            value: Any = target(instance)
            if value is None:
                key, exact, value = (BOXES, path), Exact.ORDER, point(instance)
            if value is not None:
                if added:
                    self._lower(type_ids, path, exact, singles, names)
                now, was = (value, None) if added else (None, value)
                for nid in type_ids:
                    pending.add(key, now, was, (eid, nid, seq))
                return
        old, new = (None, instances) if added else (instances, None)
        self._several(eid, column, old, new, names, seq, pending)

    def _several(
        self,
        eid: int,
        column: Column,
        was: Instances | None,
        now: Instances | None,
        names: Interning,
        seq: int,
        pending: Pending,
    ) -> None:
        """Add the rows of an attribute that may have any number of terms, or a box."""
        path, type_ids, singles, numbers, texts = column
        old = NOTHING if was is None else terms(was)
        new = NOTHING if now is None else terms(now)
        if new.exact is not Exact.SINGLE:
            self._lower(type_ids, path, new.exact, singles, names)
        for nid in type_ids:
            whose = eid, nid, seq
            for key, lost, gained in (
                (numbers, old.numbers, new.numbers),
                (texts, old.texts, new.texts),
            ):
                for value in lost:
                    if value not in gained:
                        pending.add(key, None, value, whose)
                for value in gained:
                    if value not in lost:
                        pending.add(key, value, None, whose)
            if old.box != new.box:
                pending.add((BOXES, path), new.box, old.box, whose)

    def swap(
        self,
        eid: int,
        types: Sequence[str],
        iri: str,
        old: Instance,
        new: Instance,
        names: Interning,
        seq: int,
        pending: Pending,
    ) -> None:
        """Do what `exchange` does of one attribute."""
        one, other = old.get("value"), new.get("value")
        if type(one) is float and type(other) is float:
            columns = names.columns.get(tuple(types))
            column = None if columns is None else columns.get(iri)
            if column is not None:
                if one != other:
                    for nid in column[1]:
                        pending.add(column[3], other, one, (eid, nid, seq))
                return
        self.exchange(eid, types, (iri,), (old,), (new,), names, seq, pending)

    def exchange(
        self,
        eid: int,
        types: Sequence[str],
        attributes: Iterable[str],
        old: Iterable[Instance],
        new: Iterable[Instance],
        names: Interning,
        seq: int,
        pending: Pending,
    ) -> None:
        """Do what `change` does of attributes that have one instance, before and after.

        Where both are of a kind nothing has to be noted: the old one's rows decided no more.
        """
        place, whose = pending.paths.get, (eid, 0, seq)
        before: dict[str, Instances] = {}
        after: dict[str, Instances] = {}
        columns = names.columns.get(tuple(types))
        if columns is None:
            columns = self._columns(types, names)
        for iri, was, now in zip(attributes, old, new, strict=True):
            column = columns.get(iri) or self._column(columns, types, iri, names)
            _, type_ids, _, key, texts = column
            one: Any = was.get("value")
            other: Any = now.get("value")
            kind = other.__class__
            if kind is float and one.__class__ is float:
                pass
            elif kind is int and one.__class__ is int:
                one, other = number_key(one), number_key(other)
            elif kind is str and one.__class__ is str:
                key, one, other = texts, one[:TEXT_LENGTH], other[:TEXT_LENGTH]
            else:
                one, other = target(was), target(now)
                if one is None or other is None:
                    if not self._placed(eid, column, was, now, seq, pending):
                        before[iri], after[iri] = {DEFAULT: was}, {DEFAULT: now}
                    continue
                key = texts
            if one != other:
                for nid in type_ids:
                    if nid != whose[1]:
                        whose = eid, nid, seq
                    (place(key) or pending.begin(key)).parts.extend((other, one, whose))
        if before:
            self.change(eid, types, before, after, before, names, seq, pending)

    def _placed(
        self, eid: int, column: Column, was: Instance, now: Instance, seq: int, pending: Pending
    ) -> bool:
        """Add the boxes of an attribute that is a point, before and after; else return False."""
        one, other = point(was), point(now)
        if one is None or other is None:
            return False
        if one != other:
            path, type_ids, *_ = column
            for nid in type_ids:
                pending.add((BOXES, path), other, one, (eid, nid, seq))
        return True

    def _columns(self, types: Sequence[str], names: Interning) -> Columns:
        if len(names.columns) >= MOST_COMBINATIONS:
            names.columns.clear()
        columns = names.columns[tuple(types)] = {}
        return columns

    def _column(self, columns: Columns, types: Sequence[str], iri: str, names: Interning) -> Column:
        """Find out about an attribute, for a combination of types."""
        path, type_ids = names.intern(iri), []
        for type_iri in dict.fromkeys(types):
            nid = names.intern(type_iri)
            if self.pairs.indexed(nid, type_iri, path, iri, names.undo):
                type_ids.append(nid)
        singles = [nid for nid in type_ids if self.pairs.exactness((nid,), path) is Exact.SINGLE]
        column = columns[iri] = path, type_ids, singles, (NUMBERS, path), (TEXTS, path)
        names.undo.append(columns.clear)
        return column

    def _lower(
        self, types: list[int], path: int, exact: Exact, singles: list[int], names: Interning
    ) -> None:
        """Note that an attribute of some types got a value that is no single number."""
        for nid in types:
            self.pairs.lower(nid, path, exact, names.undo)
        if singles:
            singles.clear()
            names.undo.append(names.columns.clear)

    def write(self, pending: Pending) -> None:
        """Write rows into the file at once."""
        for key, waiting in pending.paths.items():
            self.bring(key, waiting.slice())

    def bring(self, key: Key, rows: WaitingRows) -> None:
        """Bring rows of one attribute, oldest first, into their table."""
        table, path = key
        if table == BOXES:
            write_boxes(self.run, self._many, path, rows)
        else:
            write_values(self._many, TABLES[table], path, rows)

    def add_types(self, eid: int, entity_id: str, type_ids: Iterable[int]) -> None:
        """Enter an entity under types it got."""
        for nid in type_ids:
            self.run(INSERT_TYPE, (nid, entity_id, eid))

    def remove_types(self, entity_id: str, type_ids: Iterable[int]) -> None:
        """Take an entity away from types it lost."""
        for nid in type_ids:
            self.run(DELETE_TYPE, (nid, entity_id))


def reindex(connection: apsw.Connection, indexed: Indexed | None) -> int:
    """Bring the index in line with what the operator wants; return how many pairs changed."""
    pairs = differing(connection, indexed)
    if not pairs:
        return 0
    with connection:
        connection.executemany(
            "UPDATE pair SET indexed = ?3, exact = ?4 WHERE type = ?1 AND path = ?2",
            [(*pair, Exact.SINGLE) for pair in pairs],
        )
        indexer = Indexer(connection, indexed)
        for nid, path, wanted in pairs:
            (_add if wanted else _remove)(connection, indexer, nid, path)
    return len(pairs)


def _add(connection: apsw.Connection, indexer: Indexer, nid: int, path: int) -> None:
    run = runner(connection)
    tid, type_iri = run("SELECT tid, iri FROM name WHERE nid = ?", (nid,)).get
    names = Names(connection, tid, "")
    iri = names.iri(str(path))
    known = Known({type_iri: nid, iri: path}.__getitem__)
    for (eid,) in run("SELECT eid FROM etype WHERE type = ?", (nid,)).fetchall():
        document = connection.execute("SELECT doc FROM entity WHERE eid = ?", (eid,)).get
        attributes = parse(document, names)["attrs"]
        if iri in attributes:
            pending = Pending(0)
            indexer.change(eid, [type_iri], {}, attributes, [iri], known, 0, pending)
            indexer.write(pending)


def _remove(connection: apsw.Connection, indexer: Indexer, nid: int, path: int) -> None:
    whose = "WHERE type = ? AND path = ?"
    connection.execute(
        f"DELETE FROM box WHERE bid IN (SELECT bid FROM boxkey {whose})", (nid, path)
    )
    for table in ("anum", "atxt", "boxkey"):
        connection.execute(f"DELETE FROM {table} {whose}", (nid, path))
