"""The machine of `test_store_machine` with the MongoDB engine, over the wire."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from broker.store.contract import Store
from broker.store.mongodb.store import MongoStore
from tests.properties.test_store_machine import Engines
from tests.support import effort
from tests.support.mongodb import database_name, mongodb


class MongoEngines(Engines):
    """Drives the MongoDB engine and the reference with the same units of work."""

    url = ""

    def _opened(self) -> Store:
        if not hasattr(self, "database"):
            self.database = database_name()
        return MongoStore(f"{self.url}{self.database}", clock=self.clock)

    def _ended(self) -> None:
        """Nothing is left that could be looked at without the engine."""

    def recover_a_copy(self) -> None:
        """A server cannot be copied; kills are tested on processes."""


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run a server for the machine."""
    with mongodb(tmp_path_factory.mktemp("mongodb")) as url:
        MongoEngines.url = url
        yield


TestMongoEngines = MongoEngines.TestCase
TestMongoEngines.settings = settings(
    max_examples=effort(quick=5, long=200), stateful_step_count=effort(quick=12, long=40)
)
