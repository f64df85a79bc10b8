"""What is asked at a Device is carried out, and answered with the value it was asked by."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.common.erasure import ANSWERED, ASKED, answer
from adapters.common.registry import Registry, by_attribute
from broker.client import Client, value
from tests.support.live import live_broker

BAND = "urn:ngsi-ld:Device:band"
WHEN = "2026-11-27T00:00:00Z"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """Give a client of a broker."""
    async with live_broker(tmp_path / "data") as url, Client(url) as client:
        yield client


@pytest.mark.parametrize(
    ("told", "forgotten"),
    [
        ({"address": "one", ASKED: WHEN}, ["one"]),
        ({"address": "one", ASKED: WHEN, ANSWERED: "2026-11-26T00:00:00Z"}, ["one"]),
        ({"address": "one", ASKED: WHEN, ANSWERED: WHEN}, []),
        ({ASKED: WHEN}, []),
    ],
    ids=["asked", "asked again", "answered", "without an address"],
)
async def test_messages_are_forgotten_of_the_device_that_is_asked_about_and_of_no_other(
    client: Client, told: dict[str, str], forgotten: list[str]
):
    found: list[str] = []

    async def forget(address: str) -> None:
        found.append(address)

    await client.create({"id": BAND, "type": "Device", **told})
    device = await client.retrieve(BAND)
    await answer(client, device, Registry([client], "band", by_attribute("address")), forget)
    assert found == forgotten
    assert value(await client.retrieve(BAND), ANSWERED) == WHEN
