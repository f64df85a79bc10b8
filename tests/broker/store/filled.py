"""A store with something of everything that stores keep."""

from __future__ import annotations

from typing import Any

from broker.model.entity import DEFAULT, NULL
from broker.model.times import microseconds, timestamp
from broker.store.contract import Answer, Resource, Store, Tx, TypeRules
from broker.store.history import SCOPE, Entry, Fact
from broker.store.keeping import Keeping, Step
from broker.store.outbox import PERIODIC, Failure, Outcome, Settlement
from tests.broker.store.helpers import (
    LEVEL,
    NAME,
    RIVER,
    SHELTER,
    HandClock,
    create,
    delete,
    entity,
    point,
    prop,
    replace,
)
from tests.broker.store.matching import ByEntity

START = microseconds("2026-01-01T00:00:00Z")
SECOND = 1_000_000
AT = "2026-01-01T00:00:00.000000Z"


async def fill(store: Store, clock: HandClock) -> None:
    """Put something of everything into an open, empty store."""
    await _entities(store, clock)
    await _queues(store)
    await _beside(store)
    await _history(store)


async def _entities(store: Store, clock: HandClock) -> None:
    place = point(130.76, 32.21)
    await create(store, entity("urn:old", level=prop(1)))
    await delete(store, "urn:old")
    await create(store, entity("urn:lost"), tenant="lost")
    await create(store, entity("urn:kept", RIVER, level=prop(1.0), place=place))
    clock.time = "2026-01-02T00:00:00.000000Z"
    await store.prune(AT)
    for n in range(4):
        await create(store, entity(f"urn:{n}", level=prop(n), name=prop(f"町{n}"), place=place))
    await replace(store, entity("urn:0", RIVER, SHELTER, level=prop([1, 2.0, True])))
    fleeting = prop(3)
    fleeting[DEFAULT]["expiresAt"] = "2030-01-01T00:00:00Z"
    await create(store, entity("urn:brief", level=fleeting, deep=_nested()))
    await create(store, entity("urn:1", level=prop(7)), tenant="town")
    await delete(store, "urn:3")
    await create(store, entity("urn:3", name=prop("again")))
    await delete(store, "urn:2")
    await store.drop_tenant("lost")


def _nested() -> dict[str, Any]:
    inner = {DEFAULT: {"type": "Property", "value": 5, "attrs": {NAME: prop("x")}}}
    return {DEFAULT: {"type": "Property", "value": 4, "attrs": {LEVEL: inner}}}


async def _queues(store: Store) -> None:
    store.outbox.match_with(ByEntity())
    wanted = {"wants": ["urn:0", "urn:new", "urn:1"], "throttles": ["urn:kept"]}
    one = await store.outbox.create("", "urn:sub:1", wanted)
    two = await store.outbox.create("town", "urn:sub:2", {"wants": ["urn:1"]})
    gone = await store.outbox.create("", "urn:sub:3", {"wants": ["urn:new"]}, kind="other")
    for n in range(5):
        await replace(store, entity("urn:0", level=prop(n)))
    await create(store, entity("urn:new", level=prop(1)))
    await replace(store, entity("urn:1", level=prop(8)), tenant="town")
    await replace(store, entity("urn:kept", RIVER, level=prop(2.5)))
    await delete(store, "urn:new")
    await store.outbox.remove("", gone.id)
    rows = await store.outbox.waiting(one.sid)
    ends = [
        Settlement(one.sid, rows[0].seq, Outcome.DELIVERED, AT, 1),
        Settlement(one.sid, rows[1].seq, Outcome.DEAD, AT, 3, "no"),
        Settlement(one.sid, rows[-1].seq, Outcome.WITHHELD, AT),
    ]
    tried = [Failure(one.sid, rows[2].seq, AT, 2, "2026-01-03T00:00:00.000000Z", "busy")]
    await store.outbox.settle(ends, tried)
    for second in range(3):
        at = f"2026-01-01T00:00:0{second}.000000Z"
        await store.outbox.queue_period(two, at, [entity("urn:1", level=prop(second))])
    period = next(row for row in await store.outbox.waiting(two.sid) if row.seq >= PERIODIC)
    await store.outbox.settle([Settlement(two.sid, period.seq, Outcome.DEAD, AT, 1, "gone")])
    await store.write("", lambda tx: tx.tell(one.sid, {"ids": ["urn:x"]}))


async def _beside(store: Store) -> None:
    async def work(tx: Tx) -> None:
        await tx.remember("key 1", Answer(b"\x00\x01", 201, b"body"))
        await tx.put_resource(Resource("context", "urn:ctx", AT, b'{"@context": {}}'))
        await tx.set_rules(SHELTER, TypeRules(unlisted=True, bounded=((LEVEL, 0, None),)))
        await tx.set_rules(RIVER, TypeRules(writers=frozenset(["b", "a"]), append_only=True))

    await store.write("", work)
    await store.write("town", work)


async def _history(store: Store) -> None:
    first = Entry(
        "urn:0", (SHELTER,), START, (_level(1), Fact(NAME, {"type": "Property", "value": "a"}))
    )
    await store.history.record("", [Entry("urn:born", (RIVER,), START, first.facts, born=True)])
    await store.history.record("", [first], place=("file", 7))
    await store.history.record(
        "", [Entry("urn:0", (SHELTER,), START, tuple(map(_level, range(90))))]
    )
    named = Fact(
        LEVEL, {"type": "Property", "value": 5}, "urn:set", instance_id="urn:instance:mine"
    )
    scope = Fact(SCOPE, {"type": "Property", "value": ["/a", "/b"]})
    none = Fact(LEVEL, {"type": "Property", "value": NULL}, deleted=True)
    await store.history.record("", [Entry("urn:0", (RIVER,), START + SECOND, (named, scope, none))])
    nested = {"type": "Property", "value": 3, "attrs": {NAME: prop("x")}}
    nested["observedAt"] = "2026-01-01T00:00:00.000Z"
    await store.history.record("town", [Entry("urn:1", (RIVER,), START, (Fact(LEVEL, nested),))])
    await store.history.record("town", [Entry("urn:2", (RIVER,), START, gone=True)])
    keeping = Keeping(raw=30 * SECOND, steps=(Step(10 * SECOND),))
    await store.history.retain("", lambda types, attribute: keeping, START + 100 * SECOND)
    await store.history.follow(store.span()[1] - 2, {})


def _level(second: int) -> Fact:
    observed = timestamp(START + second * SECOND)
    return Fact(LEVEL, {"type": "Property", "value": second, "observedAt": observed})
