"""Writing history inside the store's transaction.

What is newer than anything its series has is only appended. The rest has to look for the moment
whose place it takes, among the hot rows and in the chunks that reach over its time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

import apsw

from broker.model.entity import DEFAULT
from broker.store.history import INSTANCE, Entry, Fact
from broker.store.sqlite.connection import Run, runner
from broker.store.sqlite.effects import Effects
from broker.store.sqlite.history import births, removing
from broker.store.sqlite.history.chunks import unpack
from broker.store.sqlite.history.rows import (
    HOT,
    INSERT,
    NAME,
    OBSERVED,
    Row,
    from_fact,
    from_hot,
    same,
)
from broker.store.sqlite.history.series import Numbers
from broker.store.sqlite.town import Town


class Writing:
    """Keeps and changes moments. All methods run in the writing transaction."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.numbers = Numbers(connection)
        self._run: Run = runner(connection)
        self._many = connection.cursor().executemany
        self._iid: int = self._run("SELECT value FROM meta WHERE key = 'moment'").get

    def keep(self, town: Town, entries: Iterable[Entry], effects: Effects) -> list[bool]:
        """Keep what is told of entities; tell of each entry whether the entity is new."""
        town.names.undo = effects.undo
        self.numbers.begin(effects.undo)
        keys = town.names.keys
        news, touched = [], {}
        fresh: list[tuple[int, Row]] = []
        late: dict[int, list[Row]] = {}
        for entry in entries:
            pid, new = self.numbers.keep_head(town, entry)
            news.append(new)
            touched[pid] = entry.at
            if new and entry.born and births.is_plain(entry.facts):
                births.keep_birth(self._run, pid, entry.at, self._iid + 1, entry.facts, town.names)
                self._iid += len(entry.facts)
                continue
            for fact in entry.facts:
                nid = town.names.intern(fact.attribute)
                sid = self.numbers.series(pid, nid, fact.dataset)
                self._iid += 1
                row = from_fact(fact, entry.at, self._iid, keys)
                if self._is_late(sid, row):
                    late.setdefault(sid, []).append(row)
                else:
                    fresh.append((sid, row))
        self._insert(fresh)
        for sid, rows in late.items():
            self._settle(sid, rows)
        self._many("UPDATE past SET modified = ?2 WHERE pid = ?1", sorted(touched.items()))
        self._run("UPDATE meta SET value = ? WHERE key = 'moment'", (self._iid,))
        return news

    def modify(
        self, town: Town, entity_id: str, instance_id: str, fact: Fact, at: int, effects: Effects
    ) -> bool:
        """Put a fact in the place of a moment of its attribute; False where there is none."""
        found = self.find(town, entity_id, fact.attribute, instance_id, effects)
        if found is None:
            return False
        old_sid, old = found
        removing.remove_row(self._run, old_sid, old)
        pid = self.numbers.head(town.tid, entity_id)
        assert pid is not None
        nid = town.names.intern(fact.attribute)
        sid = self.numbers.series(pid, nid, fact.dataset)
        row = from_fact(fact, at, old.iid, town.names.keys)
        row.created = old.created
        gone = []
        if NAME in old.instance:
            name = row.instance[NAME] = old.instance[NAME]
            gone.append(self._named(sid, name))
        if row.flags & OBSERVED:
            gone.append(self._of_times(sid, [row.time]).get(row.time))
            self.numbers.observed(sid, max(row.time, self.numbers.newest(sid)))
        removing.remove_rows(self._run, sid, [other for other in gone if other is not None])
        self._insert([(sid, row)])
        self._run("UPDATE past SET modified = ? WHERE pid = ?", (at, pid))
        return True

    def find(
        self, town: Town, entity_id: str, attribute: str, instance_id: str, effects: Effects
    ) -> tuple[int, Row] | None:
        """Return the moment of an attribute that has this instanceId, and its series."""
        self.settle(town, entity_id, attribute, effects)
        pid, nid = self.numbers.head(town.tid, entity_id), town.names.nid(attribute)
        if pid is None or nid is None:
            return None
        for (sid,) in self._run(
            "SELECT sid FROM series WHERE pid = ? AND attribute = ? ORDER BY dataset <> ?, dataset",
            (pid, nid, DEFAULT),
        ).fetchall():
            row = self._named(sid, instance_id)
            if row is not None:
                return sid, row
        return None

    def settle(self, town: Town, entity_id: str, attribute: str, effects: Effects) -> None:
        """Give numbers to all series of an attribute."""
        town.names.undo = effects.undo
        self.numbers.begin(effects.undo)
        pid, nid = self.numbers.head(town.tid, entity_id), town.names.nid(attribute)
        if pid is not None and nid is not None:
            self.numbers.settle(pid, (nid,))

    def _is_late(self, sid: int, row: Row) -> bool:
        """Tell whether a row may take the place of another; note what is the newest."""
        named = NAME in row.instance
        if not row.flags & OBSERVED:
            return named
        if row.time <= self.numbers.newest(sid):
            return True
        self.numbers.observed(sid, row.time)
        return named

    def _settle(self, sid: int, rows: list[Row]) -> None:
        """Keep rows that may take the place of others; in order, as they were told."""
        for named, those in groupby(rows, lambda row: NAME in row.instance):
            if named:
                for row in those:
                    self._put_named(sid, row)
            else:
                self._put_observed(sid, list(those))

    def _put_observed(self, sid: int, rows: list[Row]) -> None:
        """Keep observed rows, each in the place of the one of its time."""
        kept = self._of_times(sid, [row.time for row in rows])
        put: dict[int, Row] = {}
        gone = []
        for row in rows:
            old = kept.get(row.time)
            if old is not None:
                if NAME in old.instance:
                    row.instance[NAME] = old.instance[NAME]
                if same(old, row):
                    continue
                row.iid, row.created = old.iid, old.created
                gone.append(old)
            kept[row.time] = put[row.time] = row
        removing.remove_rows(self._run, sid, gone)
        self._insert([(sid, row) for row in put.values()])

    def _put_named(self, sid: int, row: Row) -> None:
        """Keep a row with an instanceId of its own, in the place of that one and of its time's.

        A row told after it has the same only by chance: it got its number later.
        """
        name = row.instance[NAME]
        named = self._named(sid, name)
        if named is not None and named.iid > row.iid and NAME not in named.instance:
            named = None
        old = self._of_times(sid, [row.time]).get(row.time) if row.flags & OBSERVED else None
        if old is not None and named is not None and old.iid == named.iid:
            called = replace(old, instance={**old.instance, NAME: name})
            if same(called, row):
                return
        gone = [one for one in (named, old) if one is not None]
        if gone:
            row.iid, row.created = gone[0].iid, gone[0].created
        removing.remove_rows(self._run, sid, gone)
        self._insert([(sid, row)])

    def _insert(self, rows: list[tuple[int, Row]]) -> None:
        """Keep rows, and their names, in the order of the table: so neighbours share its pages."""
        self._many(INSERT, sorted([row.hot(sid) for sid, row in rows]))
        names = [(sid, row.instance[NAME], row.iid) for sid, row in rows if NAME in row.instance]
        self._many("INSERT OR REPLACE INTO instance VALUES (?, ?, ?)", names)

    def _of_times(self, sid: int, times: list[int]) -> dict[int, Row]:
        """Return the observed rows of a series that have one of these times."""
        found: dict[int, Row] = {}
        if not times:
            return found
        for time in set(times):
            for values in self._run(
                f"SELECT {HOT} FROM moment WHERE sid = ? AND time = ? AND flags & ?",
                (sid, time, OBSERVED),
            ).fetchall():
                found[time] = from_hot(*values)
        wanted = set(times).difference(found)
        for blob, first, last in self._run(
            "SELECT body, first, last FROM chunk WHERE sid = ? AND first <= ? AND last >= ?",
            (sid, max(times), min(times)),
        ).fetchall():
            if any(first <= time <= last for time in wanted):
                for row in unpack(blob):
                    if row.flags & OBSERVED and row.time in wanted and row.resampled is None:
                        found[row.time] = row
        return found

    def _named(self, sid: int, instance_id: str) -> Row | None:
        """Return the row of a series that has this instanceId: given by a client, or by the store.

        A name may be kept of a row that is gone: earlier programs left them.
        """
        given: int | None = self._run(
            "SELECT iid FROM instance WHERE sid = ? AND name = ?", (sid, instance_id)
        ).get
        row = None if given is None else self._numbered(sid, given, instance_id)
        digits = instance_id.removeprefix(INSTANCE)
        if row is None and digits != instance_id and digits.isdecimal() and len(digits) <= 18:
            row = self._numbered(sid, int(digits), instance_id)
        return row

    def _numbered(self, sid: int, iid: int, instance_id: str) -> Row | None:
        """Return the row of this number, if it has this instanceId."""
        for values in self._run(
            f"SELECT {HOT} FROM moment WHERE sid = ? AND iid = ?", (sid, iid)
        ).fetchall():
            row = from_hot(*values)
            if row.instance_id == instance_id:
                return row
        for (blob,) in self._run(
            "SELECT body FROM chunk WHERE sid = ? AND low_iid <= ? AND high_iid >= ?",
            (sid, iid, iid),
        ).fetchall():
            for row in unpack(blob):
                if row.iid == iid and row.instance_id == instance_id:
                    return row
        return None
