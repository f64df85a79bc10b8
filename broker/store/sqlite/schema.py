"""The data file: its tables and its numbered migrations.

`name` interns IRIs per tenant; its ids are unique in the whole file, so an interned type or
attribute names its tenant as well, and the index tables need no tenant column. `pair` says of
each type with each attribute whether it is indexed, and how `exact` its rows are.

`entity.type` is the only type of an entity, and 0 where it has several; `etype` has them all.
The changes of one entity are a chain: `entity.seq`, or `grave.seq` once it is deleted, is its
newest change, and `change.last` the one before, 0 at the end. That costs a write nothing, where
an index would cost it a page. `meta` says up to which change the feed was `pruned`, and up to
which `anum`, `atxt`, `box` and `boxkey` hold what the documents say (`indexed`).

`due` has the entities of which a part expires, with the earliest time at which one does; an empty
time (from the migration) says that it has to be looked up.

`outbox` has the changes that are due to subscriptions (`broker.store.sqlite.bundles`), `period`
what is due at intervals or is about no entity, `tried` the few rows that had a try; the order by
subscription is kept in memory (`broker.store.sqlite.queues`). Rows whose `epoch` is not that of
their subscription were cancelled and are about to be swept. What a creation or a deletion is about
is whole in its change.
Of the rows of `period`, those that were due at an interval are a `snapshot`: newer ones supersede
them.
`ledger` holds the books as of change `upto`: later changes are in `outbox` and not yet counted as
queued. Number 0 adds up what was removed.

`past` has the heads of history, `ptype` finds them by type, `birth` has what a creation told, and
`series` numbers their series. New
moments are rows of `moment`, in order of series and time, until they are merged into a `chunk`
(`broker.store.sqlite.history`); `instance` has the instanceIds that clients gave. `meta` says up to
which change history has `followed`, and which number was given to the newest `moment`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import apsw

from broker.store.sqlite.errors import NewerDataFile, NotADataFile

log = logging.getLogger("machi.broker")

APPLICATION_ID: Final = 0x4D616368

_FIRST: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE tenant (tid INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE);
CREATE TABLE name (
  nid INTEGER PRIMARY KEY, tid INTEGER NOT NULL, iri TEXT NOT NULL, UNIQUE (tid, iri)
);
CREATE TABLE entity (
  eid INTEGER PRIMARY KEY, tid INTEGER NOT NULL, id TEXT NOT NULL,
  version INTEGER NOT NULL, seq INTEGER NOT NULL, type INTEGER NOT NULL, doc BLOB NOT NULL,
  UNIQUE (tid, id)
);
CREATE TABLE etype (
  type INTEGER NOT NULL, key TEXT NOT NULL, eid INTEGER NOT NULL, PRIMARY KEY (type, key)
) WITHOUT ROWID;
CREATE TABLE anum (
  type INTEGER NOT NULL, path INTEGER NOT NULL, value NOT NULL, eid INTEGER NOT NULL,
  PRIMARY KEY (type, path, value, eid)
) WITHOUT ROWID;
CREATE TABLE atxt (
  type INTEGER NOT NULL, path INTEGER NOT NULL, value TEXT NOT NULL, eid INTEGER NOT NULL,
  PRIMARY KEY (type, path, value, eid)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE box USING rtree(
  bid, west, east, south, north, +type INTEGER, +path INTEGER, +eid INTEGER
);
CREATE TABLE boxkey (
  eid INTEGER NOT NULL, type INTEGER NOT NULL, path INTEGER NOT NULL, bid INTEGER NOT NULL,
  PRIMARY KEY (eid, type, path)
) WITHOUT ROWID;
CREATE TABLE pair (
  type INTEGER NOT NULL, path INTEGER NOT NULL, indexed INTEGER NOT NULL, PRIMARY KEY (type, path)
) WITHOUT ROWID;
CREATE TABLE counter (
  tid INTEGER NOT NULL, type INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (tid, type)
) WITHOUT ROWID;
CREATE TABLE change (
  seq INTEGER PRIMARY KEY, tid INTEGER NOT NULL, entity TEXT NOT NULL, version INTEGER NOT NULL,
  kind TEXT NOT NULL, at TEXT NOT NULL, last INTEGER NOT NULL, eid INTEGER NOT NULL,
  delta BLOB, prior BLOB
);
CREATE TABLE grave (
  tid INTEGER NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (tid, id)
) WITHOUT ROWID;
CREATE INDEX grave_seq ON grave (seq);
CREATE TABLE answer (
  tid INTEGER NOT NULL, key TEXT NOT NULL, at TEXT NOT NULL, digest BLOB NOT NULL,
  status INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (tid, key)
);
CREATE INDEX answer_at ON answer (at);
CREATE TABLE rule (
  tid INTEGER NOT NULL, type TEXT NOT NULL, rules BLOB NOT NULL, PRIMARY KEY (tid, type)
) WITHOUT ROWID;
INSERT INTO tenant (name) VALUES ('');
INSERT INTO meta VALUES ('pruned', 0), ('indexed', 0);
"""

_DUE: Final = """
CREATE TABLE due (
  tid INTEGER NOT NULL, id TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (tid, id)
) WITHOUT ROWID;
CREATE INDEX due_at ON due (at);
INSERT INTO due SELECT tid, id, '' FROM entity WHERE instr(doc, CAST('"expiresAt"' AS BLOB));
"""

_EXACT_PAIRS: Final = """
ALTER TABLE pair ADD COLUMN exact INTEGER NOT NULL DEFAULT 0;
"""

_OUTBOX: Final = """
CREATE TABLE subscription (
  sid INTEGER PRIMARY KEY AUTOINCREMENT, tid INTEGER NOT NULL, id TEXT NOT NULL,
  epoch INTEGER NOT NULL, since INTEGER NOT NULL, created TEXT NOT NULL, modified TEXT NOT NULL,
  doc BLOB NOT NULL, UNIQUE (tid, id)
);
CREATE TABLE ledger (
  sid INTEGER PRIMARY KEY, upto INTEGER NOT NULL DEFAULT 0, last_due TEXT,
  queued INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0,
  dead INTEGER NOT NULL DEFAULT 0, expired INTEGER NOT NULL DEFAULT 0,
  cancelled INTEGER NOT NULL DEFAULT 0, withheld INTEGER NOT NULL DEFAULT 0,
  throttled INTEGER NOT NULL DEFAULT 0, sent INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0, last_notification TEXT, last_success TEXT,
  last_failure TEXT, last_error TEXT
);
CREATE TABLE outbox (seq INTEGER PRIMARY KEY, due BLOB NOT NULL, doc BLOB);
CREATE TABLE tried (
  sid INTEGER NOT NULL, seq INTEGER NOT NULL, attempts INTEGER NOT NULL, not_before TEXT,
  error TEXT, PRIMARY KEY (sid, seq)
) WITHOUT ROWID;
CREATE TABLE period (
  sid INTEGER NOT NULL, seq INTEGER NOT NULL, epoch INTEGER NOT NULL, at TEXT NOT NULL,
  docs BLOB NOT NULL, PRIMARY KEY (sid, seq)
);
CREATE TABLE dead (
  did INTEGER PRIMARY KEY AUTOINCREMENT, sid INTEGER NOT NULL, seq INTEGER NOT NULL,
  attempts INTEGER NOT NULL, died TEXT NOT NULL, error TEXT, UNIQUE (sid, seq)
);
CREATE INDEX dead_seq ON dead (seq);
INSERT INTO ledger (sid) VALUES (0);
"""

_RESOURCES: Final = """
CREATE TABLE resource (
  tid INTEGER NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, at TEXT NOT NULL,
  body BLOB NOT NULL, PRIMARY KEY (tid, kind, id)
);
"""

_KINDS: Final = """
ALTER TABLE subscription ADD COLUMN kind TEXT NOT NULL DEFAULT '';
"""

_HISTORY: Final = """
CREATE TABLE past (
  pid INTEGER PRIMARY KEY, tid INTEGER NOT NULL, id TEXT NOT NULL, types TEXT NOT NULL,
  created INTEGER NOT NULL, modified INTEGER NOT NULL, deleted INTEGER, UNIQUE (tid, id)
);
CREATE TABLE ptype (
  type INTEGER NOT NULL, id TEXT NOT NULL, pid INTEGER NOT NULL, PRIMARY KEY (type, id)
) WITHOUT ROWID;
CREATE TABLE series (
  sid INTEGER PRIMARY KEY, pid INTEGER NOT NULL, attribute INTEGER NOT NULL,
  dataset TEXT NOT NULL, UNIQUE (pid, attribute, dataset)
);
CREATE TABLE birth (
  pid INTEGER PRIMARY KEY, at INTEGER NOT NULL, iid INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE TABLE moment (
  sid INTEGER NOT NULL, time INTEGER NOT NULL, iid INTEGER NOT NULL, flags INTEGER NOT NULL,
  created INTEGER NOT NULL, modified INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (sid, time, iid)
) WITHOUT ROWID;
CREATE TABLE chunk (
  cid INTEGER PRIMARY KEY, sid INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  low_iid INTEGER NOT NULL, high_iid INTEGER NOT NULL, oldest INTEGER NOT NULL,
  newest INTEGER NOT NULL, n INTEGER NOT NULL, flags INTEGER NOT NULL, period INTEGER NOT NULL,
  live INTEGER NOT NULL, numbers INTEGER NOT NULL, minimum REAL, maximum REAL, total REAL,
  squares REAL, body BLOB NOT NULL
);
CREATE INDEX chunk_at ON chunk (sid, first, last);
CREATE TABLE instance (
  sid INTEGER NOT NULL, name TEXT NOT NULL, iid INTEGER NOT NULL, PRIMARY KEY (sid, name)
) WITHOUT ROWID;
INSERT INTO meta VALUES ('followed', 0), ('moment', 0);
"""

_SUPERSEDED: Final = """
ALTER TABLE ledger ADD COLUMN superseded INTEGER NOT NULL DEFAULT 0;
ALTER TABLE period ADD COLUMN snapshot INTEGER NOT NULL DEFAULT 0;
"""

_BOXES_WAIT: Final = """
-- Boxes wait in memory as other index rows do: an earlier program would not make them again.
"""

_BOXES_TELL: Final = """
-- A box's number begins with that of its entity, and the tree has type and attribute as dimensions
-- (`broker.store.sqlite.boxes`).
CREATE TABLE moved AS
SELECT k.eid, k.type, k.path, b.west, b.east, b.south, b.north,
  (k.eid << 20) + row_number() OVER (PARTITION BY k.eid ORDER BY k.bid) - 1 AS bid
FROM boxkey k JOIN box b ON b.bid = k.bid;
DROP TABLE box;
CREATE VIRTUAL TABLE box USING rtree(
  bid, west, east, south, north, types_from, types_to, paths_from, paths_to
);
INSERT INTO box SELECT bid, west, east, south, north, type - 0.25, type + 0.25, path - 0.25,
  path + 0.25 FROM moved ORDER BY bid;
DELETE FROM boxkey;
INSERT INTO boxkey SELECT eid, type, path, bid FROM moved;
DROP TABLE moved;
"""

MIGRATIONS: Final[tuple[str, ...]] = (
    *(_FIRST, _DUE, _EXACT_PAIRS, _OUTBOX, _RESOURCES, _KINDS, _HISTORY, _SUPERSEDED),
    *(_BOXES_WAIT, _BOXES_TELL),
)
"""Migration n takes a file from `user_version` n to n + 1. Never change one that was released."""


def migrate(connection: apsw.Connection, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Bring a file that `verify_header` accepts to the newest version, a transaction a step."""
    version = connection.pragma("user_version")
    if 0 < version < len(migrations):
        log.info(
            "bringing the data file from format %d to %d, which takes minutes where it is large",
            version, len(migrations),
        )  # fmt: skip
    for number in range(version, len(migrations)):
        with connection:
            connection.execute(migrations[number])
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", number + 1)


def verify_header(connection: apsw.Connection, *, empty: bool = False) -> None:
    """Refuse files that are not ours, or newer; an empty one only unless `empty`.

    Raises NotADataFile and NewerDataFile.
    """
    path = connection.filename
    try:
        application = connection.pragma("application_id")
        version = connection.pragma("user_version")
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    except apsw.NotADBError as error:
        raise NotADataFile(f"{path} is not a SQLite file: give another data folder.") from error
    fresh = empty and not (application or version or tables)
    if application != APPLICATION_ID and not fresh:
        raise NotADataFile(f"{path} was not made by Machi: give another data folder.")
    newest = len(MIGRATIONS)
    if version > newest:
        raise NewerDataFile(
            f"{path} has format {version}, and this program reads up to {newest}: "
            "use the newer Machi that wrote it, or restore a backup made before."
        )
