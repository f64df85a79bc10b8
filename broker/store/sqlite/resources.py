"""What a tenant has beside its entities (`broker.store.contract.Resource`), in SQL."""

from __future__ import annotations

from broker.store.contract import Resource
from broker.store.sqlite.connection import Run


def load_resource(run: Run, tid: int, kind: str, resource_id: str) -> Resource | None:
    """Return a resource."""
    row = run(
        "SELECT at, body FROM resource WHERE tid = ? AND kind = ? AND id = ?",
        (tid, kind, resource_id),
    ).get
    return None if row is None else Resource(kind, resource_id, *row)


def load_resources(run: Run, tid: int, kind: str) -> list[Resource]:
    """Return all resources of a kind, the oldest first."""
    rows = run(
        "SELECT id, at, body FROM resource WHERE tid = ? AND kind = ? ORDER BY at, id", (tid, kind)
    )
    return [Resource(kind, *row) for row in rows.fetchall()]
