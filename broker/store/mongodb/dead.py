"""Ends of rows, and dead letters, within a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace

from pymongo.asynchronous.client_session import AsyncClientSession

from broker.store.books import Posting
from broker.store.mongodb.draft import Writes
from broker.store.mongodb.letters import to_tries
from broker.store.mongodb.lines import Tries, row_key
from broker.store.mongodb.rows import Document
from broker.store.mongodb.server import Database
from broker.store.mongodb.staging import StagedLine, Staging
from broker.store.outbox import Outcome, Settlement


async def settle(
    database: Database,
    session: AsyncClientSession,
    staging: Staging,
    writes: Writes,
    settlement: Settlement,
) -> None:
    """Take a row out of its queue, write the books, and keep it where it is dead."""
    sid, seq = settlement.sid, settlement.seq
    staged = staging.find(sid)
    tries = None if staged is None else staged.tries(seq)
    if staged is None or tries is None:
        return
    if settlement.outcome is Outcome.DEAD:
        stored = await database["outbox"].find_one({"_id": row_key(sid, seq)}, session=session)
        writes.put("dead", _letter(staged, tries, settlement, stored or {}))
    staged.take(seq)
    posting = Posting()
    posting.settle(settlement, tries.attempts)
    staged.post(posting)


async def take_dead(
    database: Database,
    session: AsyncClientSession,
    staging: Staging,
    writes: Writes,
    tenant: str,
    sid: int,
    seqs: Iterable[int] | None,
) -> list[Document]:
    """Take dead letters (all of a subscription where `seqs` is None) away; return them."""
    staged = staging.find(sid)
    if staged is None or staged.stored.tenant != tenant:
        return []
    wanted = None if seqs is None else set(seqs)
    cursor = database["dead"].find({"sid": sid}, session=session)
    found = [each for each in await cursor.to_list() if wanted is None or each["seq"] in wanted]
    for document in found:
        writes.drop("dead", document["_id"])
    return found


def wait_again(staged: StagedLine, dead: Sequence[Document]) -> None:
    """Let dead letters wait, as if tried once."""
    for document in dead:
        tries, seq = to_tries(document), document["seq"]
        staged.note(seq, replace(tries, attempts=min(tries.attempts, 1), not_before=None))
        staged.about[seq] = _about(document)
    staged.post(Posting(dead=-len(dead)))


def _letter(staged: StagedLine, tries: Tries, settlement: Settlement, stored: Document) -> Document:
    sid, seq = settlement.sid, settlement.seq
    ended = replace(tries, attempts=settlement.attempts, not_before=None, error=settlement.error)
    return {
        "_id": row_key(sid, seq),
        "tenant": staged.stored.tenant,
        "sid": sid,
        "seq": seq,
        "died_at": settlement.at,
        **asdict(ended),
        **_about(stored),
    }


def _about(document: Document) -> Document:
    return {name: document[name] for name in ("entities", "notice") if name in document}
