"""Rows that wait and dead letters, out of the tables of a data file and into them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from broker.store.contract import Kind
from broker.store.exchange import Place, QueuedRow, Slice
from broker.store.outbox import PERIODIC, StoredSubscription
from broker.store.sqlite import bundles
from broker.store.sqlite.connection import Run
from broker.store.sqlite.documents import dump, interned, named, parse
from broker.store.sqlite.names import Names, WriterNames

Find = Callable[[int], StoredSubscription | None]

_BUNDLES: Final = (
    "SELECT o.seq, o.due, o.doc, c.tid, c.at FROM outbox o JOIN change c ON c.seq = o.seq "
    "WHERE o.seq > ? ORDER BY o.seq LIMIT ?"
)
_PERIODS: Final = (
    "SELECT p.sid, p.seq, p.at, p.docs, p.snapshot, s.tid FROM period p "
    "JOIN subscription s ON s.sid = p.sid WHERE (p.sid, p.seq) > (?, ?) AND p.epoch >= 0 "
    "ORDER BY p.sid, p.seq LIMIT ?"
)
_DEAD: Final = (
    "SELECT d.did, d.sid, d.seq, d.attempts, d.died, d.error, s.tid FROM dead d "
    "JOIN subscription s ON s.sid = d.sid WHERE d.did > ? ORDER BY d.did LIMIT ?"
)
_TRIED: Final = "SELECT attempts, not_before, error FROM tried WHERE sid = ? AND seq = ?"


def waiting_rows(
    run: Run, find: Find, names: Mapping[int, Names], place: Place, size: int
) -> Slice:
    """Return rows that wait behind a place: first those about changes, then the periodic ones."""
    sid, seq = place or (0, 0)
    if sid == 0:
        while rows := run(_BUNDLES, (seq, size)).fetchall():
            items = [
                QueuedRow(
                    _tenant(find, number), number, seq, at, *_tried(run, number, seq), after=after
                )
                for seq, packed, document, tid, at in rows
                for after in (None if document is None else parse(document, names[tid]),)
                for number, _ in bundles.unpack(packed)
            ]
            seq = rows[-1][0]
            if items:
                return Slice(items, [0, seq])
        seq = 0
    rows = run(_PERIODS, (sid, seq, size)).fetchall()
    items = [
        QueuedRow(
            *(_tenant(find, sid), sid, seq, at, *_tried(run, sid, seq)),
            period=bool(snapshot),
            **_about(documents, names[tid]),
        )
        for sid, seq, at, documents, snapshot, tid in rows
    ]
    return Slice(items, list(rows[-1][:2]) if rows else place)


def dead_rows(run: Run, find: Find, names: Mapping[int, Names], place: Place, size: int) -> Slice:
    """Return dead letters behind a place."""
    items: list[QueuedRow] = []
    for did, sid, seq, attempts, died, error, tid in run(_DEAD, (place or 0, size)).fetchall():
        known = names[tid]
        if seq < PERIODIC:
            at, document = run(
                "SELECT c.at, o.doc FROM change c LEFT JOIN outbox o ON o.seq = c.seq "
                "WHERE c.seq = ?",
                (seq,),
            ).get
            about: dict[str, Any] = {"after": None if document is None else parse(document, known)}
        else:
            at, documents, snapshot = run(
                "SELECT at, docs, snapshot FROM period WHERE sid = ? AND seq = ?", (sid, seq)
            ).get
            about = {**_about(documents, known), "period": bool(snapshot)}
        items.append(
            QueuedRow(
                *(_tenant(find, sid), sid, seq, at, attempts, None, error), died_at=died, **about
            )
        )
        place = did
    return Slice(items, place)


def _tenant(find: Find, sid: int) -> str:
    stored = find(sid)
    assert stored is not None
    return stored.tenant


def _tried(run: Run, sid: int, seq: int) -> tuple[int, str | None, str | None]:
    tried: tuple[int, str | None, str | None] | None = run(_TRIED, (sid, seq)).get
    return tried or (0, None, None)


def _about(documents: bytes, names: Names) -> dict[str, Any]:
    told = orjson.loads(documents)
    if isinstance(told, dict):
        return {"notice": told}
    return {"entities": tuple(named(raw, names) for raw in told)}


def write_row(run: Run, row: QueuedRow, names: WriterNames) -> None:
    """Write a row that waits, or a dead letter; the change it is about is there already."""
    sid, seq, died = row.sid, row.seq, row.died_at
    if seq < PERIODIC:
        _bundle(run, row, names)
    else:
        documents = row.notice or [interned(entity, names.keys) for entity in row.entities]
        run(
            "INSERT INTO period (sid, seq, epoch, at, docs, snapshot) VALUES (?, ?, ?, ?, ?, ?)",
            (
                *(sid, seq, 0 if died is None else bundles.GONE, row.queued_at),
                *(orjson.dumps(documents), row.period),
            ),
        )
    if died is not None:
        run(
            "INSERT INTO dead (sid, seq, attempts, died, error) VALUES (?, ?, ?, ?, ?)",
            (sid, seq, row.attempts, died, row.error),
        )
    elif row.attempts or row.not_before or row.error:
        tried = (row.attempts, row.not_before, row.error)
        run("INSERT INTO tried VALUES (?, ?, ?, ?, ?)", (sid, seq, *tried))


def _bundle(run: Run, row: QueuedRow, names: WriterNames) -> None:
    seq, pair = row.seq, (row.sid, 0)
    there = run("SELECT 1 FROM outbox WHERE seq = ?", (seq,)).get is not None
    if not there:
        kind = run("SELECT kind FROM change WHERE seq = ?", (seq,)).get
        kept = row.after if kind == Kind.UPDATE else None
        document = None if kept is None else dump(kept, names.keys)
        run("INSERT INTO outbox (seq, due, doc) VALUES (?, x'', ?)", (seq, document))
    if row.died_at is None:
        bundles.put_back(run, seq, pair)
