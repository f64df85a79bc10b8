"""`/info/sourceIdentity`: who a context source is (§5.15)."""

import re

import pytest

from broker.store.contract import Store
from tests.broker.api.data import CORE, V1
from tests.support.asgi import Client, Ticking, running

IDENTITY = f"{V1}/info/sourceIdentity"


async def alias(client: Client, tenant: str = "") -> str:
    headers = {"ngsild-tenant": tenant} if tenant else {}
    name = (await client.get(IDENTITY, headers)).json()["contextSourceAlias"]
    assert re.fullmatch(r"[\w-]+", name)
    return str(name)


async def test_a_source_tells_alias_time_and_how_long_it_runs() -> None:
    from broker.store.memory import MemoryStore

    clock = Ticking()
    async with running(MemoryStore(clock=clock), clock=clock) as client:
        clock.advance(days=1, hours=2, minutes=3, seconds=4)
        answer = await client.get(IDENTITY)
        told = answer.json()
    assert told["type"] == "ContextSourceIdentity"
    assert told["id"] == f"urn:ngsi-ld:ContextSourceIdentity:{told['contextSourceAlias']}"
    assert told["contextSourceUptime"] == "P1DT2H3M4S"
    assert told["contextSourceTimeAt"].startswith("2026-01-03T05:07:09")
    assert f"<{CORE}>" in (answer.header("link") or "")


async def test_json_ld_carries_its_context(quick: Client) -> None:
    answer = await quick.get(IDENTITY, {"accept": "application/ld+json"})
    assert answer.header("content-type") == "application/ld+json"
    assert answer.json()["@context"] == CORE


async def test_every_tenant_has_an_alias_of_its_own(quick: Client) -> None:
    names = {await alias(quick), await alias(quick, "a"), await alias(quick, "b")}
    assert len(names) == 3
    assert await alias(quick, "a") in names


async def test_an_alias_stays_over_a_restart_and_is_no_other_brokers(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(store) as client:
        before = await alias(client)
    async with running(store) as client:
        assert await alias(client) == before
        object.__setattr__(client.broker, "name", "another")
        assert await alias(client) != before
