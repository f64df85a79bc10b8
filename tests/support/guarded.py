"""A broker under the town's own policies, with models that refuse what does not fit."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import orjson

from broker.client import Client
from broker.clock import now
from broker.settings import Settings
from broker.validation import Mode
from consent.guard import PolicyGuard
from consent.identity.model import Client as Known
from consent.policies.load import default_policies, expander, rules
from smart_data_models.offer import offered
from smart_data_models.vocabulary import pinned
from tests.support.live import live_broker
from tests.support.policies import Known as Clients


@contextlib.asynccontextmanager
async def guarded_town(folder: Path, *clients: Known) -> AsyncIterator[Client]:
    """Run the broker in a folder; give a client of it. The key of each client is its name."""
    expand = expander(orjson.loads(pinned())["@context"])
    guard = PolicyGuard(Clients(*clients), rules(default_policies(), expand), now)
    models = offered(Mode.REJECT, everywhere=True)
    async with (
        live_broker(folder, Settings(data=folder), guard=guard, models=models) as url,
        Client(url) as client,
    ):
        yield client
