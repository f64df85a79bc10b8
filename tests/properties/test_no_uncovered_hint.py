"""Whoever may see what: nobody can tell of a hidden value whether it is above or below.

Leave is drawn. Everybody subscribed while everything was open, in pairs: to what is above zero, as
all values are, and to what is below. Who is not shown the value must be told the same of both: by
what is queued and sent, dead letters, explanations, streams, queries and history. What is sent or
told holds no value that is not shown; what a person is shown is noted; and what waits to be sent is
held back once there is no leave any more.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import pytest
from hypothesis import Phase, example, given, settings

from broker.guard import Action, Caller
from broker.model.entity import Entity
from broker.store.memory import MemoryStore
from broker.store.outbox import Outcome, Settlement, StoredSubscription
from broker.subscriptions.delivery.message import Message
from broker.subscriptions.delivery.notification import prepare
from broker.subscriptions.delivery.recipient import Recipient
from broker.subscriptions.periods import Periods
from consent.guard import PolicyGuard
from consent.log.entry import Deed
from tests.support.asgi import Answer, Client, Ticking, running
from tests.support.deeds import (
    ENTITIES,
    EX,
    HISTORY,
    LETTERS,
    LISTENERS,
    SOURCES,
    SUBSCRIPTIONS,
    source,
    subscription,
)
from tests.support.leave import (
    ADMIN,
    EVERYTHING,
    HEIGHT,
    KINDS,
    LEAVES,
    LINK,
    NAME,
    NAMES,
    Given,
    Leave,
    Model,
    entity,
    give,
    guard_of,
)
from tests.support.runs import effort
from tests.support.ticker import HandTicker

PERSON: Final = "one"
"""Who is signed in as a person, so that all that is shown is noted."""
SECRET: Final = "of-the-source-only"
ATTRIBUTES: Final = (HEIGHT, NAME)
VALUE: Final = re.compile(rb"(?<![\w.])7([01])([01])([0-9]{5})(?!\w)")
"""Kind, attribute, and a number that was never used before."""
TREE: Final = entity("Tree")["id"]
HIGH: Final = f"{HEIGHT}>0"
PAIRS: Final[dict[str, dict[str, Any]]] = {
    "direct": {"entities": [{"type": "Tree"}], "q": HIGH},
    "linked": {"entities": [{"type": "Lamp"}], "q": f"{LINK}{{{HEIGHT}}}>0"},
    "period": {"entities": [{"type": "Tree"}], "q": HIGH, "timeInterval": 1000},
}
"""What is subscribed to, of what is above zero."""
SIDES: Final = (">", "<")


class World:
    """A town, what somebody may do in it, and what waits to be sent."""

    def __init__(self, client: Client, guard: PolicyGuard, model: Model) -> None:
        self.client = client
        self.guard = guard
        self.model = model
        self.outbox = client.broker.store.outbox
        self.seqs: dict[str, int] = {}
        """The newest change of each kind."""
        self.sent: list[tuple[str, Message]] = []
        self._noted: set[tuple[str, str]] = set()
        self._number = 0
        guard.notes = self._note

    def _note(self, caller: Caller, tenant: str, deed: Deed, whole: Entity, seen: Entity) -> None:
        self._noted.add((caller.client, whole["id"]))

    async def open(self) -> None:
        """Make entities and subscriptions while everything is open, and let things happen."""
        await self.client.broker.delivery.close()
        give(self.guard, EVERYTHING)
        link = {LINK: {"type": "Relationship", "object": TREE}}
        await self._made(ENTITIES, entity("Tree") | self._values("Tree"))
        await self._made(ENTITIES, entity("Lamp") | self._values("Lamp") | link)
        for name in NAMES:
            for what, members in PAIRS.items():
                for side in SIDES:
                    turned = {**members, "q": members["q"].replace(">", side)}
                    await self._made(SUBSCRIPTIONS, subscription(sid(name, what, side), **turned))
            heard = subscription(sid(name, "sources", ">"), entities=[{"type": "Far"}])
            await self._made(LISTENERS, heard, name)
        await self.happen()
        info = [{"key": "Authorization", "value": SECRET}]
        await self._made(SOURCES, source("Far", contextSourceInfo=info))

    async def _made(self, path: str, body: Any, caller: str = "") -> None:
        owner = caller or next((name for name in NAMES if f":{name}-" in body.get("id", "")), ADMIN)
        answer = await self.ask(owner, "POST", path, body)
        assert answer.status == 201, answer.body

    def _values(self, kind: str) -> dict[str, int]:
        self._number += 1
        of = KINDS.index(kind)
        return {name: int(f"7{of}{at}{self._number:05}") for at, name in enumerate(ATTRIBUTES)}

    async def ask(self, caller: str, method: str, path: str, body: Any = ...) -> Answer:
        """Send a request with a key."""
        headers = {"authorization": f"Bearer {caller}"}
        if body is ...:
            return await self.client.request(method, path, headers)
        return await self.client.request(method, path, headers, json=body)

    async def happen(self) -> None:
        """Change each entity, and let a period be over."""
        for kind in KINDS:
            path = f"{ENTITIES}/{entity(kind)['id']}/attrs"
            assert (await self.ask(ADMIN, "PATCH", path, self._values(kind))).status == 204
            self.seqs[kind] = self.client.broker.store.span()[1]
        broker, ticker = self.client.broker, HandTicker()
        notice = broker.registrations.notice
        periods = Periods(broker.store, broker.clock, ticker, self.guard, notice)
        await periods.start()
        ticker.now += 1000
        await ticker.go(1)
        await periods.close()

    def judge(self, caller: str, text: bytes, where: str) -> bool:
        """Want every value in a text to be shown to a caller; tell whether there is any."""
        found = VALUE.findall(text)
        for kind, attribute, _ in found:
            named = KINDS[int(kind)], ATTRIBUTES[int(attribute)]
            assert self.model.shows(caller, *named), (caller, where, *named)
        return bool(found)

    def fires(self, owner: str, what: str) -> bool:
        """Tell whether what is above zero is told of to who subscribed to it."""
        if what == "sources":
            return self.model.may(owner, Action.READ)
        lamp = what != "linked" or (self.model.shows(owner, "Lamp", LINK) and self._hears(owner))
        return lamp and self.model.shows(owner, "Tree", HEIGHT)

    def _hears(self, owner: str) -> bool:
        """Tell whether somebody is shown anything of what changes of the lamp."""
        return any(self.model.shows(owner, "Lamp", each) for each in ATTRIBUTES)

    async def subscriptions(self) -> list[tuple[str, str, str, StoredSubscription]]:
        """Return whose subscriptions there are, to what, and of which side."""
        return [(*parts(stored.id), stored) for stored in await self.outbox.all()]

    async def prepared(self) -> None:
        """Want what is made of what waits to tell what its owner may see now, and no more."""
        broker = self.client.broker
        for owner, what, side, stored in await self.subscriptions():
            for row in await self.outbox.waiting(stored.sid):
                known = await broker.delivery.know(stored.sid)
                assert isinstance(known, Recipient)
                now = broker.clock()
                made = await prepare(row, known, self.guard, broker.delivery.chains, now)
                # By a link is matched when something changes, and not again.
                fires = self._hears(owner) if what == "linked" else self.fires(owner, what)
                assert isinstance(made, Message) == (fires and side == ">"), (owner, what, made)
                if isinstance(made, Message):
                    self.judge(owner, made.body, what)
                    administers = self.model.may(owner, Action.ADMINISTER)
                    assert administers or SECRET.encode() not in made.body
                    self.sent.append((what, made))

    async def queued(self) -> None:
        """Want to be queued what somebody may see, and of the rest nothing."""
        before = {stored.sid: stored.books.queued for *_, stored in await self.subscriptions()}
        await self.happen()
        for owner, what, side, stored in await self.subscriptions():
            if what != "sources":
                more = stored.books.queued - before[stored.sid]
                assert more == (self.fires(owner, what) and side == ">"), (owner, what, side)

    async def letters(self) -> None:
        """Want dead letters to be there for who may see what they are about."""
        for *_, stored in await self.subscriptions():
            rows = (await self.outbox.waiting(stored.sid))[:1]
            await self.outbox.settle(
                [Settlement(stored.sid, row.seq, Outcome.DEAD, "", 1, "Refused.") for row in rows]
            )
        for caller in self._with(Action.SUBSCRIBE):
            for letter in (await self.ask(caller, "GET", f"{LETTERS}?limit=100")).json():
                _, what, _ = parts(letter["subscriptionId"])
                if what == "linked":
                    assert self.model.may(caller, Action.READ, "Lamp"), (caller, letter)
                elif what != "sources":
                    assert self.model.shows(caller, "Tree", HEIGHT), (caller, letter)
                answer = await self.ask(caller, "GET", f"{LETTERS}/{letter['id']}")
                self.judge(caller, answer.body, "dead letter")

    async def explained(self) -> None:
        """Want explanations to be the same of both sides where the value is not shown."""
        for asker in self._with(Action.SUBSCRIBE):
            every = self.model.may(asker, Action.ADMINISTER)
            for owner in NAMES if every else (asker,):
                for what in ("direct", "linked"):
                    await self._explained(asker, owner, what)

    async def _explained(self, asker: str, owner: str, what: str) -> None:
        for kind in KINDS:
            by_entity = f"entity={entity(kind)['id']}"
            for named in (by_entity, f"seq={self.seqs[kind]}"):
                told = [await self._told(asker, owner, what, side, named) for side in SIDES]
                if not self.model.may(asker, Action.READ):
                    assert [one["status"] for one in told] == [403, 403]
                elif not self.model.may(asker, Action.READ, kind):
                    hidden = {"noEntity"} if named is by_entity else {"elsewhere", "forgotten"}
                    assert {one["reason"]["code"] for one in told} <= hidden, (asker, named, told)
                elif not (self._looks(asker, what, kind) and self._looks(owner, what, kind)):
                    one, other = map(_steps, told)
                    assert one == other, (asker, owner, what, named)

    def _looks(self, name: str, what: str, kind: str) -> bool:
        """Tell whether somebody is shown what a condition looks at, of an entity of a kind."""
        return self.fires(name, what) if what == "linked" else self.model.shows(name, kind, HEIGHT)

    async def _told(self, asker: str, owner: str, what: str, side: str, named: str) -> Any:
        path = f"{EX}/subscriptions/{sid(owner, what, side)}/explain?{named}"
        return (await self.ask(asker, "GET", path)).json()

    async def asked(self) -> None:
        """Want queries, history and streams to find by a value only what shows it."""
        since = "timerel=after&timeAt=2020-01-01T00:00:00Z&timeproperty=modifiedAt"
        for caller in self._with(Action.READ):
            assert self.guard.lens(Caller(caller), "") != ""
            for kind in KINDS:
                sees = self.model.may(caller, Action.READ, kind)
                high = self.model.shows(caller, kind, HEIGHT)
                named = (*ATTRIBUTES, LINK) if kind == "Lamp" else ATTRIBUTES
                past = any(self.model.shows(caller, kind, each) for each in named)
                for path, expected in (
                    (f"{ENTITIES}?type={kind}", sees),
                    (f"{ENTITIES}?type={kind}&q={quote(HIGH)}", high),
                    (f"{HISTORY}?type={kind}&{since}", past),
                    (f"{HISTORY}?type={kind}&q={quote(HIGH)}&{since}", high),
                ):
                    await self._noting(caller, kind, f"{path}&count=true", expected)
                await self._noting(caller, kind, f"{HISTORY}/{entity(kind)['id']}", None)
                await self._stream(caller, kind, shown=high)

    async def _noting(self, caller: str, kind: str, path: str, counted: bool | None) -> None:
        self._noted.clear()
        answer = await self.ask(caller, "GET", path)
        if counted is not None:
            assert answer.header("ngsild-results-count") == str(int(counted)), (caller, path)
        if self.judge(caller, answer.body, path) and caller == PERSON:
            assert (caller, entity(kind)["id"]) in self._noted, (caller, path)

    async def _stream(self, caller: str, kind: str, *, shown: bool) -> None:
        path = f"{EX}/stream?snapshot=true&type={kind}&q={quote(HIGH)}"
        headers = {"authorization": f"Bearer {caller}"}
        names = []
        async with self.client.stream(path, headers) as stream:
            while "synced" not in names:
                event = await stream.event()
                self.judge(caller, repr(event.data).encode(), path)
                names.append(event.name)
        assert names.count("enter") == shown, (caller, kind, names)

    def _with(self, action: Action) -> list[str]:
        return [name for name in NAMES if self.model.may(name, action)]


def _steps(told: Any) -> list[tuple[Any, ...]]:
    return [(one["condition"], one["held"], one["code"]) for one in told["conditions"]]


def sid(owner: str, what: str, side: str) -> str:
    """Return the id of a subscription."""
    return f"urn:ngsi-ld:Subscription:{owner}-{what}-{'high' if side == '>' else 'low'}"


def parts(name: str) -> tuple[str, str, str]:
    """Return whose a subscription is, to what, and of which side."""
    owner, what, side = name.rpartition(":")[2].split("-")
    return owner, what, ">" if side == "high" else "<"


@asynccontextmanager
async def world(leave: Given) -> AsyncIterator[World]:
    """Run a world in which one client is signed in as a person."""
    guard = guard_of({PERSON: "hana"})
    async with running(MemoryStore(clock=Ticking()), guard=guard) as client:
        found = World(client, guard, Model(leave))
        await found.open()
        yield found


async def drive(leave: Given) -> None:
    """Let everybody look everywhere."""
    async with world(leave) as found:
        give(found.guard, leave)
        await found.prepared()
        await found.letters()
        await found.queued()
        await found.explained()
        await found.asked()
        await found.client.broker.store.prune("2030-01-01T00:00:00.000000Z")
        await found.explained()
        give(found.guard, ())
        for what, message in found.sent:
            assert what == "sources" or not message.holds()


some = partial(Leave, kinds=frozenset(("Tree",)))
READ, BOTH = frozenset((Action.READ,)), frozenset((Action.READ, Action.SUBSCRIBE))
RULING = frozenset((Action.SUBSCRIBE, Action.ADMINISTER))
ALL_SIDES: Given = (
    Leave("one", BOTH),
    some("two", BOTH | RULING, attribute=NAME),
    Leave("two", READ, frozenset(("Lamp",))),
    Leave("three", RULING),
)
BLIND: Given = (
    Leave("one", BOTH, frozenset(("Lamp",))),
    Leave("two", BOTH | RULING),
    Leave("three", BOTH | RULING, attribute=NAME),
)


@given(LEAVES)
@example(ALL_SIDES)
@example(BLIND)
@pytest.mark.timeout(effort(quick=300, long=7200))
@settings(max_examples=effort(quick=1, long=200), phases=(Phase.explicit, Phase.generate))
def test_nobody_tells_hidden_values_apart(leave: Given):
    asyncio.run(drive(leave))
