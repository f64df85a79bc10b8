"""A town with drawn policies in which everybody listens, and all that is heard is judged."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from typing import Any

import orjson
from aiohttp import web

from consent.policies.load import rules
from tests.support.asgi import Answer, Stream
from tests.support.drawn import (
    ATTRIBUTES,
    CALLERS,
    PEOPLE,
    PERSONAL,
    RECIPIENT,
    RIVER,
    SCOPES,
    SHARED,
    Model,
    entity_id,
)
from tests.support.exits import (
    COUNTED,
    EX,
    FOLLOWED,
    GAUGE,
    JOINED,
    LINKED,
    PASSED,
    V1,
    to_all,
)
from tests.support.patience import PATIENCE
from tests.support.persons import (
    ENTITIES,
    FEW,
    RSSI,
    Town,
    attributes,
    holder,
)
from tests.support.receivers import Got, Receiver

VALUE = re.compile(rb"(?<![\w.])7([01])([012])([01])([0-9]{5})(?!\w)")
"""Person, type, attribute, and a number that was never used before."""
DEAD = 100
"""What is added to a receiver's number so that it refuses for good."""


class Watched:
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
                    self.made.client.stream(path, headers_of(caller, purpose))
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
        answer = await self.ask(caller, purpose, "POST", f"{V1}/subscriptions", body)
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
            await self.write(f"account:{person}", "POST", path, end)
            self.model.agreed.discard(place)
        elif what in ("suspend", "resume"):
            status = "suspended" if what == "suspend" else "active"
            await self.write("admin", "PATCH", f"{ENTITIES}/{purpose}/attrs", {"status": status})
            change = self.model.suspended.add if what == "suspend" else self.model.suspended.discard
            change(purpose)
        elif what == "retire":
            self.model.policies.drawn[:1] = []
            decide = [*self.model.policies.documents(), COUNTED]
            self.made.guard.decide_by(rules(decide, str))
        else:
            body = attributes(**self._values(kind, person))
            path = f"{ENTITIES}/{entity_id(kind, person)}/attrs"
            answer = await self.made.ask("POST", path, "tags", body)
            seen = self.shows("tags", "", person, kind, None)
            assert answer.status == (204 if seen else 404), answer.body
        await self._settle()

    async def _settle(self) -> None:
        """Hear everything out, and judge it."""
        mark = await self.set_mark()
        for stream, (caller, purpose) in zip(self._streams, CALLERS, strict=True):
            await self.drain(stream, caller, purpose, mark, "stream")
        await self._quiet()
        for got in self.heard.got:
            caller, purpose = CALLERS[int(re.findall(r"\d+$", got.path)[0]) % DEAD]
            where = "joined notification" if GAUGE.encode() in got.body else "notification"
            self.judge(caller, purpose, got.body, where)
        self.heard.got.clear()

    async def set_mark(self) -> int:
        """Change what everybody may see, so that whoever hears of it has heard all before."""
        self._mark += 1
        path = f"{ENTITIES}/{GAUGE}/attrs"
        await self.write("admin", "POST", path, attributes(rssi=self._mark))
        return self._mark

    async def drain(self, stream: Stream, caller: str, purpose: str, mark: int, where: str) -> None:
        while True:
            event = await stream.event()
            self.judge(caller, purpose, orjson.dumps(event.data), f"{where} {event.name}")
            if is_marked(event.data, mark):
                return

    async def _quiet(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self.made.ask("GET", f"{EX}/books", "admin")
                if not found.json()["all"]["waiting"]:
                    return
                await asyncio.sleep(0.001)

    def judge(self, caller: str, purpose: str, text: bytes, where: str) -> None:
        """Want every value in a text to be covered."""
        for person, kind, attribute, number in VALUE.findall(text):
            if int(number) in self._issued:
                whose = PEOPLE[int(person)], PERSONAL[int(kind)], ATTRIBUTES[int(attribute)]
                assert self.shows(caller, purpose, *whose, raw=True), (where, caller, *whose)
                self.seen.add(where)

    def shows(
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

    async def write(self, caller: str, method: str, path: str, body: Any) -> None:
        answer = await self.made.ask(method, path, caller, body)
        assert answer.status == 204, answer.body

    async def ask(
        self, caller: str, purpose: str, method: str, path: str, body: Any = None
    ) -> Answer:
        headers = {"machi_purpose": purpose} if purpose else {}
        return await self.made.ask(method, path, caller, body, **headers)


def headers_of(caller: str, purpose: str) -> dict[str, str]:
    found = {"authorization": f"Bearer {caller}"} if caller else {}
    return found | ({"machi-purpose": purpose} if purpose else {})


def is_marked(data: Any, mark: int) -> bool:
    """Tell whether an event says that the gauge has a mark."""
    told = data.get("entity") if isinstance(data, dict) else None
    return isinstance(told, dict) and told["id"] == GAUGE and told[RSSI]["value"] == mark


async def refuse_some(got: Got) -> web.StreamResponse:
    """Take notifications, but refuse those for good that shall be dead letters."""
    number = int(re.findall(r"\d+$", got.path)[0])
    return web.Response(status=410 if number >= DEAD else 200)
