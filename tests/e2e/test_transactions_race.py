"""Transactions under rivalry, against a broker process: bounded `add`, idempotency keys."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.server import Server, broker

TRANSACTIONS = "/ngsi-ld/ex/v1/transactions"
ENTITIES = "/ngsi-ld/v1/entities"
SEATS = "urn:ngsi-ld:Seats:hall"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run one broker for the tests of this file."""
    folder: Path = tmp_path_factory.mktemp("broker")
    with broker(folder / "data", folder / "broker.log") as running:
        yield running


@pytest.fixture
async def session(server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    """Give 200 connections, and a fresh entity with 100 free seats."""
    connector = aiohttp.TCPConnector(limit=200)
    async with aiohttp.ClientSession(server.url, connector=connector) as session:
        async with session.delete(f"{ENTITIES}/{SEATS}") as answer:
            assert answer.status in {204, 404}
        seats = {"id": SEATS, "type": "Seats", "free": {"type": "Property", "value": 100}}
        async with session.post(ENTITIES, json=seats) as answer:
            assert answer.status == 201
        yield session


def take(number: int) -> dict[str, Any]:
    """Return a transaction that takes seats while there are enough."""
    step = {"op": "add", "id": SEATS, "attribute": "free", "value": -number, "min": 0}
    return {"operations": [step]}


async def send(
    session: aiohttp.ClientSession, body: dict[str, Any], key: str | None = None
) -> tuple[int, bytes]:
    """Send a transaction; return status and answer."""
    headers = {"Idempotency-Key": key} if key else {}
    async with session.post(TRANSACTIONS, json=body, headers=headers) as answer:
        return answer.status, await answer.read()


async def free(session: aiohttp.ClientSession) -> tuple[int, int]:
    """Return the seats left and the entity's version."""
    async with session.get(f"{ENTITIES}/{SEATS}") as answer:
        version = answer.headers["ETag"].strip('"').partition("-")[0]
        return (await answer.json())["free"]["value"], int(version.removeprefix("v"))


async def test_200_clients_share_100_seats_exactly_with_2_seconds_of_work(
    server: Server, session: aiohttp.ClientSession
) -> None:
    # Of processor time, clients' share included: how long that takes is for `make bench` to say.
    before = server.processor_time + time.process_time()
    answers = await asyncio.gather(*(send(session, take(1)) for _ in range(200)))
    assert server.processor_time + time.process_time() - before < 2
    assert Counter(status for status, _ in answers) == {200: 100, 412: 100}
    assert (await free(session))[0] == 0


async def test_a_key_sent_1000_times_has_one_effect_and_one_answer(
    session: aiohttp.ClientSession,
) -> None:
    _, before = await free(session)
    many = (send(session, take(3), key="one-effect") for _ in range(1000))
    answers = await asyncio.gather(*many)
    assert len(set(answers)) == 1
    assert answers[0][0] == 200
    assert await free(session) == (97, before + 1)


async def test_a_key_with_another_body_is_refused(session: aiohttp.ClientSession) -> None:
    assert (await send(session, take(1), key="other-body"))[0] == 200
    status, problem = await send(session, take(2), key="other-body")
    assert status == 422
    assert b"IdempotencyMismatch" in problem
    assert (await free(session))[0] == 99


async def test_a_refused_transaction_leaves_its_key_unused(session: aiohttp.ClientSession) -> None:
    assert (await send(session, take(101), key="refused"))[0] == 412
    assert (await send(session, take(100), key="refused"))[0] == 200
