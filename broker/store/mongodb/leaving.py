"""How rows leave queues without having been delivered: too old, forgotten, or their owner is gone.

Each runs within the transaction that the reason is written in.
"""

from __future__ import annotations

from collections.abc import Sequence

from pymongo.asynchronous.client_session import AsyncClientSession

from broker.store.books import Posting, total
from broker.store.mongodb.draft import Writes
from broker.store.mongodb.letters import periods_with
from broker.store.mongodb.lines import Tries, row_key
from broker.store.mongodb.queues import Queues
from broker.store.mongodb.rows import Document
from broker.store.mongodb.server import Database
from broker.store.mongodb.staging import StagedLine, Staging, cancel
from broker.store.outbox import PERIODIC


async def expire(
    database: Database,
    queues: Queues,
    session: AsyncClientSession,
    writes: Writes,
    newest: int,
    before: str,
) -> None:
    """Let rows about changes up to `newest` expire, and periodic ones queued before a time."""
    gone = {
        sid: [seq for seq in line.order if _is_old(seq, line.rows[seq], newest, before)]
        for sid, line in queues.lines.items()
    }
    _take(queues, writes, gone)
    old_periods = {"seq": {"$gte": PERIODIC}, "queued_at": {"$lt": before}}
    letters: Document = {"$or": [{"seq": {"$lte": newest}}, old_periods]}
    await database["dead"].delete_many(letters, session=session)


async def forget(
    database: Database,
    queues: Queues,
    session: AsyncClientSession,
    writes: Writes,
    tenant: str,
    entity_id: str,
    seqs: Sequence[int],
) -> None:
    """Let go of rows about these changes, and about periods with an entity of the tenant."""
    waiting = await periods_with(database["outbox"], session, tenant, entity_id)
    dead = await periods_with(database["dead"], session, tenant, entity_id)
    gone = {}
    for sid, line in queues.lines.items():
        about = set(seqs) if line.stored.tenant == tenant else set()
        gone[sid] = sorted((about | waiting.get(sid, set())) & line.rows.keys())
    _take(queues, writes, gone)
    letters = [row_key(sid, seq) for sid, some in dead.items() for seq in some]
    either: Document = {"$or": [{"seq": {"$in": list(seqs)}}, {"_id": {"$in": letters}}]}
    await database["dead"].delete_many({"tenant": tenant, **either}, session=session)


async def drop_tenant(
    database: Database, queues: Queues, session: AsyncClientSession, writes: Writes, tenant: str
) -> None:
    """Remove all subscriptions of a tenant."""
    lines = [line for line in queues.lines.values() if line.stored.tenant == tenant]
    gone = [StagedLine(line, line.stored) for line in lines]
    await drop(database, queues, session, writes, gone)


async def drop(
    database: Database,
    queues: Queues,
    session: AsyncClientSession,
    writes: Writes,
    gone: Sequence[StagedLine],
) -> None:
    """Remove subscriptions with their rows, which are cancelled, and dead letters."""
    for staged in gone:
        sid = staged.stored.sid
        cancel(staged)
        writes.drop("subscriptions", sid)
        for seq in staged.taken:
            writes.drop("outbox", row_key(sid, seq))
        await database["dead"].delete_many({"sid": sid}, session=session)
    books = total([queues.gone, *(staged.stored.books for staged in gone)])
    writes.put("meta", queues.meta(gone=books))

    def durable() -> None:
        queues.gone = books
        queues.drop([staged.stored.sid for staged in gone])

    writes.after.append(durable)


def _take(queues: Queues, writes: Writes, gone: dict[int, list[int]]) -> None:
    """Let rows expire, by subscription."""
    staging, touched = Staging(queues.lines), []
    for sid, seqs in gone.items():
        if seqs and (staged := staging.find(sid)) is not None:
            for seq in seqs:
                staged.take(seq)
            staged.post(Posting(expired=len(seqs)))
            touched.append(sid)
    staging.write(writes)
    writes.after.append(lambda: queues.told.news(touched))


def _is_old(seq: int, tries: Tries, newest: int, before: str) -> bool:
    return seq <= newest or (seq >= PERIODIC and tries.queued_at < before)
