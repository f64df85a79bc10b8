"""What a broker is given of the data models, and what it does with it."""

from collections.abc import AsyncIterator

import orjson
import pytest

from broker.store.memory import MemoryStore
from broker.validation import Mode
from smart_data_models.errors import UnknownType
from smart_data_models.offer import CONTEXT, offered
from smart_data_models.pinned import pinned
from tests.support.asgi import Client, running

URL = f"/ngsi-ld/v1/jsonldContexts/urn:ngsi-ld:Context:{CONTEXT}"
LINK = {"Link": f'<http://localhost{URL}>; rel="http://www.w3.org/ns/json-ld#context"'}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Give a client of a broker that rejects wallets and warns of shelters that do not fit."""
    models = offered(modes=[("Wallet", Mode.REJECT), ("EvacuationShelter", Mode.WARN)])
    async with running(MemoryStore(), models=models) as client:
        yield client


def wallet(**attributes: object) -> dict[str, object]:
    """Return a wallet."""
    return {"id": "urn:ngsi-ld:Wallet:1", "type": "Wallet", **attributes}


FITS = {
    "walletKind": "citizen",
    "status": "active",
    "refCurrency": {"type": "Relationship", "object": "urn:ngsi-ld:LocalCurrency:1"},
}


async def test_pinned_context_is_served(client: Client) -> None:
    answer = await client.get(URL)
    assert answer.status == 200
    assert answer.json()["@context"] == orjson.loads(pinned())["@context"]


async def test_pinned_context_is_in_no_list_and_cannot_be_deleted(client: Client) -> None:
    assert CONTEXT not in str((await client.get("/ngsi-ld/v1/jsonldContexts")).json())
    assert (await client.delete(URL)).status == 422
    assert (await client.get(URL)).status == 200


async def test_names_are_expanded_with_the_pinned_context_without_http(client: Client) -> None:
    created = await client.post("/ngsi-ld/v1/entities", wallet(**FITS), headers=LINK)
    assert created.status == 201
    found = await client.get("/ngsi-ld/v1/entities?type=https://machi.example/ns%23Wallet")
    assert [entity["id"] for entity in found.json()] == ["urn:ngsi-ld:Wallet:1"]


async def test_names_are_read_by_the_pinned_context_where_a_broker_is_told_so() -> None:
    async with running(MemoryStore(), models=offered(everywhere=True)) as client:
        assert (await client.post("/ngsi-ld/v1/entities", wallet(**FITS))).status == 201
        found = await client.get("/ngsi-ld/v1/entities?type=https://machi.example/ns%23Wallet")
        assert found.json()[0]["type"] == "Wallet"
        assert URL in str(found.header("link"))
        core = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"
        link = {"Link": f'<{core}>; rel="http://www.w3.org/ns/json-ld#context"'}
        named = await client.get("/ngsi-ld/v1/entities?type=Wallet", headers=link)
        assert named.json() == []


async def test_entity_that_does_not_fit_is_refused_with_the_attribute(client: Client) -> None:
    refused = await client.post(
        "/ngsi-ld/v1/entities", wallet(**{**FITS, "walletKind": "purse"}), headers=LINK
    )
    assert refused.status == 400
    assert refused.problem["place"] == "entity:/walletKind/value"
    assert "purse" not in refused.problem["detail"]
    assert "citizen, merchant" in refused.problem["detail"]


async def test_missing_attribute_is_refused(client: Client) -> None:
    refused = await client.post("/ngsi-ld/v1/entities", wallet(), headers=LINK)
    assert refused.problem["place"] == "entity:/walletKind"


async def test_change_that_would_no_longer_fit_is_refused_and_changes_nothing(
    client: Client,
) -> None:
    await client.post("/ngsi-ld/v1/entities", wallet(**FITS), headers=LINK)
    path = "/ngsi-ld/v1/entities/urn:ngsi-ld:Wallet:1"
    refused = await client.patch(f"{path}/attrs/status", {"value": "lost"}, headers=LINK)
    assert refused.problem["place"] == "entity:/status/value"
    kept = await client.get(path + "?format=simplified", headers=LINK)
    assert kept.json()["status"] == "active"


async def test_type_that_is_only_warned_of_is_stored_and_counted(client: Client) -> None:
    shelter = {"id": "urn:ngsi-ld:EvacuationShelter:1", "type": "EvacuationShelter"}
    assert (await client.post("/ngsi-ld/v1/entities", shelter, headers=LINK)).status == 201
    figures = (await client.get("/metrics")).body.decode()
    assert "machi_model_warnings_total 5" in figures
    assert "machi_model_rejections_total 0" in figures


def test_type_without_a_model_is_named() -> None:
    with pytest.raises(UnknownType, match="Spaceship"):
        offered(modes=[("Spaceship", Mode.WARN)])


def test_nothing_to_check_needs_no_registry() -> None:
    assert offered().validator is None
