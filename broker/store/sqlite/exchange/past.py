"""Heads and moments of history into the tables of a data file.

Moments come in any order. What was resampled can only be in a chunk; the rest are hot rows, which
the broker merges as it does with its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import apsw
import orjson

from broker.model.resampled import RESAMPLED
from broker.model.times import is_plain
from broker.store.exchange import Item, NumberedMoment
from broker.store.history import INSTANCE, Head
from broker.store.sqlite.connection import Run
from broker.store.sqlite.documents import interned
from broker.store.sqlite.history.chunks import MOST, pieces, unpack
from broker.store.sqlite.history.merging import write_chunks
from broker.store.sqlite.history.rows import DELETED, INSERT, NAME, OBSERVED, Row
from broker.store.sqlite.names import WriterNames
from broker.store.sqlite.town import Town

Enter = Callable[[str], Town]


def write_head(run: Run, connection: apsw.Connection, town: Town, head: Head) -> None:
    """Write the head of an entity with history."""
    types = [town.names.intern(iri) for iri in head.types]
    run(
        "INSERT INTO past (tid, id, types, created, modified, deleted) VALUES (?, ?, ?, ?, ?, ?)",
        (
            *(town.tid, head.id, orjson.dumps(types).decode()),
            *(head.created, head.modified, head.deleted),
        ),
    )
    pid = connection.last_insert_rowid()
    for nid in types:
        run("INSERT INTO ptype VALUES (?, ?, ?)", (nid, head.id, pid))


def write_moments(run: Run, enter: Enter, items: Sequence[Item]) -> None:
    """Write moments of heads that are there."""
    thinned: dict[int, list[Row]] = {}
    for item in items:
        assert isinstance(item, NumberedMoment)
        town = enter(item.tenant)
        sid = _series(run, town, item)
        row = to_row(item, town.names)
        if row.resampled is not None:
            thinned.setdefault(sid, []).append(row)
            continue
        run(INSERT, row.hot(sid))
        if NAME in row.instance:
            run("INSERT INTO instance VALUES (?, ?, ?)", (sid, row.instance[NAME], row.iid))
    for sid, rows in thinned.items():
        _into_chunks(run, sid, rows)


def to_row(item: NumberedMoment, names: WriterNames) -> Row:
    """Return a moment as a row of its series."""
    moment = item.moment
    instance = {**moment.instance}
    if moment.resampled is not None:
        attributes = {n: each for n, each in instance["attrs"].items() if n != RESAMPLED}
        if attributes:
            instance["attrs"] = attributes
        else:
            del instance["attrs"]
    if "attrs" in instance:
        instance = interned(instance, names.keys)
    if moment.observed is not None and is_plain(instance["observedAt"]):
        del instance["observedAt"]
    if moment.instance_id != f"{INSTANCE}{item.number}":
        instance[NAME] = moment.instance_id
    flags = (OBSERVED if moment.observed is not None else 0) | (
        DELETED if moment.deleted is not None else 0
    )
    return Row(
        *(moment.time, item.number, flags, moment.created, moment.modified),
        instance,
        moment.resampled,
    )


def _series(run: Run, town: Town, item: NumberedMoment) -> int:
    key = (town.tid, item.entity_id)
    pid: int = run("SELECT pid FROM past WHERE tid = ? AND id = ?", key).get
    series = (pid, town.names.intern(item.attribute), item.dataset)
    sid: int | None = run(
        "SELECT sid FROM series WHERE pid = ? AND attribute = ? AND dataset = ?", series
    ).get
    if sid is None:
        sid = run(
            "INSERT INTO series (pid, attribute, dataset) VALUES (?, ?, ?) RETURNING sid", series
        ).get
    assert sid is not None
    return sid


def _into_chunks(run: Run, sid: int, rows: list[Row]) -> None:
    """Put rows into chunks, together with those of the chunks they reach into."""
    times = [row.time for row in rows]
    reached = run(
        "SELECT cid, body FROM chunk WHERE sid = ? AND first <= ? AND last >= ?",
        (sid, max(times), min(times)),
    ).fetchall()
    merged = {row.iid: row for _, body in reached for row in unpack(body)}
    merged |= {row.iid: row for row in rows}
    ordered = sorted(merged.values(), key=lambda row: row.key)
    write_chunks(run, sid, [cid for cid, _ in reached], pieces(ordered, MOST))
