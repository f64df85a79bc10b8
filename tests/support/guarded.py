"""A broker under the town's own policies."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import orjson

from broker.client import Client
from broker.clock import now
from broker.settings import Settings
from broker.validation import Mode
from consent.guard import PolicyGuard
from consent.identity.model import Client as Known
from consent.policies.load import default_policies, expander, rules
from consent.town import town_access
from machi.access import hand_out
from smart_data_models.offer import offered
from smart_data_models.pinned import pinned
from tests.support.live import live_broker
from tests.support.policies import Known as Clients


@contextlib.asynccontextmanager
async def guarded_town(folder: Path, *clients: Known) -> AsyncIterator[Client]:
    """Run the broker in a folder; give a client of it. The key of each client is its name.

    Models refuse what does not fit.
    """
    expand = expander(orjson.loads(pinned())["@context"])
    guard = PolicyGuard(Clients(*clients), rules(default_policies(), expand), now)
    models = offered(Mode.REJECT, everywhere=True)
    async with (
        live_broker(folder, Settings(data=folder), guard=guard, models=models) as url,
        Client(url) as client,
    ):
        yield client


@contextlib.asynccontextmanager
async def handed_out(folder: Path) -> AsyncIterator[tuple[str, Mapping[str, str]]]:
    """Run the broker as `machi up` does, with its log; give its URL and the processes' keys."""
    access, keys = town_access(folder), hand_out(folder).keys
    models = offered(everywhere=True)
    async with live_broker(
        folder, guard=access.guard, disclosures=access.disclosures, models=models
    ) as url:
        yield url, keys


@contextlib.asynccontextmanager
async def planting(folder: Path) -> AsyncIterator[tuple[Client, Client]]:
    """Run such a broker; give what plants the town, and what plants its drill tenant."""
    async with (
        handed_out(folder) as (url, keys),
        Client(url, key=keys["seed"]) as town,
        Client(url, key=keys["seed"], tenant="drill") as drill,
    ):
        yield town, drill
