"""What a group of changes is due to: the matcher is asked within the transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import orjson
from pymongo.asynchronous.client_session import AsyncClientSession

from broker.model.entity import Entity
from broker.store.books import Posting
from broker.store.contract import Committed
from broker.store.mongodb.draft import Writes
from broker.store.mongodb.lines import Tries
from broker.store.mongodb.rows import joined
from broker.store.mongodb.server import Database
from broker.store.mongodb.staging import Staging
from broker.store.outbox import Matched, Matcher, Waiting


async def match(
    matcher: Matcher, database: Database, session: AsyncClientSession, writes: Writes
) -> Matched:
    """Ask the matcher, again with the linked entities it missed, until it misses none."""
    known: dict[tuple[str, str], Entity | None] = {}
    written = writes.documents.get("entities", {})

    def find(tenant: str, entity_id: str) -> Entity | None:
        key = joined(tenant, entity_id)
        if key in written:
            document = written[key]
            return None if document is None else orjson.loads(document["entity"])
        if (tenant, entity_id) not in known:
            missed.append((tenant, entity_id))
            return None
        return known[tenant, entity_id]

    while True:
        missed: list[tuple[str, str]] = []
        matched = matcher.match(writes.committed, find)
        if not missed:
            return matched
        for tenant, entity_id in missed:
            found = await database["entities"].find_one(
                {"_id": joined(tenant, entity_id)}, {"entity": 1}, session=session
            )
            known[tenant, entity_id] = None if found is None else orjson.loads(found["entity"])


def queue_changes(
    staging: Staging, committed: Sequence[Committed], matched: Matched
) -> list[Waiting]:
    by_seq = {each.change.seq: each for each in committed}
    rows = []
    for due in matched.due:
        staged, each = staging.find(due.sid), by_seq[due.seq]
        if staged is not None:
            at = each.change.at
            staged.note(due.seq, Tries(at))
            staged.post(Posting(queued=1))
            staged.stored = replace(staged.stored, last_due=at)
            rows.append(Waiting(due.sid, due.seq, each, 0, None, at, None))
    for sid, count in matched.throttled.items():
        if (staged := staging.find(sid)) is not None:
            staged.post(Posting(throttled=count))
    return rows
