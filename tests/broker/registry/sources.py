"""Registrations that the tests of the registry share."""

from typing import Any
from urllib.parse import quote

from tests.broker.api.data import V1
from tests.support.asgi import Client

REGISTRATIONS = f"{V1}/csourceRegistrations"
TYPE = "ContextSourceRegistration"


def urn(number: int | str) -> str:
    """Return the id of a registration."""
    return f"urn:ngsi-ld:{TYPE}:{number}"


def at(number: int | str) -> str:
    """Return the path of a registration."""
    return f"{REGISTRATIONS}/{urn(number)}"


def about(*names: str, **entity: Any) -> dict[str, Any]:
    """Return an element of `information`: attributes of entities, of any without members."""
    entities = {"entities": [entity]} if entity else {}
    return {**entities, **({"propertyNames": list(names)} if names else {})}


def source(number: int | str = 1, *information: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return a registration, of gauges unless told otherwise."""
    return {
        "id": urn(number),
        "type": TYPE,
        "information": list(information) or [about(type="Gauge")],
        "endpoint": "http://localhost:9",
        **members,
    }


async def register(client: Client, *sources: dict[str, Any]) -> None:
    """Register sources."""
    for each in sources:
        answer = await client.post(REGISTRATIONS, each)
        assert answer.status == 201, answer.body


POINT = {"type": "Point", "coordinates": [130.75, 32.2]}
TOWN = {
    "type": "Polygon",
    "coordinates": [[[130, 32], [131, 32], [131, 33], [130, 33], [130, 32]]],
}


async def found(client: Client, **parameters: str) -> list[str]:
    """Return the numbers of the registrations that a query finds."""
    query = "&".join(f"{name}={quote(value)}" for name, value in parameters.items())
    answer = await client.get(f"{REGISTRATIONS}?{query}")
    assert answer.status == 200, answer.body
    return [one["id"].rpartition(":")[2] for one in answer.json()]
