"""Histories of gauges, and how they are asked for."""

from typing import Any
from urllib.parse import quote

from tests.broker.api.data import V1
from tests.support.asgi import Answer, Client

HISTORY = f"{V1}/temporal/entities"
ONE = f"{HISTORY}/urn:ngsi-ld:Gauge:1"
AFTER = {"timerel": "after", "timeAt": "2020-07-03T00:00:00Z"}


def at(minute: int) -> str:
    """Return a time of the night."""
    return f"2020-07-03T{12 + minute // 60:02}:{minute % 60:02}:00Z"


def level(value: Any, minute: int, **members: Any) -> dict[str, Any]:
    """Return an instance of a level."""
    return {"type": "Property", "value": value, "observedAt": at(minute), **members}


def past(number: int, *levels: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return an EntityTemporal."""
    return {
        "id": f"urn:ngsi-ld:Gauge:{number}",
        "type": "Gauge",
        "level": list(levels),
        **members,
    }


def plain(answer: Answer) -> Any:
    """Return the answer's JSON without ids of instances."""

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: without(v) for k, v in value.items() if k != "instanceId"}
        return [without(one) for one in value] if isinstance(value, list) else value

    assert answer.status == 200, answer
    return without(answer.json())


async def ask(client: Client, path: str = HISTORY, **parameters: str) -> Answer:
    """Ask with encoded parameters."""
    query = "&".join(f"{name}={quote(value)}" for name, value in parameters.items())
    return await client.get(f"{path}?{query}")
