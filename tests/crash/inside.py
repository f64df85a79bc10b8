"""The requests of the crash clients against a Store in this process, and its state read back."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from broker.clock import now
from broker.model.change import apply, revert
from broker.model.entity import DEFAULT, Entity
from broker.query.ast import EntityQuery, HasType
from broker.store.contract import Answer, Change, Kind, Record, Store, Tx
from tests.crash.model import ACCOUNT, ITEM, TRANSFER, Attrs, State, Step

NAMES = "urn:crash:"
PAGE = 1000


class Refused(Exception):
    """A transfer that would overdraw its account."""


def expanded(entity_id: str, attrs: Attrs, before: Record | None) -> Entity:
    """Return the entity as the store keeps it."""
    time = now()
    return {
        "id": entity_id,
        "type": [NAMES + entity_id.split(":")[2]],
        "createdAt": before.entity["createdAt"] if before else time,
        "modifiedAt": time,
        "attrs": {
            NAMES + name: {DEFAULT: {"type": "Property", "value": value}}
            for name, value in attrs.items()
        },
    }


def simplified(entity: Entity) -> Attrs:
    """Return names and values of a stored entity."""
    return {
        name.removeprefix(NAMES): instances[DEFAULT]["value"]
        for name, instances in entity["attrs"].items()
    }


async def perform(store: Store, step: Step) -> tuple[bool, bytes]:
    """Carry out a step in one unit of work; return whether it took effect, and its answer."""

    async def work(tx: Tx) -> bytes:
        if step.key and (known := await tx.answer(step.key)):
            return known.body
        versions = [await move(tx, account, amount) for account, amount in step.moves]
        for entity_id, attrs in step.after.items():
            before = await tx.get(entity_id)
            if attrs is not None:
                record = await tx.put(expanded(entity_id, attrs, before), before)
                versions.append(record.version)
            else:
                assert before is not None, f"{entity_id} is not there to be deleted"
                versions.append(await tx.delete(before))
        body = orjson.dumps(versions)
        if step.key:
            await tx.remember(step.key, Answer(b"", 200, body))
        return body

    try:
        return True, await store.write("", work)
    except Refused:
        return False, b""


async def move(tx: Tx, account: str, amount: int) -> int:
    """Add to an account. Raises Refused where it would be overdrawn."""
    before = await tx.get(account)
    assert before is not None, f"{account} is gone"
    balance = simplified(before.entity)["balance"] + amount
    if balance < 0:
        raise Refused
    return (await tx.put(expanded(account, {"balance": balance}, before), before)).version


async def put_all(store: Store, state: State) -> None:
    """Create entities in one unit of work."""

    async def work(tx: Tx) -> None:
        for entity_id, attrs in state.items():
            await tx.put(expanded(entity_id, attrs, None), None)

    await store.write("", work)


async def stored(store: Store) -> dict[str, Entity]:
    """Return every entity of the run, found by type."""
    found: dict[str, Entity] = {}
    for kind in (ITEM, TRANSFER, ACCOUNT):
        after: str | None = None
        while True:
            asked = EntityQuery(HasType(NAMES + kind), limit=PAGE, after=after)
            page = (await store.query("", asked)).records
            found |= {record.entity["id"]: record.entity for record in page}
            if len(page) < PAGE:
                break
            after = page[-1].entity["id"]
    return found


async def balances(store: Store) -> list[int]:
    """Return the balances of all accounts, as one query sees them."""
    page = await store.query("", EntityQuery(HasType(NAMES + ACCOUNT), limit=PAGE))
    return [simplified(record.entity)["balance"] for record in page.records]


@dataclass(slots=True)
class Replica:
    """Entities rebuilt from the change feed alone, resumed after every cut."""

    seq: int = 0
    entities: dict[str, Entity] = field(default_factory=dict)
    changes: dict[str, int] = field(default_factory=dict)

    @property
    def state(self) -> State:
        """Return what the feed tells of every entity."""
        return {entity_id: simplified(entity) for entity_id, entity in self.entities.items()}

    async def follow(self, store: Store) -> list[str]:
        """Read up to the newest change; return what is wrong."""
        wrong: list[str] = []
        while page := await store.changes(self.seq):
            for change in page:
                if change.seq != self.seq + 1:
                    return [f"feed: {change.seq} follows {self.seq}"]
                wrong += self._take(change)
                self.seq = change.seq
        if store.span() != (1, self.seq):
            wrong.append(f"feed: says it spans {store.span()}, and ends with {self.seq}")
        return wrong

    def _take(self, change: Change) -> list[str]:
        known = self.entities.pop(change.entity_id, None)
        number = self.changes[change.entity_id] = self.changes.get(change.entity_id, 0) + 1
        before: dict[str, Any] | None = None
        after: Entity | None = None
        if change.kind is Kind.CREATE:
            after = change.delta
        elif change.kind is Kind.DELETE:
            before = change.before
        elif known is not None:
            after = apply(known, change.delta or {})
            before = revert(after, change.before or {})
        if after is not None:
            self.entities[change.entity_id] = after
        wrong = [] if before == known else [f"feed: {change.seq} tells another state before it"]
        if change.version != number:
            wrong.append(f"feed: change {number} of {change.entity_id} is of {change.version}")
        return wrong
