"""What is due to expire, in SQL (`due` in `broker.store.sqlite.schema`)."""

from __future__ import annotations

from typing import Final

from broker.store.sqlite.connection import Run

DUE: Final = (
    "SELECT t.name, d.id FROM due d CROSS JOIN tenant t ON t.tid = d.tid "
    "WHERE d.at <= ? AND t.name IS NOT NULL ORDER BY d.at, d.tid, d.id LIMIT ? OFFSET ?"
)


def select_due(run: Run, now: str, limit: int, skip: int) -> list[tuple[str, str]]:
    """Return (tenant, id) of entities of which a part expires by `now`, the earliest first."""
    rows: list[tuple[str, str]] = run(DUE, (now, limit, skip)).fetchall()
    return rows
