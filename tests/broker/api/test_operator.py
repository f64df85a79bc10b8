"""`/health`, `/ready`, `/metrics`, `/openapi.json`, `/docs`: what operators and readers use."""

import re

import jsonschema_rs
import pytest
from markupsafe import escape

from broker.api.openapi import document
from broker.api.routes import TABLE
from broker.api.table import Route
from broker.errors import MachiError
from tests.broker.api.data import ENTITIES, gauge, urn
from tests.support.asgi import Client


async def test_health_answers(client: Client) -> None:
    assert (await client.get("/health")).json() == {"status": "ok"}


async def test_ready_tells_how_far_the_feed_is(client: Client) -> None:
    await client.post(ENTITIES, gauge())
    answer = await client.get("/ready")
    assert answer.json() == {"status": "ready", "feed": {"oldest": 1, "newest": 1}}


async def test_ready_says_no_once_the_store_is_closed(client: Client) -> None:
    await client.broker.store.close()
    answer = await client.get("/ready")
    assert answer.status == 503
    assert answer.problem["remedy"]
    assert (await client.get("/health")).status == 200


LINE = re.compile(r'machi_[a-z_]+(\{[a-z]+="[a-z0-9_]+"(,[a-z]+="[a-z0-9_]+")*\})? [0-9.e+-]+')


async def test_metrics_are_in_the_text_format_and_name_routes_only(client: Client) -> None:
    await client.post(ENTITIES, gauge(), {"ngsild-tenant": "drill"})
    await client.get(f"{ENTITIES}/{urn(404)}")
    await client.get("/nowhere/secret")
    answer = await client.get("/metrics")
    assert answer.header("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    lines = [line for line in answer.body.decode().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert 'machi_requests_total{operation="create_entity",status="201"} 1' in lines
    assert 'machi_requests_total{operation="retrieve_entity",status="404"} 1' in lines
    assert "machi_entities 1" in lines
    assert b"drill" not in answer.body


async def test_counters_are_told_from_gauges(client: Client) -> None:
    text = (await client.get("/metrics")).body.decode()
    kinds = dict(line.split()[2:] for line in text.splitlines() if line.startswith("# TYPE"))
    assert {name for name, kind in kinds.items() if kind == "counter"} == {
        name for name in kinds if name.endswith("_total")
    }
    for name in ("commits", "outbox_delivered", "outbox_superseded", "delivery_tries_refused"):
        assert kinds[f"machi_{name}_total"] == "counter"
    for name in ("outbox_waiting", "outbox_dead", "streams", "delivery_breakers_open"):
        assert kinds[f"machi_{name}"] == "gauge"


async def test_the_openapi_document_lists_every_route(quick: Client) -> None:
    answer = await quick.get("/openapi.json")
    assert answer.header("content-type") == "application/json"
    paths = answer.json()["paths"]
    listed = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert listed == {(route.method, route.template) for route in TABLE.routes}
    for route in TABLE.routes:
        told = paths[route.template][route.method.lower()]
        names = {one["name"] for one in told["parameters"] if one["in"] == "path"}
        assert names == set(re.findall(r"{(\w+)}", route.template))
        assert {str(status) for status in route.answers} <= set(told["responses"])


async def test_every_example_of_the_openapi_document_fits_its_schema(quick: Client) -> None:
    document = (await quick.get("/openapi.json")).json()
    checked = 0
    for methods in document["paths"].values():
        for operation in methods.values():
            content = operation.get("requestBody", {}).get("content", {})
            for media in content.values():
                schema = {**media["schema"], "components": document["components"]}
                jsonschema_rs.validate(schema, media["example"])
                checked += 1
    assert checked == sum(route.body is not None for route in TABLE.routes)


@pytest.mark.parametrize("route", TABLE.routes, ids=lambda route: route.name)
async def test_the_api_page_explains_every_route(quick: Client, route: Route) -> None:
    page = (await quick.get("/docs")).body.decode()
    section = page.partition(f'<details id="{route.name}">')[2].partition("</details>")[0]
    assert f"<code>{route.template}</code>" in section
    assert str(escape(route.summary)) in section
    assert "curl" in section
    for param in route.query:
        assert f"<code>{param.name}</code>" in section


async def test_the_front_door_leads_to_the_page(quick: Client) -> None:
    answer = await quick.get("/")
    assert (answer.status, answer.header("location")) == (307, "/docs")
    page = await quick.get("/docs")
    assert page.header("content-type") == "text/html; charset=utf-8"
    assert "default-src 'none'" in (page.header("content-security-policy") or "")


def test_every_error_has_a_place_in_the_openapi_document() -> None:
    operations = [one for path in document(TABLE, "1")["paths"].values() for one in path.values()]
    documented = {int(status) for one in operations for status in one["responses"]}
    found = set()
    kinds = [MachiError]
    while kinds:
        kind = kinds.pop()
        found.add(kind.status)
        kinds += kind.__subclasses__()
    # Wherever the fault is not the request's, and for what is no operation at all.
    assert found - {405, 500, 503} <= documented


async def test_a_fault_of_the_brokers_own_is_500_without_its_cause(
    quick: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(tenant: str, entity_id: str) -> None:
        raise RuntimeError("secret cause")

    monkeypatch.setattr(quick.broker.store, "get", fail)
    answer = await quick.get(f"{ENTITIES}/{urn(1)}")
    assert answer.status == 500
    assert answer.problem["place"] == "broker"
    assert b"secret" not in answer.body
