"""The OpenAPI document as a source of requests, to a real process."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks

from broker.api.openapi import document, path_parameters
from broker.api.routes import TABLE
from broker.api.table import Route
from broker.version import version
from tests.fuzz.wire import Reply, check
from tests.support import effort
from tests.support.server import Server
from tests.support.tally import Tally

pytestmark = pytest.mark.no_cover  # the broker is in another process

CONFIG = schemathesis.Config.from_dict({"phases": {"examples": {"enabled": False}}})
"""Without the cases made of examples, which takes a minute whenever tests are collected: the
examples are sent as they are, by a test of their own."""

SCHEMA = schemathesis.openapi.from_dict(document(TABLE, version()), config=CONFIG).exclude(
    operation_id="stream"
)
"""Without the stream: it has no end, and tests of its own."""

EXISTING = "urn:x:exists"
CONTEXT = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"
SOMETIMES = 3


NAMES = {
    "id": EXISTING,
    "keyId": "1f2e3d4c",
    "policyId": "urn:ngsi-ld:DataUsePolicy:town:people-counted",
    "entityId": EXISTING,
    "instanceId": EXISTING,
    "attrId": "a",
    "type": "T",
    "contextId": CONTEXT,
    "subscriptionId": EXISTING,
    "registrationId": EXISTING,
    "letter": "1-1",
}
"""What stands in paths for things that exist."""


def aim(case: schemathesis.Case) -> None:
    """Aim at an entity and attribute that exist, in the default tenant, most of the time."""
    for name, value in dict(case.path_parameters or {}).items():
        if len(str(value)) % SOMETIMES:
            case.path_parameters[name] = NAMES[name]
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
        session.trust_env = False
        yield session


@SCHEMA.parametrize()
@settings(
    max_examples=effort(quick=8, long=300),
    suppress_health_check=[*HealthCheck],
    deadline=None,
)
def test_every_answer_is_sound_and_as_documented(
    case: schemathesis.Case, server: Server, session: requests.Session, tally: Tally
) -> None:
    aim(case)
    send(case, server, session, tally)


def documented() -> list[Route]:
    """Return the operations that are documented with an example of a body or parameter."""
    return [
        route
        for route in TABLE.routes
        if route.name != "stream"
        and (route.body is not None or any(param.example is not None for param in route.query))
    ]


@pytest.mark.parametrize("route", documented(), ids=lambda route: route.name)
def test_the_examples_of_an_operation_are_answered_as_documented(
    route: Route, server: Server, session: requests.Session, tally: Tally
) -> None:
    operation = SCHEMA[route.template][route.method]
    body = {"body": route.body.example, "media_type": route.body.types[0]} if route.body else {}
    path = {name: NAMES[name] for name, _, _ in path_parameters(route)}
    shown = [{param.name: param.example} for param in route.query if param.example is not None]
    for query in [{}, *shown]:
        case = operation.Case(path_parameters=path, query=query, **body)
        send(case, server, session, tally)


def send(case: schemathesis.Case, server: Server, session: requests.Session, tally: Tally) -> None:
    """Send a case, with what it aims at there, and check the answer."""
    session.post(
        f"{server.url}/ngsi-ld/v1/entityOperations/upsert",
        json=[{"id": EXISTING, "type": "T", "a": 1, "b": {"object": "urn:x:2"}}],
        timeout=30,
    )
    response = case.call(base_url=server.url, session=session, allow_redirects=False)
    tally.count += 1
    headers = {name.lower(): values[0] for name, values in response.headers.items()}
    check(Reply(response.status_code, headers, response.content, response.elapsed))
    case.validate_response(response, checks=CONFORMANCE)
