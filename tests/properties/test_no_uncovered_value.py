"""Whatever is agreed to, withdrawn and asked: no value leaves that nobody agreed to show.

Every value is unique, so that whoever shows it is found by its text. What may be shown is said by a
plain model of who agreed to what. Notifications are heard after each step, exits asked at the end.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from broker.settings import Settings
from broker.store.memory import MemoryStore
from tests.support.asgi import Ticking
from tests.support.drawn import CALLERS as SOME
from tests.support.drawn import PEOPLE, RECIPIENT
from tests.support.exits import NO_PATH
from tests.support.patience import PATIENCE
from tests.support.persons import (
    ENTITIES,
    FEW,
    POLICIES,
    RESCUE,
    RSSI,
    SHOPS,
    TAG,
    Town,
    attributes,
    policy,
    town,
)
from tests.support.receivers import Receiver, receiver
from tests.support.runs import effort

PURPOSES = (RESCUE, SHOPS, FEW)
CALLERS = (*SOME, ("account:taro", ""))
TEMPORAL = "/ngsi-ld/v1/temporal/entities"
QUOTED = TAG.replace("#", "%23")
VALUE = re.compile(rb"(?<![\w.])7([01])([01])([0-9]{5})(?!\w)")
"""Person, attribute, and a number that was never used before."""

SPLIT = policy(
    "tags",
    "consentBound",
    {"types": [TAG], "attributes": [RSSI]},
    assignee=["role:developer"],
    purposes=list(PURPOSES),
)
WORLDS = (POLICIES, [*(one for one in POLICIES if not one["id"].endswith(":tags")), SPLIT])
"""The whole type is personal, or one attribute of it."""


@dataclass
class Model:
    """Who agreed to what, said plainly."""

    split: bool
    agreed: set[tuple[str, str]] = field(default_factory=set)
    suspended: set[str] = field(default_factory=set)

    def covers(self, caller: str, purpose: str, person: str, attribute: str) -> bool:
        """Tell whether a caller may see an attribute (`rssi` or `tagRef`) of a person."""
        if caller in ("tags", f"account:{person}"):
            return True
        if self.split and attribute == "tagRef" and caller in ("app", "office", "admin"):
            return True
        shown = ("rssi",) if self.split or purpose == FEW else ("rssi", "tagRef")
        return (
            (person, purpose) in self.agreed
            and purpose not in self.suspended
            and RECIPIENT[purpose] == caller
            and attribute in shown
        )


class World:
    """A town, the model of it, and the receivers of notifications."""

    def __init__(self, made: Town, heard: Receiver, model: Model) -> None:
        self.made = made
        self.heard = heard
        self.model = model
        self._number = 0
        self._issued: set[int] = set()
        """The numbers within values: others in an answer are figures of some other kind."""
        self._consents: dict[tuple[str, str], str] = {}

    async def open(self) -> None:
        """Make purposes, a detection of each person, and subscriptions of all callers."""
        await self.made.open_up()
        named = [{"category": "strength", "attributes": [RSSI]}]
        await self.made.make(self.made.purpose(FEW, dataCategories=named))
        for at, person in enumerate(PEOPLE):
            await self.made.make(self.made.detection(at, person, **self._values(at)), "tags")
        for at, (caller, purpose) in enumerate(CALLERS):
            if caller in ("app", "office", "admin", "rescue", "shops"):
                await self._subscribe(caller, purpose, at)

    async def _subscribe(self, caller: str, purpose: str, at: int) -> None:
        body = {
            "type": "Subscription",
            "entities": [{"type": TAG}],
            "notification": {"endpoint": {"uri": f"{self.heard.url}{at}"}},
        }
        headers = {"machi_purpose": purpose} if purpose else {}
        path = "/ngsi-ld/v1/subscriptions"
        answer = await self.made.ask("POST", path, caller, body, **headers)
        assert answer.status == 201, answer.body

    def _values(self, person: int) -> dict[str, Any]:
        self._number += 1
        self._issued.add(self._number)
        numbers = [int(f"7{person}{attribute}{self._number:05}") for attribute in range(2)]
        return {"rssi": numbers[0], "tagRef": str(numbers[1])}

    async def step(self, what: str, person: str, purpose: str) -> None:
        """Let something happen, and wait until nothing waits to be sent."""
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
            answer = await self.made.ask("POST", path, f"account:{person}", end)
            assert answer.status == 204, answer.body
            self.model.agreed.discard(place)
        elif what in ("suspend", "resume"):
            status = "suspended" if what == "suspend" else "active"
            path = f"{ENTITIES}/{purpose}/attrs"
            await self.made.ask("PATCH", path, "admin", {"status": status})
            change = self.model.suspended.add if what == "suspend" else self.model.suspended.discard
            change(purpose)
        else:
            at = PEOPLE.index(person)
            body = attributes(**self._values(at))
            path = f"{ENTITIES}/urn:ngsi-ld:TagDetection:{at}/attrs"
            assert (await self.made.ask("POST", path, "tags", body)).status == 204
        await self._quiet()

    async def _quiet(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self.made.ask("GET", "/ngsi-ld/ex/v1/books", "admin")
                if not found.json()["all"]["waiting"]:
                    return
                await asyncio.sleep(0.001)

    def hear(self) -> None:
        """Find nothing in notifications that is not covered."""
        for got in self.heard.got:
            caller, purpose = CALLERS[int(re.findall(r"\d+$", got.path)[0])]
            self.judge(caller, purpose, got.body, "notification")
        self.heard.got.clear()

    async def look(self) -> None:
        """Ask every exit as every caller, and find nothing that is not covered."""
        for caller, purpose in CALLERS:
            headers = {"machi_purpose": purpose} if purpose else {}
            for method, path, body in exits():
                answer = await self.made.ask(method, path, caller, body, **headers)
                assert NO_PATH not in answer.body, path
                self.judge(caller, purpose, answer.body, path)
            await self._probe(caller, purpose, headers)

    def judge(self, caller: str, purpose: str, text: bytes, where: str) -> None:
        """Want every value in a text to be covered."""
        for person, attribute, number in VALUE.findall(text):
            if int(number) not in self._issued:
                continue
            named = ("rssi", "tagRef")[int(attribute)]
            assert self.model.covers(caller, purpose, PEOPLE[int(person)], named), where

    async def _probe(self, caller: str, purpose: str, headers: dict[str, str]) -> None:
        """Count by a condition on a value: it must not tell more than the values that are shown."""
        path = f"{ENTITIES}?type={QUOTED}&count=true&limit=0&q={RSSI}%3E0"
        answer = await self.made.ask("GET", path, caller, **headers)
        counted = int(answer.header("ngsild-results-count") or 0)
        covered = sum(self.model.covers(caller, purpose, one, "rssi") for one in PEOPLE)
        assert counted == (covered if answer.status == 200 else 0)


def exits() -> Iterator[tuple[str, str, Any]]:
    """Yield requests to every exit that shows values."""
    for at in range(len(PEOPLE)):
        yield "GET", f"{ENTITIES}/urn:ngsi-ld:TagDetection:{at}", None
        yield "GET", f"{TEMPORAL}/urn:ngsi-ld:TagDetection:{at}", None
    yield "GET", f"/ngsi-ld/ex/v1/explain/query?type={QUOTED}", None
    yield "GET", f"{ENTITIES}?type={QUOTED}", None
    yield (
        "GET",
        f"{ENTITIES}?type={QUOTED}&format=simplified&orderBy={RSSI.replace('#', '%23')}",
        None,
    )
    yield "GET", f"{TEMPORAL}?type={QUOTED}", None
    yield "POST", "/ngsi-ld/v1/entityOperations/query", {
        "type": "Query", "entities": [{"type": TAG}],
    }  # fmt: skip
    yield "GET", "/ngsi-ld/v1/subscriptions", None
    yield "GET", "/ngsi-ld/ex/v1/dead-letters", None


@asynccontextmanager
async def world(folder: Path, number: int) -> AsyncIterator[World]:
    """Run a world."""
    options = Settings(context_timeout=30, allow_egress=("127.0.0.0/8",))
    store = MemoryStore(clock=Ticking())
    async with receiver() as heard, town(store, folder, WORLDS[number], options) as made:
        found = World(made, heard, Model(split=number == 1))
        await found.open()
        yield found


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["agree", "agree", "withdraw", "change", "suspend", "resume"]),
        st.sampled_from(PEOPLE),
        st.sampled_from(PURPOSES),
    ),
    min_size=1,
    max_size=6,
)


@given(st.sampled_from(range(len(WORLDS))), STEPS)
@settings(max_examples=effort(quick=4, long=200), phases=(Phase.explicit, Phase.generate))
def test_no_value_leaves_that_is_not_covered(
    tmp_path_factory: pytest.TempPathFactory, number: int, steps: list[tuple[str, str, str]]
):
    async def drive() -> None:
        async with world(tmp_path_factory.mktemp("world"), number) as found:
            for step in steps:
                await found.step(*step)
                found.hear()
            await found.look()

    asyncio.run(drive())
