"""A refusal is let go of once it is answered, and with it what the client sent."""

import gc
from typing import Any

import pytest

from broker.errors import MachiError
from tests.broker.api.data import ENTITIES, OPERATIONS, gauge, urn
from tests.support.asgi import ABSENT, Client

ABSENT_ATTRS = f"{ENTITIES}/{urn(9)}/attrs"
ELSEWHERE = {"NGSILD-Tenant": "nowhere"}
LEVEL = {"level": {"type": "Property", "value": 2}}


def refusals() -> list[str]:
    """Return the refusals that are in memory."""
    return [repr(one) for one in gc.get_objects() if isinstance(one, MachiError)]


@pytest.mark.parametrize(
    ("status", "method", "path", "body", "headers"),
    [
        (409, "POST", ENTITIES, gauge(1), {}),
        (404, "PATCH", ABSENT_ATTRS, LEVEL, {}),
        (404, "POST", ABSENT_ATTRS, LEVEL, {}),
        (404, "DELETE", f"{ENTITIES}/{urn(9)}", ABSENT, {}),
        (404, "PATCH", ABSENT_ATTRS, LEVEL, ELSEWHERE),
        (207, "POST", f"{OPERATIONS}/create", [gauge(1), gauge(1)], {}),
        (207, "POST", f"{OPERATIONS}/update", [gauge(8), gauge(9)], {}),
        (404, "POST", f"{OPERATIONS}/update", [gauge(8), gauge(9)], ELSEWHERE),
    ],
)
async def test_a_refusal_needs_no_look_for_cycles(
    client: Client, status: int, method: str, path: str, body: Any, headers: dict[str, str]
) -> None:
    await client.request("POST", ENTITIES, json=gauge(1))
    gc.collect()
    gc.disable()
    try:
        before = refusals()
        answer = await client.request(method, path, headers, json=body)
        assert answer.status == status
        assert refusals() == before
    finally:
        gc.enable()
