"""Whoever has leave to do what: nobody does anything else, and nobody learns more from a refusal.

Leave is drawn. What nobody gave leave for is tried on every route, by everybody. It must be refused
before anything is looked up, so in the same words whether there is something or not; and who may
not see an entity must be answered as if it were not there.
"""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode

import orjson
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from broker.api.routes import TABLE
from broker.api.sockets import Sockets
from broker.api.websocket import ABORT
from broker.guard import Action
from broker.store.memory import MemoryStore
from broker.store.sqlite import SqliteStore
from consent.guard import PolicyGuard
from tests.support.asgi import ABSENT, Answer, Client, Ticking, running
from tests.support.asked import ASKED, DETAILS, UNASKED
from tests.support.deeds import (
    ENTITIES,
    EX,
    SOURCES,
    SUBSCRIPTIONS,
    Deed,
    beside,
    changing,
    making,
    on,
    source,
    subscription,
    upsert_history,
)
from tests.support.leave import (
    ADMIN,
    CALLERS,
    EVERYTHING,
    HEIGHT,
    KINDS,
    LEAVES,
    NAMES,
    WRITES,
    Given,
    Leave,
    Model,
    entity,
    give,
    guard_of,
)
from tests.support.patience import PATIENCE
from tests.support.runs import effort

SECRET = "of-the-source-only"
VALUES = {"Tree": 7100001, "Lamp": 7200002}
READERS = tuple(Leave(name, frozenset((Action.READ,))) for name in NAMES)


class World:
    """A town with an entity of each kind, and what somebody may do in it."""

    def __init__(self, client: Client, guard: PolicyGuard, model: Model) -> None:
        self.client = client
        self.guard = guard
        self.model = model

    async def open(self) -> None:
        """Make the entities, a subscription of everybody's, and a source with a secret."""
        await self.client.broker.delivery.close()
        give(self.guard, EVERYTHING)
        for kind in KINDS:
            told = entity(kind, **{HEIGHT: VALUES[kind]})
            assert (await self.ask(ADMIN, "POST", ENTITIES, told)).status == 201
        for name in NAMES:
            body = subscription(own(name), entities=[{"type": "Tree"}])
            assert (await self.ask(name, "POST", SUBSCRIPTIONS, body)).status == 201
        info = [{"key": "Authorization", "value": SECRET}]
        answer = await self.ask(ADMIN, "POST", SOURCES, source("Far", contextSourceInfo=info))
        assert answer.status == 201, answer.body
        give(self.guard, self.model.given)

    async def ask(
        self, caller: str, method: str, path: str, body: Any = ABSENT, **headers: str
    ) -> Answer:
        """Send a request with a key."""
        headers |= {"authorization": f"Bearer {caller}"}
        return await self.client.request(method, path, headers, json=body)

    async def do(self, caller: str, deed: Deed) -> Answer:
        """Do something."""
        if deed.route == "stream":
            headers = {"authorization": f"Bearer {caller}"}
            async with self.client.stream(deed.path, headers) as stream:
                return stream.head
        return await self.ask(caller, deed.method, deed.path, deed.body)

    def missing(self, caller: str, deed: Deed) -> Action | None:
        """Return the first thing that must be allowed for a deed and is allowed nowhere."""
        return next((one for one in deed.actions if not self.model.may(caller, one)), None)

    async def refused(self, caller: str, deed: Deed) -> None:
        """Want what may be done nowhere to be refused before anything is looked up."""
        missing = self.missing(caller, deed)
        if missing is None:
            return
        answer = await self.do(caller, deed)
        if deed.route == "stream":
            assert answer.status == 403, (caller, deed)
            return
        words = f"This caller may not {missing} anything here."
        assert words.encode() in answer.body, (caller, deed, answer.body)

    async def on_entities(self, caller: str) -> None:
        """Want deeds on entities to be refused where there is no leave for their kind."""
        for kind in KINDS:
            for there, absent in zip(on(kind, 1), on(kind, "none"), strict=True):
                await self.refused(caller, absent)
                if not self.model.may(caller, Action.READ, kind):
                    await self._as_absent(caller, kind, there, absent)
                elif WRITES.intersection(there.actions):
                    await self._kept(caller, kind, there)
            for deed in making(kind, "new"):
                await self.refused(caller, deed)
                await self._kept(caller, kind, deed)
            hidden = not self.model.may(caller, Action.READ, kind)
            if hidden and not self.model.may(caller, Action.CREATE):
                there, absent = (upsert_history(Action.CREATE, kind, at) for at in (1, "none"))
                await self._as_absent(caller, kind, there, absent)
            for deed in () if hidden else changing(kind, 1):
                await self._kept(caller, kind, deed)

    async def _as_absent(self, caller: str, kind: str, there: Deed, absent: Deed) -> None:
        """Want what is hidden to be as what is not there."""
        told = []
        for deed, named in ((there, entity(kind)["id"]), (absent, entity(kind, "none")["id"])):
            answer = await self.do(caller, deed)
            told.append((answer.status, answer.body.replace(named.encode(), b"")))
        assert told[0] == told[1], (caller, there)

    async def _kept(self, caller: str, kind: str, deed: Deed) -> None:
        """Want a write of a kind there is no leave for to be refused, and nothing written."""
        first = deed.actions[0]
        if self.missing(caller, deed) is not None or self.model.may(caller, first, kind):
            return
        before = self.client.broker.store.span()[1]
        answer = await self.do(caller, deed)
        absent = first is not Action.CREATE and not self.model.shows(caller, kind, HEIGHT)
        assert absent or b"This caller may not " in answer.body, (caller, deed, answer.body)
        assert self.client.broker.store.span()[1] == before, (caller, deed)

    async def beside_entities(self, caller: str) -> None:
        """Want everything else to be refused too, and to show no more than there is leave for."""
        for deed in beside(own(caller), "None"):
            await self.refused(caller, deed)
        await self._subscriptions(caller)
        await self._sources(caller)
        await self._explained(caller)
        await self._forms(caller)
        await self._tenants(caller)

    async def _subscriptions(self, caller: str) -> None:
        """Others' subscriptions are there for administrators, or where nothing is hidden."""
        if not self.model.may(caller, Action.SUBSCRIBE):
            return
        every = self.guard.transparent or self.model.may(caller, Action.ADMINISTER)
        listed = (await self.ask(caller, "GET", SUBSCRIPTIONS)).json()
        assert {one["id"] for one in listed} == {own(name) for name in NAMES if every} | {
            own(caller)
        }
        for name in NAMES:
            answer = await self.ask(caller, "GET", f"{SUBSCRIPTIONS}/{own(name)}")
            assert answer.status == (200 if every or name == caller else 404)

    async def _sources(self, caller: str) -> None:
        """What goes to a source only administrators see, and of hidden entities not even they."""
        administers = self.model.may(caller, Action.ADMINISTER)
        if self.model.may(caller, Action.READ):
            answer = await self.ask(caller, "GET", f"{SOURCES}?type=Far")
            assert (SECRET.encode() in answer.body) == administers
        if not administers:
            return
        for kind in KINDS:
            named = [{"entities": [entity(kind)], "propertyNames": [HEIGHT]}]
            one = {"information": named}
            for mode, more, seen in (("redirect", {}, ()), ("exclusive", one, (HEIGHT,))):
                answer = await self.ask(caller, "POST", SOURCES, source(kind, mode=mode, **more))
                sees = self.model.shows(caller, kind, *seen)
                assert answer.status == (409 if sees else 201), (caller, mode, answer.body)
                if not sees:
                    path = answer.header("location") or ""
                    assert (await self.ask(caller, "DELETE", path)).status == 204

    async def _explained(self, caller: str) -> None:
        """How a query was answered is told administrators only, and nothing of what is hidden."""
        if not self.model.may(caller, Action.READ):
            return
        for kind in KINDS:
            answer = await self.ask(caller, "GET", f"{EX}/explain/query?type={kind}")
            plan = answer.json()["plan"]
            if self.model.may(caller, Action.ADMINISTER):
                assert plan["found"] == self.model.may(caller, Action.READ, kind)
            else:
                assert plan is None

    async def _forms(self, caller: str) -> None:
        """The buttons of the operator's page are for administrators only."""
        if self.model.may(caller, Action.ADMINISTER):
            return
        token = self.client.broker.forms.token(cast("Any", SimpleNamespace(headers={})))
        for what in ("replay", "discard"):
            fields = urlencode({"token": token, "subscriptionId": own(caller)}).encode()
            answer = await self.client.request(
                "POST",
                f"/operator/{what}",
                {
                    "authorization": f"Bearer {caller}",
                    "content-type": "application/x-www-form-urlencoded",
                },
                body=fields,
            )
            assert b"may not administer anything here" in answer.body, (caller, answer.body)

    async def _tenants(self, caller: str) -> None:
        """Where things are hidden, only administrators make a tenant by what is no entity."""
        if self.guard.transparent or self.model.may(caller, Action.ADMINISTER):
            return
        for deed in beside(own(caller), "None"):
            if deed.route in ("create_subscription", "add_context"):
                path, body = deed.path, deed.body
                answer = await self.ask(caller, "POST", path, body, **{"ngsild-tenant": "new"})
                assert answer.status in (403, 404), (caller, deed)
        assert "new" not in await self.client.broker.store.tenants()

    async def shown(self, caller: str) -> None:
        """Want values to be shown to readers only."""
        for kind in KINDS:
            for path in (f"{ENTITIES}/{entity(kind)['id']}", f"{ENTITIES}?type={kind}&count=true"):
                answer = await self.ask(caller, "GET", path)
                found = str(VALUES[kind]).encode() in answer.body
                assert found == self.model.shows(caller, kind, HEIGHT), (caller, path)

    async def socket(self, caller: str) -> None:
        """Want a stream on an open socket to be refused to who may not read any more."""
        heard: list[dict[str, Any]] = []
        told = asyncio.Event()
        asked = {"op": "subscribe", "stream": "a", "type": "Tree"}
        messages: list[dict[str, Any]] = [{"type": "websocket.connect"}]
        messages.append({"type": "websocket.receive", "text": orjson.dumps(asked).decode()})

        async def receive() -> dict[str, Any]:
            if len(messages) == 1:
                give(self.guard, ())
            if messages:
                return messages.pop(0)
            await told.wait()
            return {"type": "websocket.disconnect", "code": 1000}

        async def send(message: MutableMapping[str, Any]) -> None:
            if "text" in message:
                heard.append(orjson.loads(message["text"]))
                told.set()

        scope: MutableMapping[str, Any] = {
            "type": "websocket",
            "headers": [(b"authorization", f"Bearer {caller}".encode())],
            "query_string": b"",
            "extensions": {ABORT: lambda: None},
        }
        async with asyncio.timeout(PATIENCE):
            await Sockets(self.client.broker)(scope, receive, send)
        assert [(one["event"], one["data"]["status"]) for one in heard] == [("error", 403)]


def own(caller: str) -> str:
    """Return the id of somebody's subscription."""
    return f"urn:ngsi-ld:Subscription:{caller}"


@asynccontextmanager
async def world(leave: Given, folder: Path | None = None) -> AsyncIterator[World]:
    """Run a world; in a folder one whose guard hides nothing, so that updates go the short way."""
    clock = Ticking()
    store = MemoryStore(clock=clock) if folder is None else SqliteStore(folder, clock=clock)
    guard = guard_of({}, transparent=folder is not None)
    async with running(store, guard=guard) as client:
        found = World(client, guard, Model(leave))
        await found.open()
        yield found


async def drive(leave: Given, folder: Path | None) -> None:
    """Let everybody try everything."""
    async with world(leave, folder) as found:
        for caller in CALLERS:
            await found.on_entities(caller)
            await found.beside_entities(caller)
            await found.shown(caller)
        reader = next((name for name in NAMES if found.model.may(name, Action.READ)), None)
        if reader is not None:
            await found.socket(reader)


def test_every_route_asks_or_says_why_not():
    assert {route.name for route in TABLE.routes} == {*ASKED, *UNASKED}


async def test_administrator_does_all_that_routes_ask_for():
    async with world(()) as found:
        deeds = [
            *making("Tree", "new"),
            *changing("Tree", 1),
            *on("Tree", 1),
            *beside(own("one"), "None"),
        ]
        for deed in deeds:
            answer = await found.do(ADMIN, deed)
            assert b"This caller may not " not in answer.body, (deed, answer.body)
    tried = {(deed.route, action) for deed in deeds for action in deed.actions}
    asked = {(route, action) for route, actions in ASKED.items() for action in actions}
    assert tried == asked - DETAILS


ONE_EACH = (
    Leave("one", frozenset((Action.CREATE, Action.READ, Action.ADMINISTER)), frozenset(("Tree",))),
    Leave("two", frozenset((Action.UPDATE, Action.DELETE)), frozenset(("Tree",))),
    Leave("two", frozenset((Action.CREATE,)), frozenset(("Lamp",))),
    Leave("two", frozenset((Action.READ,))),
    Leave("three", frozenset((Action.SUBSCRIBE, Action.UPDATE, Action.DELETE))),
)


@given(LEAVES, st.booleans())
@example(ONE_EACH, False)
@example(ONE_EACH, True)
@pytest.mark.timeout(effort(quick=300, long=7200))
@settings(max_examples=effort(quick=1, long=200), phases=(Phase.explicit, Phase.generate))
def test_nobody_does_what_there_is_no_leave_for(
    tmp_path_factory: pytest.TempPathFactory, leave: Given, transparent: bool
):
    if transparent:
        open_to_all = (one for one in leave if one.permits or Action.READ not in one.actions)
        asyncio.run(drive((*READERS, *open_to_all), tmp_path_factory.mktemp("world")))
    else:
        asyncio.run(drive(leave, None))
