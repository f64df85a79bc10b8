"""Whatever policies are in force, whatever is agreed to and withdrawn: no exit tells too much.

Policies are drawn, and change while the town runs; so do consents, purposes and data. Every value
is unique and names in its digits whose it is, so whoever shows it is found by its text. What may
be shown is said by a plain model (`tests.support.drawn`). Live streams and notifications are heard
after each step, all other exits are asked at the end: reads, lists, joins, counts, history, its
figures, counts of people, streams that resume, WebSockets, transactions, letters, explanations.
"""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from broker.api.sockets import Sockets
from broker.api.websocket import ABORT
from broker.settings import Settings
from broker.store.memory import MemoryStore
from tests.support.asgi import Ticking
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
    Drawn,
    Model,
    Policies,
    entity_id,
)
from tests.support.exits import (
    COUNTED,
    EX,
    FOLLOWED,
    LETTERS,
    LINKED,
    NO_PATH,
    PASSED,
    V1,
    exits,
)
from tests.support.patience import PATIENCE
from tests.support.persons import (
    ENTITIES,
    FEW,
    RESCUE,
    TAG,
    town,
)
from tests.support.receivers import receiver
from tests.support.runs import effort
from tests.support.watched import Watched, headers_of, is_marked, refuse_some


class World(Watched):
    """Such a town, of which every exit is asked."""

    async def look(self) -> None:
        """Ask every exit as every caller."""
        mark = await self.set_mark()
        for caller, purpose in CALLERS:
            for method, path, body in exits():
                answer = await self.ask(caller, purpose, method, path, body)
                assert answer.status < 500, (method, path, answer.body)
                assert NO_PATH not in answer.body, path
                self.judge(caller, purpose, answer.body, path)
            await self._count(caller, purpose)
            await self._linked(caller, purpose)
            await self._people(caller, purpose)
            await self._check(caller, purpose)
            await self._figures(caller, purpose)
            await self._letters(caller, purpose)
            path = f"{EX}/stream?type={FOLLOWED}&lastEventId=0"
            async with self.made.client.stream(path, headers_of(caller, purpose)) as stream:
                await self.drain(stream, caller, purpose, mark, "resumed stream")
            await self._socket(caller, purpose, mark)

    async def _count(self, caller: str, purpose: str) -> None:
        """Counts by conditions on values must not tell more than the values that are shown."""
        for kind in PERSONAL:
            asked = f"{ENTITIES}?type={quote(kind, safe='')}&count=true&limit=0"
            for attribute in (None, *ATTRIBUTES):
                more = "" if attribute is None else f"&q={quote(attribute, safe='')}"
                answer = await self.ask(caller, purpose, "GET", asked + more)
                counted = int(answer.header("ngsild-results-count") or 0)
                shown = [self.shows(caller, purpose, one, kind, attribute) for one in PEOPLE]
                assert counted <= sum(shown), (caller, kind, attribute)

    async def _linked(self, caller: str, purpose: str) -> None:
        """Conditions on linked entities must not tell more than the values that are shown."""
        for attribute in ATTRIBUTES:
            q = quote(f"{LINKED}{{{attribute}}}", safe="")
            path = f"{ENTITIES}?type={quote(RIVER, safe='')}&join=inline&q={q}&count=true&limit=0"
            answer = await self.ask(caller, purpose, "GET", path)
            assert answer.status == 200, answer.body
            counted = int(answer.header("ngsild-results-count") or 0)
            every = [(one, kind) for one in PEOPLE for kind in PERSONAL]
            assert counted <= any(self.shows(caller, purpose, *one, attribute) for one in every)

    async def _people(self, caller: str, purpose: str) -> None:
        """A table of people tells nothing of a few."""
        path = f"{EX}/counts/{COUNTED['id']}?day={PASSED['dateObserved'][:10]}"
        answer = await self.ask(caller, purpose, "GET", path)
        assert answer.json()["counts"] == []

    async def _check(self, caller: str, purpose: str) -> None:
        """A transaction's precondition on a value must not tell whether there is one."""
        for person in PEOPLE:
            for kind in PERSONAL:
                subject = {"op": "check", "id": entity_id(kind, person)}
                for attribute in ATTRIBUTES:
                    body = {"operations": [{**subject, "q": attribute}]}
                    path = f"{EX}/transactions"
                    answer = await self.ask(caller, purpose, "POST", path, body)
                    if answer.status < 300:
                        assert self.shows(caller, purpose, person, kind, attribute)
                if not self.shows(caller, purpose, person, kind, None):
                    await self._as_absent(caller, purpose, entity_id(kind, person))

    async def _as_absent(self, caller: str, purpose: str, hidden: str) -> None:
        """Want a precondition on a hidden entity to fail as that on one that is not there."""
        told = []
        for wanted in (hidden, "urn:ngsi-ld:Absent:1"):
            body = {"operations": [{"op": "check", "id": wanted, "ifMatch": "v9999"}]}
            answer = await self.ask(caller, purpose, "POST", f"{EX}/transactions", body)
            told.append((answer.status, answer.body.replace(wanted.encode(), b"")))
        assert told[0] == told[1], (caller, hidden)

    async def _figures(self, caller: str, purpose: str) -> None:
        """Lists of types and attributes count no more than what is shown."""
        for kind in PERSONAL:
            path = f"{V1}/types/{quote(kind, safe='')}"
            answer = await self.ask(caller, purpose, "GET", path)
            shown = sum(self.shows(caller, purpose, one, kind, None) for one in PEOPLE)
            if answer.status == 200:
                assert answer.json()["entityCount"] <= shown
                assert shown
        names = (await self.ask(caller, purpose, "GET", f"{V1}/types")).body.decode()
        for kind in PERSONAL:
            if kind in names:
                assert any(self.shows(caller, purpose, one, kind, None) for one in PEOPLE)
        path = f"{V1}/attributes/{quote(OTHER, safe='')}"
        answer = await self.ask(caller, purpose, "GET", path)
        if answer.status == 200:
            every = [(one, kind) for one in PEOPLE for kind in PERSONAL]
            shown = sum(self.shows(caller, purpose, *one, OTHER) for one in every)
            assert answer.json()["attributeCount"] <= shown

    async def _letters(self, caller: str, purpose: str) -> None:
        """Look at every dead letter, whoever's it is."""
        letters, _ = await self.made.client.broker.store.outbox.dead_letters(limit=1000)
        for letter in letters:
            path = f"{LETTERS}/{letter.sid}-{letter.row.seq}"
            answer = await self.ask(caller, purpose, "GET", path)
            self.judge(caller, purpose, answer.body, "dead letter")

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
                self.judge(caller, purpose, message["text"].encode(), "WebSocket")
                event = orjson.loads(message["text"])
                assert event["event"] != "error", event
                if is_marked(event.get("data"), mark):
                    marked.add(event["stream"])
                if len(marked) == len(asked):
                    whole.set()

        headers = [
            (name.replace("_", "-").encode(), value.encode())
            for name, value in headers_of(caller, purpose).items()
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


@asynccontextmanager
async def world(folder: Path, policies: Policies) -> AsyncIterator[World]:
    """Run a world."""
    options = Settings(context_timeout=PATIENCE, allow_egress=("127.0.0.0/8",))
    store = MemoryStore(clock=Ticking())
    async with (
        receiver(refuse_some) as heard,
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
