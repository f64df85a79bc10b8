"""The machines of store and outbox, and history's properties, on MongoDB, over the wire."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from broker.store.contract import Store
from broker.store.mongodb.store import MongoStore
from tests.properties import test_history_equal as equal
from tests.properties import test_history_of_feed as feed
from tests.properties.test_outbox_machine import Outboxes
from tests.properties.test_store_machine import TENANTS, Engines
from tests.support import effort
from tests.support.mongodb import database_name, mongodb

FEW = settings(max_examples=effort(quick=5, long=200))
STEPWISE = settings(FEW, stateful_step_count=effort(quick=12, long=40))


class Servers:
    """The URL of the server that is there for these tests."""

    url = ""


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run a server for all of them."""
    with mongodb(tmp_path_factory.mktemp("mongodb")) as url:
        Servers.url = url
        yield


class MongoEngines(Engines):
    """Drives the MongoDB engine and the reference with the same units of work."""

    def _opened(self) -> Store:
        if not hasattr(self, "database"):
            self.database = database_name()
        return MongoStore(Servers.url + self.database, clock=self.clock)

    def _ended(self) -> None:
        """Nothing is left that could be looked at without the engine."""

    def recover_a_copy(self) -> None:
        """A server cannot be copied; kills are tested on processes."""

    @rule(tenant=TENANTS, body=st.binary(max_size=4))
    def remember(self, tenant: str, body: bytes) -> None:
        """Keep an answer under a new key: nx-27017 replaces no document that has bytes."""
        self.keys = getattr(self, "keys", 0) + 1
        Engines.remember(self, tenant=tenant, key=f"key {self.keys}", body=body)


class MongoOutboxes(Outboxes):
    """Drives the MongoDB engine's outbox and the reference's with the same operations."""

    def _opened(self) -> Store:
        if not hasattr(self, "database"):
            self.database = database_name()
        store = MongoStore(Servers.url + self.database, clock=self.clock)
        self._run(store.open())
        return store

    def _ended(self) -> None:
        """Nothing is left that could be looked at without the engine."""

    def recover_a_copy(self) -> None:
        """A server cannot be copied; kills are tested on processes."""


TestMongoEngines = MongoEngines.TestCase
TestMongoEngines.settings = STEPWISE
TestMongoOutboxes = MongoOutboxes.TestCase
TestMongoOutboxes.settings = STEPWISE


@FEW
@given(equal.STEPS, equal.QUESTIONS)
def test_history_says_what_the_reference_says(
    steps: list[equal.Deed], questions: list[equal.Question]
) -> None:
    real = MongoStore(Servers.url + database_name())
    assert asyncio.run(equal.compare(real, steps, questions)) == 1 + len(questions)


@FEW
@given(feed.DEEDS)
def test_the_feed_rebuilds_the_present_and_history_has_the_past(deeds: list[feed.Deed]) -> None:
    clock = feed.Clock()
    store = MongoStore(Servers.url + database_name(), clock=clock)
    asyncio.run(feed.live(store, clock, deeds))
