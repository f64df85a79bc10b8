"""Two brokers of which one hides things."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from broker.clock import now
from broker.guard import Guard
from broker.store.contract import Store
from broker.store.memory import MemoryStore
from broker.store.sqlite import SqliteStore
from tests.broker.tripwire.hidden import HIDDEN_ATTRIBUTES, Pair
from tests.support.asgi import Ticking, running
from tests.support.policies import marking_guard
from tests.support.tripwire import MARK, MARKED_TYPE, MARKED_TYPE_IRI, TripwireGuard


def _by_policies() -> Guard:
    return marking_guard(MARK, MARKED_TYPE_IRI, [_iri(name) for name in HIDDEN_ATTRIBUTES], now)


def _iri(name: str) -> str:
    return MARKED_TYPE_IRI.replace(MARKED_TYPE, name)


@pytest.fixture(params=["memory by policies", "sqlite"])
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pair]:
    """Give the two brokers, filled: their guard hides by the mark, or by policies on names."""
    by_policies = request.param.endswith("policies")
    guard = _by_policies if by_policies else TripwireGuard

    def store(name: str) -> Store:
        if by_policies:
            return MemoryStore(clock=Ticking())
        return SqliteStore(tmp_path / name, clock=Ticking())

    async with AsyncExitStack() as stack:
        brokers = [
            await stack.enter_async_context(running(store(name), guard=guard()))
            for name in ("real", "twin")
        ]
        pair = Pair(brokers, subs=not by_policies)
        await pair.fill()
        yield pair
