"""Whatever policies are in force, whatever is agreed to and withdrawn: no exit tells too much.

Policies are drawn, and change while the town runs; so do consents, purposes and data. Every value
is unique and names in its digits whose it is, so whoever shows it is found by its text. What may
be shown is said by a plain model (`tests.support.drawn`). Live streams and notifications are heard
after each step, all other exits are asked at the end: reads, lists, joins, counts, history, its
figures, counts of people, streams that resume, WebSockets, transactions, letters, explanations.
"""

import asyncio
import re
from collections.abc import AsyncIterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from aiohttp import web
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from broker.api.sockets import Sockets
from broker.api.websocket import ABORT
from broker.settings import Settings
from broker.store.memory import MemoryStore
from consent.policies.load import rules
from tests.support.asgi import Answer, Stream, Ticking
from tests.support.drawn import (
    ATTRIBUTES,
    CALLERS,
    DRAWN,
    GRANT,
    OTHER,
    PEOPLE,
    PERSONAL,
    RECIPIENT,
    RIVER,
    SCOPES,
    SHARED,
    Drawn,
    Model,
    Policies,
    entity_id,
)
from tests.support.exits import (
    COUNTED,
    EX,
    FOLLOWED,
    GAUGE,
    JOINED,
    LETTERS,
    LINKED,
    NO_PATH,
    PASSED,
    V1,
    exits,
    to_all,
)
from tests.support.patience import PATIENCE
from tests.support.persons import (
    ENTITIES,
    FEW,
    RESCUE,
    RSSI,
    TAG,
    Town,
    attributes,
    holder,
    town,
)
from tests.support.receivers import Got, Receiver, receiver
from tests.support.runs import effort

VALUE = re.compile(rb"(?<![\w.])7([01])([012])([01])([0-9]{5})(?!\w)")
"""Person, type, attribute, and a number that was never used before."""
DEAD = 100
"""What is added to a receiver's number so that it refuses for good."""


class World:
    """A town, the model of it, and everybody who listens."""

    def __init__(self, made: Town, heard: Receiver, model: Model) -> None:
        self.made = made
        self.heard = heard
        self.model = model
        self.seen: set[str] = set()
        """Exits that showed values."""
        self._number = 0
        self._issued: set[int] = set()
        self._mark = 0
        self._consents: dict[tuple[str, str], str] = {}
        self._streams: list[Stream] = []

    async def open(self, stack: AsyncExitStack) -> None:
        """Make purposes, an entity of each type about each person, subscriptions, and streams."""
        await self.made.approve()
        for purpose, kinds in SCOPES.items():
            shared = list(SHARED[purpose]) if purpose == FEW else []
            offered: dict[str, Any] = {
                "recipients": [f"client:{RECIPIENT[purpose]}", "client:counts"],
                "entityScope": {"types": list(kinds)},
                "dataCategories": [{"category": "some", "attributes": shared}],
            }
            await self.made.make(self.made.purpose(purpose, **offered))
        for person in PEOPLE:
            for kind in PERSONAL:
                body = {"id": entity_id(kind, person), "type": kind, LINKED: to_all()}
                body |= attributes(refHolder=holder(person), **self._values(kind, person), **PASSED)
                await self.made.make(body, "tags")
        await self.made.make({"id": GAUGE, "type": RIVER, LINKED: to_all(), **attributes(rssi=0)})
        for at, (caller, purpose) in enumerate(CALLERS):
            if caller and ":" not in caller:
                for receiver in (at, at + DEAD):
                    await self._subscribe(caller, purpose, receiver, {}, *PERSONAL)
                await self._subscribe(caller, purpose, at, JOINED, RIVER)
            path = f"{EX}/stream?snapshot=true&type={FOLLOWED}"
            self._streams.append(
                await stack.enter_async_context(
                    self.made.client.stream(path, _headers(caller, purpose))
                )
            )
        await self._settle()

    async def _subscribe(
        self, caller: str, purpose: str, at: int, more: dict[str, Any], *kinds: str
    ) -> None:
        body = {
            "type": "Subscription",
            "entities": [{"type": kind} for kind in kinds],
            "notification": {"endpoint": {"uri": f"{self.heard.url}{at}"}, **more},
        }
        answer = await self._ask(caller, purpose, "POST", f"{V1}/subscriptions", body)
        assert answer.status == 201, answer.body

    def _values(self, kind: str, person: str) -> dict[str, Any]:
        self._number += 1
        self._issued.add(self._number)
        whose = f"7{PEOPLE.index(person)}{PERSONAL.index(kind)}"
        numbers = [int(f"{whose}{attribute}{self._number:05}") for attribute in range(2)]
        return {"rssi": numbers[0], "tagRef": str(numbers[1])}

    async def step(self, what: str, person: str, purpose: str, kind: str) -> None:
        """Let something happen, and find nothing in what was told of it that is not covered."""
        place = (person, purpose)
        if what == "agree" and place not in self._consents and purpose not in self.model.suspended:
            self._number += 1
            told = self.made.consent(person, purpose)
            told["id"] += f"-{self._number}"
            await self.made.make(told, f"account:{person}")
            self._consents[place] = told["id"]
            self.model.agreed.add(place)
        elif what == "withdraw" and place in self._consents:
            end = attributes(state="withdrawn", withdrawnAt=self.made.now())
            path = f"{ENTITIES}/{self._consents.pop(place)}/attrs"
            await self._write(f"account:{person}", "POST", path, end)
            self.model.agreed.discard(place)
        elif what in ("suspend", "resume"):
            status = "suspended" if what == "suspend" else "active"
            await self._write("admin", "PATCH", f"{ENTITIES}/{purpose}/attrs", {"status": status})
            change = self.model.suspended.add if what == "suspend" else self.model.suspended.discard
            change(purpose)
        elif what == "retire":
            self.model.policies.drawn[:1] = []
            decide = [*self.model.policies.documents(), COUNTED]
            self.made.guard.decide_by(rules(decide, str))
        else:
            body = attributes(**self._values(kind, person))
            await self._write("tags", "POST", f"{ENTITIES}/{entity_id(kind, person)}/attrs", body)
        await self._settle()

    async def _settle(self) -> None:
        """Hear everything out, and judge it."""
        mark = await self._set_mark()
        for stream, (caller, purpose) in zip(self._streams, CALLERS, strict=True):
            await self._drain(stream, caller, purpose, mark, "stream")
        await self._quiet()
        for got in self.heard.got:
            caller, purpose = CALLERS[int(re.findall(r"\d+$", got.path)[0]) % DEAD]
            where = "joined notification" if GAUGE.encode() in got.body else "notification"
            self._judge(caller, purpose, got.body, where)
        self.heard.got.clear()

    async def _set_mark(self) -> int:
        """Change what everybody may see, so that whoever hears of it has heard all before."""
        self._mark += 1
        path = f"{ENTITIES}/{GAUGE}/attrs"
        await self._write("admin", "POST", path, attributes(rssi=self._mark))
        return self._mark

    async def _drain(
        self, stream: Stream, caller: str, purpose: str, mark: int, where: str
    ) -> None:
        while True:
            event = await stream.event()
            self._judge(caller, purpose, orjson.dumps(event.data), f"{where} {event.name}")
            if _marked(event.data, mark):
                return

    async def _quiet(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self.made.ask("GET", f"{EX}/books", "admin")
                if not found.json()["all"]["waiting"]:
                    return
                await asyncio.sleep(0.001)

    async def look(self) -> None:
        """Ask every exit as every caller."""
        mark = await self._set_mark()
        for caller, purpose in CALLERS:
            for method, path, body in exits():
                answer = await self._ask(caller, purpose, method, path, body)
                assert answer.status < 500, (method, path, answer.body)
                assert NO_PATH not in answer.body, path
                self._judge(caller, purpose, answer.body, path)
            await self._count(caller, purpose)
            await self._linked(caller, purpose)
            await self._people(caller, purpose)
            await self._check(caller, purpose)
            await self._figures(caller, purpose)
            await self._letters(caller, purpose)
            path = f"{EX}/stream?type={FOLLOWED}&lastEventId=0"
            async with self.made.client.stream(path, _headers(caller, purpose)) as stream:
                await self._drain(stream, caller, purpose, mark, "resumed stream")
            await self._socket(caller, purpose, mark)

    def _judge(self, caller: str, purpose: str, text: bytes, where: str) -> None:
        """Want every value in a text to be covered."""
        for person, kind, attribute, number in VALUE.findall(text):
            if int(number) in self._issued:
                whose = PEOPLE[int(person)], PERSONAL[int(kind)], ATTRIBUTES[int(attribute)]
                assert self._shows(caller, purpose, *whose, raw=True), (where, caller, *whose)
                self.seen.add(where)

    def _shows(
        self,
        caller: str,
        purpose: str,
        person: str,
        kind: str,
        attribute: str | None,
        *,
        raw: bool = False,
    ) -> bool:
        return self.model.shows(caller, purpose, kind, person, attribute, raw=raw)

    async def _count(self, caller: str, purpose: str) -> None:
        """Counts by conditions on values must not tell more than the values that are shown."""
        for kind in PERSONAL:
            asked = f"{ENTITIES}?type={quote(kind, safe='')}&count=true&limit=0"
            for attribute in (None, *ATTRIBUTES):
                more = "" if attribute is None else f"&q={quote(attribute, safe='')}"
                answer = await self._ask(caller, purpose, "GET", asked + more)
                counted = int(answer.header("ngsild-results-count") or 0)
                shown = [self._shows(caller, purpose, one, kind, attribute) for one in PEOPLE]
                assert counted <= sum(shown), (caller, kind, attribute)

    async def _linked(self, caller: str, purpose: str) -> None:
        """Conditions on linked entities must not tell more than the values that are shown."""
        for attribute in ATTRIBUTES:
            q = quote(f"{LINKED}{{{attribute}}}", safe="")
            path = f"{ENTITIES}?type={quote(RIVER, safe='')}&join=inline&q={q}&count=true&limit=0"
            answer = await self._ask(caller, purpose, "GET", path)
            assert answer.status == 200, answer.body
            counted = int(answer.header("ngsild-results-count") or 0)
            every = [(one, kind) for one in PEOPLE for kind in PERSONAL]
            assert counted <= any(self._shows(caller, purpose, *one, attribute) for one in every)

    async def _people(self, caller: str, purpose: str) -> None:
        """A table of people tells nothing of a few."""
        path = f"{EX}/counts/{COUNTED['id']}?day={PASSED['dateObserved'][:10]}"
        answer = await self._ask(caller, purpose, "GET", path)
        assert answer.json()["counts"] == []

    async def _check(self, caller: str, purpose: str) -> None:
        """A transaction's precondition on a value must not tell whether there is one."""
        for person in PEOPLE:
            for kind in PERSONAL:
                subject = {"op": "check", "id": entity_id(kind, person)}
                for attribute in ATTRIBUTES:
                    body = {"operations": [{**subject, "q": attribute}]}
                    path = f"{EX}/transactions"
                    answer = await self._ask(caller, purpose, "POST", path, body)
                    if answer.status < 300:
                        assert self._shows(caller, purpose, person, kind, attribute)
                if not self._shows(caller, purpose, person, kind, None):
                    await self._as_absent(caller, purpose, entity_id(kind, person))

    async def _as_absent(self, caller: str, purpose: str, hidden: str) -> None:
        """Want a precondition on a hidden entity to fail as that on one that is not there."""
        told = []
        for wanted in (hidden, "urn:ngsi-ld:Absent:1"):
            body = {"operations": [{"op": "check", "id": wanted, "ifMatch": "v9999"}]}
            answer = await self._ask(caller, purpose, "POST", f"{EX}/transactions", body)
            told.append((answer.status, answer.body.replace(wanted.encode(), b"")))
        assert told[0] == told[1], (caller, hidden)

    async def _figures(self, caller: str, purpose: str) -> None:
        """Lists of types and attributes count no more than what is shown."""
        for kind in PERSONAL:
            path = f"{V1}/types/{quote(kind, safe='')}"
            answer = await self._ask(caller, purpose, "GET", path)
            shown = sum(self._shows(caller, purpose, one, kind, None) for one in PEOPLE)
            if answer.status == 200:
                assert answer.json()["entityCount"] <= shown
                assert shown
        names = (await self._ask(caller, purpose, "GET", f"{V1}/types")).body.decode()
        for kind in PERSONAL:
            if kind in names:
                assert any(self._shows(caller, purpose, one, kind, None) for one in PEOPLE)
        path = f"{V1}/attributes/{quote(OTHER, safe='')}"
        answer = await self._ask(caller, purpose, "GET", path)
        if answer.status == 200:
            every = [(one, kind) for one in PEOPLE for kind in PERSONAL]
            shown = sum(self._shows(caller, purpose, *one, OTHER) for one in every)
            assert answer.json()["attributeCount"] <= shown

    async def _letters(self, caller: str, purpose: str) -> None:
        """Look at every dead letter, whoever's it is."""
        letters, _ = await self.made.client.broker.store.outbox.dead_letters(limit=1000)
        for letter in letters:
            path = f"{LETTERS}/{letter.sid}-{letter.row.seq}"
            answer = await self._ask(caller, purpose, "GET", path)
            self._judge(caller, purpose, answer.body, "dead letter")

    async def _socket(self, caller: str, purpose: str, mark: int) -> None:
        """Follow everything over a WebSocket, from now and from the beginning."""
        asked: list[dict[str, Any]] = [{"snapshot": True}, {"after": 0}]
        messages: list[dict[str, Any]] = [{"type": "websocket.connect"}]
        for number, parameters in enumerate(asked):
            text = orjson.dumps(
                {"op": "subscribe", "stream": str(number), "type": [*PERSONAL, RIVER]} | parameters
            ).decode()
            messages.append({"type": "websocket.receive", "text": text})
        marked: set[str] = set()
        whole = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop(0)
            await whole.wait()
            return {"type": "websocket.disconnect", "code": 1000}

        async def send(message: MutableMapping[str, Any]) -> None:
            if "text" in message:
                self._judge(caller, purpose, message["text"].encode(), "WebSocket")
                event = orjson.loads(message["text"])
                assert event["event"] != "error", event
                if _marked(event.get("data"), mark):
                    marked.add(event["stream"])
                if len(marked) == len(asked):
                    whole.set()

        headers = [
            (name.replace("_", "-").encode(), value.encode())
            for name, value in _headers(caller, purpose).items()
        ]
        scope: MutableMapping[str, Any] = {
            "type": "websocket",
            "headers": headers,
            "query_string": b"",
            "extensions": {ABORT: lambda: None},
        }
        async with asyncio.timeout(PATIENCE):
            await Sockets(self.made.client.broker)(scope, receive, send)
        assert whole.is_set()

    async def _write(self, caller: str, method: str, path: str, body: Any) -> None:
        answer = await self.made.ask(method, path, caller, body)
        assert answer.status == 204, answer.body

    async def _ask(
        self, caller: str, purpose: str, method: str, path: str, body: Any = None
    ) -> Answer:
        headers = {"machi_purpose": purpose} if purpose else {}
        return await self.made.ask(method, path, caller, body, **headers)


def _headers(caller: str, purpose: str) -> dict[str, str]:
    found = {"authorization": f"Bearer {caller}"} if caller else {}
    return found | ({"machi-purpose": purpose} if purpose else {})


def _marked(data: Any, mark: int) -> bool:
    """Tell whether an event says that the gauge has a mark."""
    told = data.get("entity") if isinstance(data, dict) else None
    return isinstance(told, dict) and told["id"] == GAUGE and told[RSSI]["value"] == mark


async def _reply(got: Got) -> web.StreamResponse:
    """Take notifications, but refuse those for good that shall be dead letters."""
    number = int(re.findall(r"\d+$", got.path)[0])
    return web.Response(status=410 if number >= DEAD else 200)


@asynccontextmanager
async def world(folder: Path, policies: Policies) -> AsyncIterator[World]:
    """Run a world."""
    options = Settings(context_timeout=PATIENCE, allow_egress=("127.0.0.0/8",))
    store = MemoryStore(clock=Ticking())
    async with (
        receiver(_reply) as heard,
        town(store, folder, [*policies.documents(), COUNTED], options, counting=True) as made,
        AsyncExitStack() as stack,
    ):
        found = World(made, heard, Model(policies))
        await found.open(stack)
        yield found


async def drive(folder: Path, policies: Policies, steps: list[tuple[str, str, str, str]]) -> None:
    """Run a world through steps, and look at it."""
    async with world(folder, policies) as found:
        for step in steps:
            await found.step(*step)
        await found.look()


async def test_every_exit_is_heard_and_asked(tmp_path: Path):
    async with world(tmp_path, Policies(frozenset(), [])) as found:
        for step in TOLD:
            await found.step(*step)
        await found.look()
    live = {
        "notification",
        "joined notification",
        "stream enter",
        "stream update",
        "resumed stream update",
        "WebSocket",
    }
    live |= {"dead letter"}
    none = ("/types", "/attributes", "/subscriptions", "/explain", "/counts", LETTERS)
    asked = {path for _, path, _ in exits() if not any(part in path for part in none)}
    assert found.seen >= live | asked


WHAT = ("agree", "agree", "agree", "withdraw", "change", "change", "suspend", "resume", "retire")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(WHAT),
        st.sampled_from(PEOPLE),
        st.sampled_from(sorted(RECIPIENT)),
        st.sampled_from(PERSONAL),
    ),
    min_size=1,
    max_size=5,
)
TOLD = [
    ("agree", "hana", RESCUE, TAG),
    ("change", "hana", RESCUE, TAG),
    ("agree", "taro", FEW, GRANT),
    ("withdraw", "hana", RESCUE, TAG),
    ("change", "hana", RESCUE, TAG),
    ("change", "taro", FEW, GRANT),
]
CHANGED = Drawn("contractBound", True, frozenset({TAG}), None, "client:app", "drop", None)


@given(st.frozensets(st.sampled_from(PERSONAL)), DRAWN, STEPS)
@example(frozenset(), [], TOLD)
@example(frozenset({TAG}), [CHANGED], TOLD)
@pytest.mark.timeout(effort(quick=300, long=7200))
@settings(max_examples=effort(quick=1, long=150), phases=(Phase.explicit, Phase.generate))
def test_no_exit_tells_what_is_not_covered(
    tmp_path_factory: pytest.TempPathFactory,
    split: frozenset[str],
    drawn: list[Drawn],
    steps: list[tuple[str, str, str, str]],
):
    asyncio.run(drive(tmp_path_factory.mktemp("world"), Policies(split, list(drawn)), steps))
