"""Writes of history within one transaction.

What a fact may take the place of is read first; what follows is decided by `broker.store.past`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from pymongo.asynchronous.client_session import AsyncClientSession

from broker.model.times import microseconds
from broker.store.history import Entry, Head, Moment
from broker.store.mongodb.draft import Writes
from broker.store.mongodb.moments import head_document, moment_document, to_head, to_moment
from broker.store.mongodb.rows import Document, joined
from broker.store.mongodb.server import Database
from broker.store.past import Past, keep


@dataclass(slots=True)
class Far:
    """How far history is: the newest moment's number, the newest change followed, and how many.

    `following` is what `followed` becomes with the transaction that is open.
    """

    number: int = 0
    followed: int = 0
    following: int = 0
    instances: int = 0


class Keeping:
    """Writes of history within one transaction."""

    def __init__(
        self,
        database: Database,
        session: AsyncClientSession,
        writes: Writes,
        far: Far,
    ) -> None:
        self._heads = database["heads"]
        self._moments = database["moments"]
        self._session = session
        self._writes = writes
        self._far = far
        self._numbers = count(far.number + 1)
        self._more = 0
        self._total = 0

    async def keep_all(self, tenant: str, entries: Sequence[Entry]) -> list[bool]:
        """Keep what is told; tell of each entry whether it is new."""
        told = []
        for entry in entries:
            past = await self._replaceable(tenant, entry)
            known = {} if past is None else past.moments()
            told.append(past is None)
            self.write(tenant, known, keep(past, entry, self._numbers))
        return told

    async def head(self, tenant: str, entity_id: str) -> Head | None:
        """Return the head as this transaction has it."""
        key = joined(tenant, entity_id)
        written = self._writes.documents.get("heads", {})
        if key in written:
            document = written[key]
        else:
            document = await self._heads.find_one({"_id": key}, session=self._session)
        return None if document is None else to_head(document)

    async def past(self, tenant: str, entity_id: str, wanted: Document) -> Past | None:
        """Return an entity with some of its moments."""
        head = await self.head(tenant, entity_id)
        if head is None:
            return None
        past = Past(head)
        asked = {"tenant": tenant, "entity": entity_id, **wanted}
        await self._load(past, asked)
        return past

    def write(self, tenant: str, known: dict[int, tuple[str, str, Moment]], past: Past) -> None:
        """Put what became of an entity."""
        now = past.moments()
        for number in known.keys() - now.keys():
            self._writes.drop("moments", number)
        for number, (attribute, dataset, moment) in now.items():
            if known.get(number) != (attribute, dataset, moment):
                document = moment_document(tenant, past.head.id, number, attribute, dataset, moment)
                self._writes.put("moments", document)
        self._writes.put("heads", head_document(tenant, past.head))
        self._more += len(now) - len(known)
        self.note()

    def note(self) -> None:
        """Put how far history is, and take it over once it is durable."""
        number = next(self._numbers) - 1
        self._numbers = count(number + 1)
        far, more = self._far, self._more
        self._more = 0
        self._total += more
        upto, instances = far.following, far.instances + self._total
        told = {"number": number, "followed": upto, "instances": instances}
        self._writes.put("meta", {"_id": "history", **told})

        def durable() -> None:
            far.number, far.followed = number, upto
            far.instances += more

        self._writes.after.append(durable)

    async def _replaceable(self, tenant: str, entry: Entry) -> Past | None:
        """Return the entity with the moments that its facts may take the place of."""
        head = await self.head(tenant, entry.entity_id)
        if head is None:
            return None
        past = Past(head)
        for fact in entry.facts:
            ways: list[Document] = []
            if (text := fact.instance.get("observedAt")) is not None:
                ways.append({"observed": microseconds(text)})
            if fact.instance_id is not None:
                ways.append({"name": fact.instance_id})
            for way in ways:
                asked = {
                    "tenant": tenant,
                    "entity": entry.entity_id,
                    "attribute": fact.attribute,
                    "dataset": fact.dataset,
                    **way,
                }
                await self._load(past, asked)
        return past

    async def _load(self, past: Past, asked: Document) -> None:
        written = self._writes.documents.get("moments", {})
        async for document in self._moments.find(asked, session=self._session):
            if document["_id"] not in written:
                add_moment(past, document)
        for put in written.values():
            if put is not None and asked.items() <= put.items():
                add_moment(past, put)


def add_moment(past: Past, document: Document) -> None:
    """Take a moment's document into an entity's history."""
    series = past.series.setdefault((document["attribute"], document["dataset"]), {})
    series[document["_id"]] = to_moment(document)
