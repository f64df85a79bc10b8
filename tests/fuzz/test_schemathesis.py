"""The OpenAPI document as a source of requests, to a real process."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks

from broker import __version__
from broker.api.openapi import document
from broker.api.routes import TABLE
from tests.fuzz.conftest import Tally
from tests.fuzz.wire import Reply, check
from tests.support import effort
from tests.support.server import Server

SCHEMA = schemathesis.openapi.from_dict(document(TABLE, __version__)).exclude(operation_id="stream")
"""Without the stream: it has no end, and tests of its own."""

EXISTING = "urn:x:exists"
CONTEXT = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"
SOMETIMES = 3


def aim(case: schemathesis.Case) -> None:
    """Aim at an entity and attribute that exist, in the default tenant, most of the time."""
    names = {
        "id": EXISTING,
        "entityId": EXISTING,
        "instanceId": EXISTING,
        "attrId": "a",
        "type": "T",
        "contextId": CONTEXT,
        "subscriptionId": EXISTING,
        "registrationId": EXISTING,
        "letter": "1-1",
    }
    for name, value in dict(case.path_parameters or {}).items():
        if len(str(value)) % SOMETIMES:
            case.path_parameters[name] = names[name]
    for name in ("NGSILD-Tenant", "If-Match", "Link"):
        if case.headers and len(str(case.headers.get(name, ""))) % SOMETIMES:
            del case.headers[name]


load_all_checks()
CONFORMANCE: list[Any] = [
    CHECKS.get_one(name)
    for name in (
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "allow_header_conformance",
    )
]


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Give connections that are kept."""
    with requests.Session() as session:
        yield session


@SCHEMA.parametrize()
@settings(
    max_examples=effort(quick=12, long=300),
    suppress_health_check=[*HealthCheck],
    deadline=None,
)
def test_every_answer_is_sound_and_as_documented(
    case: schemathesis.Case, server: Server, session: requests.Session, tally: Tally
) -> None:
    aim(case)
    session.post(
        f"{server.url}/ngsi-ld/v1/entityOperations/upsert",
        json=[{"id": EXISTING, "type": "T", "a": 1, "b": {"object": "urn:x:2"}}],
        timeout=10,
    )
    response = case.call(base_url=server.url, session=session, allow_redirects=False)
    tally.count += 1
    headers = {name.lower(): values[0] for name, values in response.headers.items()}
    check(Reply(response.status_code, headers, response.content, response.elapsed))
    case.validate_response(response, checks=CONFORMANCE)
