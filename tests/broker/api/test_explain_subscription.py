"""`explain` names the right reason for each way a subscription does not fire.

Each scenario is a function that lets something happen and returns what is asked about; WAYS says
which reason has to be named.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from broker.guard import Action, Caller, OpenGuard
from broker.model.entity import Entity
from broker.settings import Settings
from broker.store.contract import Committed
from broker.store.memory import MemoryStore
from broker.store.outbox import Failure, Outcome, Settlement, Waiting
from broker.subscriptions.delivery.loops import CHAINED, PROBED
from broker.subscriptions.delivery.queue import Held, Queue
from broker.subscriptions.explain_words import CODES, in_words
from tests.broker.api.data import ENTITIES, EX, V1, gauge, urn
from tests.support.asgi import Client, Ticking, running

S = "urn:ngsi-ld:Subscription:s"
SUBSCRIPTIONS = f"{V1}/subscriptions"
EXPLAIN = f"{EX}/subscriptions/{S}/explain"
ONE = f"{ENTITIES}/{urn(1)}"
SERVER = "http://localhost:9999"
LATER = "2090-01-01T00:00:00.000000Z"


class Blindfold(OpenGuard):
    """Lets the owner `blind` see nothing once it is on; `visitor` is no administrator."""

    transparent = False

    def lens(self, caller: Caller, tenant: str) -> str | None:
        return None

    on = False

    def allow(self, caller: Caller, tenant: str, action: Action, entity_id: str | None) -> None:
        return None

    def deliver(self, caller: Caller, tenant: str, committed: Committed) -> Committed | None:
        return None if self.on and caller.client == "blind" else committed


class Blinkers(OpenGuard):
    """Hides the attribute `level` from everybody whose client is `blind`."""

    transparent = False

    def lens(self, caller: Caller, tenant: str) -> str | None:
        return None

    def view(self, caller: Caller, tenant: str, entity: Entity) -> Entity | None:
        kept = {iri: one for iri, one in entity["attrs"].items() if not iri.endswith("/level")}
        return {**entity, "attrs": kept} if caller.client == "blind" else entity

    def deliver(self, caller: Caller, tenant: str, committed: Committed) -> Committed | None:
        if caller.client != "blind":
            return committed
        before, after = (
            None if side is None else self.view(caller, tenant, side)
            for side in (committed.before, committed.after)
        )
        return Committed(committed.change, before, after)


class Town:
    """A running broker that sends nothing by itself, and short ways to let things happen."""

    def __init__(self, client: Client, guard: Blindfold, clocks: list[Ticking]) -> None:
        self.client = client
        self.guard = guard
        self.clocks = clocks

    async def subscribe(self, client: str = "", **members: Any) -> None:
        body = {
            "id": S,
            "type": "Subscription",
            "entities": [{"type": "Gauge"}],
            "notification": {"endpoint": {"uri": f"{SERVER}/notify"}},
            **members,
        }
        headers = {"machi-client": client} if client else {}
        answer = await self.client.post(
            SUBSCRIPTIONS, {k: v for k, v in body.items() if v is not None}, headers
        )
        assert answer.status == 201, answer.body

    async def change(self, level: Any, **members: Any) -> None:
        answer = await self.client.request(
            "PATCH", f"{ONE}/attrs", json={"level": level, **members}
        )
        assert answer.status in (204, 207), answer.body

    async def create(self, number: int = 1, **members: Any) -> None:
        assert (await self.client.post(ENTITIES, gauge(number, **members))).status == 201

    async def patch(self, **members: Any) -> None:
        answer = await self.client.request("PATCH", f"{SUBSCRIPTIONS}/{S}", json=members)
        assert answer.status == 204, answer.body

    async def rows(self) -> list[Waiting]:
        outbox = self.client.broker.store.outbox
        return await outbox.waiting((await outbox.queues())[0])

    async def die(self, words: str) -> None:
        (row,) = await self.rows()
        await self.client.broker.store.outbox.settle(
            [Settlement(row.sid, row.seq, Outcome.DEAD, LATER, 3, words)]
        )

    async def fail(self, words: str = "503") -> None:
        row = (await self.rows())[0]
        await self.client.broker.store.outbox.settle(
            failures=[Failure(row.sid, row.seq, row.queued_at, 1, LATER, words)]
        )

    def advance(self, **units: float) -> None:
        for clock in self.clocks:
            clock.advance(**units)


Scenario = Callable[[Town], Awaitable[str]]
NEWEST = f"entity={urn(1)}"


async def paused(town: Town) -> str:
    await town.subscribe(isActive=False)
    await town.create()
    return NEWEST


async def expired(town: Town) -> str:
    await town.subscribe(expiresAt="2026-01-02T04:00:00Z")
    town.advance(hours=1)
    await town.create()
    return NEWEST


async def older(town: Town) -> str:
    await town.create()
    await town.subscribe()
    return "seq=1"


async def other_tenant(town: Town) -> str:
    await town.subscribe()
    await town.client.post(ENTITIES, gauge(), {"ngsild-tenant": "drill"})
    return "seq=1"


async def future(town: Town) -> str:
    await town.subscribe()
    return "seq=5"


async def pruned(town: Town) -> str:
    await town.subscribe()
    await town.create()
    await town.client.broker.store.prune(LATER)
    return "seq=1"


async def quiet(town: Town) -> str:
    await pruned(town)
    return NEWEST


async def nobody(town: Town) -> str:
    await town.subscribe()
    return NEWEST


async def periodic(town: Town) -> str:
    await town.subscribe(timeInterval=3600)
    await town.create()
    return NEWEST


def created_with(**members: Any) -> Scenario:
    """Return the scenario in which a gauge is created for a subscription with members."""

    async def scenario(town: Town) -> str:
        await town.subscribe(**members)
        await town.create(name="a")
        return NEWEST

    return scenario


async def unwatched(town: Town) -> str:
    await town.create(other=1)
    await town.subscribe(watchedAttributes=["level"])
    await town.client.request("PATCH", f"{ONE}/attrs", json={"other": 2})
    return NEWEST


async def throttled(town: Town) -> str:
    await town.subscribe(throttling=3600)
    await town.create()
    await town.change(2)
    return "seq=2"


async def long_throttled(town: Town) -> str:
    """The matcher remembers no more which changes it was; the times still tell."""
    await throttled(town)
    entry = town.client.broker.matching.entry((await town.rows())[0].sid)
    assert entry is not None
    entry.silenced.clear()
    return "seq=2"


async def just_due(town: Town) -> str:
    await town.subscribe()
    await town.create()
    return NEWEST


async def resting(town: Town) -> str:
    await just_due(town)
    await town.fail()
    return NEWEST


async def cooling(town: Town) -> str:
    endpoint = {"uri": f"{SERVER}/notify", "cooldown": 1000}
    await town.subscribe(notification={"endpoint": endpoint})
    await town.create()
    await town.fail()
    return NEWEST


async def broken(town: Town) -> str:
    await just_due(town)
    delivery = town.client.broker.delivery
    queue = Queue(1, Held())
    queue.origin, queue.target = SERVER, f"{SERVER}/notify"
    for _ in range(delivery.policy.failures):
        delivery._turns.target(queue).breaker.silent(0, 0)
    return NEWEST


async def behind(town: Town) -> str:
    await just_due(town)
    await town.change(2)
    await town.fail()
    return "seq=2"


async def contextless(town: Town) -> str:
    await just_due(town)
    outbox = town.client.broker.store.outbox
    (stored,) = await outbox.all()
    await outbox.replace("", S, {**stored.document, "context": "http://localhost:1/gone.jsonld"})
    return NEWEST


def dead_of(words: str) -> Scenario:
    """Return the scenario of a dead letter."""

    async def scenario(town: Town) -> str:
        await just_due(town)
        await town.die(words)
        return NEWEST

    return scenario


async def withheld(town: Town) -> str:
    await town.subscribe(client="blind")
    await town.create()
    (row,) = await town.rows()
    await town.client.broker.store.outbox.settle(
        [Settlement(row.sid, row.seq, Outcome.WITHHELD, LATER)]
    )
    town.guard.on = True
    return NEWEST


async def hidden(town: Town) -> str:
    """Who asks is the one who may not see it: there is nothing to be told."""
    await withheld(town)
    return f"{NEWEST}&as=blind"


async def cancelled(town: Town) -> str:
    await just_due(town)
    await town.patch(isActive=False)
    await town.patch(isActive=True)
    return NEWEST


async def paused_meanwhile(town: Town) -> str:
    """A success after it, of a later change, proves nothing about it."""
    await town.subscribe(isActive=False)
    await town.create()
    await town.patch(isActive=True)
    await town.change(2)
    (row,) = await town.rows()
    await town.client.broker.store.outbox.settle(
        [Settlement(row.sid, row.seq, Outcome.DELIVERED, LATER, 1)]
    )
    return "seq=1"


async def delivered(town: Town) -> str:
    await just_due(town)
    (row,) = await town.rows()
    await town.client.broker.store.outbox.settle(
        [Settlement(row.sid, row.seq, Outcome.DELIVERED, LATER, 1)]
    )
    return NEWEST


POINT = {"georel": "within", "geometry": "Point", "coordinates": [1, 2]}

WAYS: list[tuple[str, Scenario]] = [
    ("paused", paused),
    ("expired", expired),
    ("before", older),
    ("elsewhere", other_tenant),
    ("notYet", future),
    ("forgotten", pruned),
    ("quietEntity", quiet),
    ("noEntity", nobody),
    ("periodic", periodic),
    ("otherType", created_with(entities=[{"type": "River"}])),
    ("otherId", created_with(entities=[{"type": "Gauge", "id": urn(2)}])),
    ("patternFails", created_with(entities=[{"type": "Gauge", "idPattern": "^urn:x"}])),
    ("notTriggered", created_with(notificationTrigger=["entityDeleted"])),
    ("notWatched", unwatched),
    ("queryFails", created_with(q="level>5")),
    ("attributeMissing", created_with(q="flow>5")),
    ("attributeMissing", created_with(geoQ=POINT)),
    ("noScope", created_with(scopeQ="/b")),
    ("throttled", throttled),
    ("throttled", long_throttled),
    ("underWay", just_due),
    ("retry", resting),
    ("cooldown", cooling),
    ("breaker", broken),
    ("behind", behind),
    ("unready", contextless),
    ("dead", dead_of("The receiver answers 404 Not Found. Refused 8 times.")),
    ("loop", dead_of(CHAINED)),
    ("loop", dead_of(PROBED)),
    ("egressRefused", dead_of("The egress rule forbids the receiver's address; ask.")),
    ("withheld", withheld),
    ("noEntity", hidden),
    ("cancelled", cancelled),
    ("changedSince", paused_meanwhile),
]


async def explained(scenario: Scenario, language: str = "en", deliver: bool = True) -> Any:
    """Run a scenario; return what `explain` says."""
    clocks = [Ticking(), Ticking()]
    guard = Blindfold()
    settings = Settings(context_timeout=0.5, deliver=deliver)
    store = MemoryStore(clock=clocks[0])
    async with running(store, settings, guard=guard, clock=clocks[1]) as client:
        if deliver:
            await client.broker.delivery.close()
        asked, _, caller = (await scenario(Town(client, guard, clocks))).partition("&as=")
        headers = {"accept-language": language, "machi-client": caller}
        answer = await client.get(f"{EXPLAIN}?{asked}", headers)
        assert answer.status == 200, answer.body
        return answer.json()


@pytest.mark.parametrize(
    ("code", "scenario"),
    WAYS,
    ids=[f"{code}-{number}" for number, (code, _) in enumerate(WAYS)],
)
async def test_the_reason_is_named(code: str, scenario: Scenario) -> None:
    told = await explained(scenario)
    assert (told["notified"], told["reason"]["code"]) == (False, code), told
    failed = [step["code"] for step in told["conditions"] if not step["held"]]
    assert failed[0] == code


def test_at_least_twenty_reasons_are_told_apart() -> None:
    assert len({code for code, _ in WAYS}) >= 20


async def test_a_broker_without_delivery_says_so() -> None:
    assert (await explained(just_due, deliver=False))["reason"]["code"] == "deliveryOff"


async def test_what_was_delivered_is_said_to_be() -> None:
    told = await explained(delivered)
    assert (told["notified"], told["reason"]["code"]) == (True, "delivered")
    assert told["change"]["entity"] == urn(1)
    assert [step["condition"] for step in told["conditions"]] == [
        "since", "status", "entities", "notificationTrigger", "delivery",
    ]  # fmt: skip


async def test_a_discarded_letter_is_not_said_to_be_delivered_for_a_later_success() -> None:
    async def scenario(town: Town) -> str:
        await dead_of("410")(town)
        outbox = town.client.broker.store.outbox
        (letter,), _ = await outbox.dead_letters()
        await outbox.discard("", letter.sid)
        await town.change(2)
        (row,) = await town.rows()
        await outbox.settle([Settlement(row.sid, row.seq, Outcome.DELIVERED, LATER, 1)])
        return "seq=1"

    assert (await explained(scenario))["reason"]["code"] == "settled"


async def test_all_conditions_are_told_in_order() -> None:
    told = await explained(
        created_with(q="level>9", scopeQ="/b", watchedAttributes=["level"], throttling=5)
    )
    assert [(step["condition"], step["held"]) for step in told["conditions"]] == [
        ("since", True),
        ("status", True),
        ("entities", True),
        ("notificationTrigger", True),
        ("watchedAttributes", True),
        ("q", False),
        ("scopeQ", False),
    ]


async def test_reasons_are_told_in_the_readers_language() -> None:
    told = await explained(created_with(entities=[{"type": "River"}]), "ja,en;q=0.5")
    assert "対象の型ではありません" in told["reason"]["text"]
    told = await explained(created_with(entities=[{"type": "River"}]), "de")
    assert "is not the one asked for" in told["reason"]["text"]


async def test_an_older_change_is_judged_by_the_entity_as_it_was_then() -> None:
    async def scenario(town: Town) -> str:
        await town.subscribe(q="level==2")
        await town.create(level=1)
        await town.change(2)
        await town.change(3)
        await town.client.request("DELETE", ONE)
        return "seq=2"

    assert (await explained(scenario))["reason"]["code"] == "underWay"


@pytest.mark.parametrize("asked", ["", "?seq=1&entity=urn:a", "?seq=0", "?seq=x", "?entity=x"])
async def test_a_bad_question_is_refused(quick: Client, asked: str) -> None:
    await Town(quick, Blindfold(), []).subscribe()
    assert (await quick.get(EXPLAIN + asked)).status == 400


async def test_a_subscription_that_is_not_there_is_not_found(quick: Client) -> None:
    assert (await quick.get(f"{EXPLAIN}?seq=1")).status == 404


@pytest.mark.parametrize(
    ("owner", "asker", "code", "notified"),
    [
        ("", "", "underWay", False),
        ("blind", "blind", "attributeMissing", False),
        ("blind", "", "attributeMissing", False),
        ("", "blind", "unseen", None),
    ],
)
async def test_it_is_judged_by_what_the_subscription_sees_and_told_by_what_the_asker_may(
    owner: str, asker: str, code: str, notified: bool | None
) -> None:
    told = await asked_by(owner, asker)
    assert (told["reason"]["code"], told["notified"]) == (code, notified)


@pytest.mark.parametrize(
    ("owner", "asker", "codes"),
    [
        ("", "", ["selected", "queryHolds"]),
        ("blind", "", ["selected", "attributeMissing"]),
        ("", "blind", ["unseen"]),
    ],
)
async def test_so_it_is_of_an_entity_whose_changes_are_forgotten(
    owner: str, asker: str, codes: list[str]
) -> None:
    told = await asked_by(owner, asker, pruned=True)
    assert [step["code"] for step in told["conditions"]] == ["quietEntity", "active", *codes]


async def asked_by(owner: str, asker: str, *, pruned: bool = False) -> Any:
    """Return what `asker` is told of a subscription by `owner` that rests on a level."""
    clocks = [Ticking(), Ticking()]
    store = MemoryStore(clock=clocks[0])
    async with running(store, guard=Blinkers(), clock=clocks[1]) as client:
        await client.broker.delivery.close()
        town = Town(client, Blindfold(), clocks)
        await town.subscribe(client=owner, q="level>0")
        await town.create(level=1)
        if pruned:
            await store.prune("2030-01-01T00:00:00.000000Z")
        answer = await client.get(f"{EXPLAIN}?{NEWEST}", {"machi-client": asker})
        return answer.json()


NAMES = (
    *("newest", "oldest", "entity", "since", "at", "id", "wanted", "types", "happened", "changed"),
    *("watched", "query", "missing", "why", "count", "server", "until", "attempts", "linked"),
    "most",
)
VALUES: dict[str, Any] = {**dict.fromkeys(NAMES, "x"), "seq": 1, "seconds": 1.5}


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_reason_has_words_in_both_languages(code: str) -> None:
    english, japanese = (in_words(code, VALUES, language) for language in ("en", "ja"))
    assert english.isascii()
    assert not japanese.isascii()


@pytest.mark.parametrize(
    ("owner", "asker", "code"),
    [("", "", "linkedHolds"), ("blind", "", "linkedFails"), ("", "blind", "unseen")],
)
async def test_so_it_is_of_entities_that_are_linked(owner: str, asker: str, code: str) -> None:
    async with running(MemoryStore(clock=Ticking()), guard=Blinkers(), clock=Ticking()) as client:
        await client.broker.delivery.close()
        town = Town(client, Blindfold(), [])
        await town.subscribe(client=owner, q="linked{level}>0")
        linked = {"type": "Relationship", "object": urn(2)}
        for number, more in ((2, {"level": 1}), (1, {"linked": linked})):
            body = {"id": urn(number), "type": "Gauge", **more}
            assert (await client.post(ENTITIES, body)).status == 201
        answer = await client.get(f"{EXPLAIN}?entity={urn(1)}", {"machi-client": asker})
    codes = {step["code"] for step in answer.json()["conditions"]}
    assert code in codes
