"""`/csourceRegistrations`: create, retrieve, discover, update and delete (§5.9, §5.10)."""

from typing import Any

import pytest

from broker.registry import service
from broker.store.contract import Store
from broker.store.memory import MemoryStore
from tests.broker.api.data import ENTITIES, gauge, refusal
from tests.broker.api.data import urn as entity
from tests.broker.registry.sources import (
    POINT,
    REGISTRATIONS,
    TOWN,
    about,
    at,
    found,
    register,
    source,
    urn,
)
from tests.support.asgi import Client, Ticking, running
from tests.support.tripwire import TripwireGuard


async def test_a_registration_is_returned_as_it_was_sent(client: Client) -> None:
    sent = source(
        1,
        about("level", "name", type="Gauge", id=entity(1)),
        about(type=["Gauge", "Station"], idPattern=".*north$"),
        about("level"),
        registrationName="north",
        contextSourceInfo=[{"key": "Authorization", "value": "secret"}],
        contextSourceAlias="north1",
        tenant="town",
        mode="redirect",
        operations=["retrieveOps", "deleteEntity"],
        management={"cacheDuration": "PT5M", "cooldown": 5, "timeout": 2.5, "localOnly": True},
        datasetId=["@none", "urn:x:1"],
        scope="/a",
        location=POINT,
        observationSpace={"type": "GeoProperty", "value": TOWN},
        refreshRate="P1DT0.5S",
        expiresAt="2030-01-01T00:00:00Z",
        basin="Kuma",
        sensors={"count": 3},
    )
    await register(client, sent)
    assert (await client.get(at(1))).json() == sent
    told = (await client.get(f"{at(1)}?options=sysAttrs")).json()
    assert told.items() > sent.items()
    assert told["createdAt"] == told["modifiedAt"]


async def test_an_id_is_made_where_none_is_given(client: Client) -> None:
    sent = source()
    del sent["id"]
    answer = await client.post(REGISTRATIONS, sent)
    assert answer.status == 201
    where = answer.header("location") or ""
    assert (await client.get(where)).json() == {
        **sent,
        "id": where.removeprefix(REGISTRATIONS + "/"),
    }


async def test_what_only_the_broker_sets_is_not_taken(client: Client) -> None:
    await register(client, source(1, timesSent=5, status="failed", lastFailure="never"))
    assert (await client.get(at(1))).json() == source(1)


async def test_names_are_those_of_the_request(client: Client) -> None:
    ld = {"content-type": "application/ld+json"}
    context = {"Gauge": "https://example.org/Gauge", "level": "https://example.org/level"}
    sent = {**source(1, about("level", type="Gauge"), level=5), "@context": context}
    assert (await client.post(REGISTRATIONS, sent, ld)).status == 201
    told = (await client.get(at(1))).json()
    full = about("https://example.org/level", type="https://example.org/Gauge")
    assert (told["information"], told["https://example.org/level"]) == ([full], 5)
    assert await found(client, type="Gauge") == []
    assert await found(client, type="https://example.org/Gauge") == ["1"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"type": "Gauge"}, "/type"),
    ({"id": "1"}, "/id"),
    ({"information": []}, "/information"),
    ({"information": [{}]}, "/information/0"),
    ({"information": [{"other": 1}]}, "/information/0"),
    ({"information": [{"entities": []}]}, "/information/0/entities"),
    ({"information": [{"entities": [{"type": "a-b"}]}]}, "/information/0/entities/0/type"),
    ({"information": [about(type="A", id="1")]}, "/information/0/entities/0/id"),
    ({"information": [about(type="A", idPattern="(")]}, "/information/0/entities/0/idPattern"),
    ({"information": [{"propertyNames": []}]}, "/information/0/propertyNames"),
    ({"endpoint": "no uri"}, "/endpoint"),
    ({"endpoint": "mqtt://localhost/a"}, "/endpoint"),
    ({"endpoint": "http://169.254.169.254/"}, "/endpoint"),
    ({"contextSourceInfo": [{"key": "a", "value": 1}]}, "/contextSourceInfo/0/value"),
    ({"contextSourceInfo": [{"key": "a", "value": "b\r\nc"}]}, "/contextSourceInfo/0/value"),
    ({"contextSourceInfo": [{"key": "accept", "value": "x"}]}, "/contextSourceInfo/0/value"),
    (
        {"contextSourceInfo": [{"key": "ngsildConformance", "value": "1"}]},
        "/contextSourceInfo/0/value",
    ),
    ({"contextSourceAlias": "a b"}, "/contextSourceAlias"),
    ({"tenant": ""}, "/tenant"),
    ({"mode": "other"}, "/mode"),
    ({"mode": "exclusive"}, "/information/0/entities"),
    ({"mode": "exclusive", "information": [about(type="A", id="urn:a:1")]}, "/information/0"),
    ({"mode": "auxiliary", "operations": ["updateEntity"]}, "/operations"),
    ({"operations": ["dance"]}, "/operations/0"),
    ({"management": 5}, "/management"),
    ({"management": {"cacheDuration": "soon"}}, "/management/cacheDuration"),
    ({"management": {"cooldown": 0}}, "/management/cooldown"),
    ({"management": {"localOnly": "yes"}}, "/management/localOnly"),
    ({"datasetId": ["x"]}, "/datasetId/0"),
    ({"scope": "9a"}, "/scope"),
    ({"location": {"type": "Point", "coordinates": [1]}}, "/location/coordinates"),
    ({"observationInterval": {"endAt": "2020-01-01T00:00:00Z"}}, "/observationInterval/startAt"),
    ({"refreshRate": "P"}, "/refreshRate"),
    ({"expiresAt": "2020-01-01T00:00:00Z"}, "/expiresAt"),
    ({"a-b": 1}, "/a-b"),
    ({"basin": None}, "/basin"),
]


@pytest.mark.parametrize(("members", "place"), WRONG, ids=lambda value: str(value)[:50])
async def test_what_breaks_a_rule_is_refused_where_it_is(
    quick: Client, members: dict[str, Any], place: str
) -> None:
    answer = await quick.post(REGISTRATIONS, {**source(1), **members})
    assert refusal(answer) == (400, "BadRequestData", "body:" + place)


async def test_an_id_is_registered_once(client: Client) -> None:
    await register(client, source(1))
    answer = await client.post(REGISTRATIONS, source(1))
    assert refusal(answer) == (409, "AlreadyExists", "body:/id")


async def test_an_update_replaces_members_and_null_removes_them(client: Client) -> None:
    await register(client, source(1, mode="redirect", basin="Kuma", river="Kuma", scope="/a"))
    changes = {"mode": "inclusive", "scope": "urn:ngsi-ld:null", "basin": None, "river": "Kawabe"}
    assert (await client.patch(at(1), changes)).status == 204
    assert (await client.get(at(1))).json() == source(1, mode="inclusive", river="Kawabe")


@pytest.mark.parametrize(
    ("fragment", "place"),
    [
        ({}, ""),
        ({"type": "Other"}, "/type"),
        ({"id": urn(2)}, "/id"),
        ({"endpoint": None}, "/endpoint"),
        ({"information": "urn:ngsi-ld:null"}, "/information"),
        ({"mode": "exclusive"}, "/information/0/entities"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "/expiresAt"),
    ],
)
async def test_an_update_keeps_the_rules(
    quick: Client, fragment: dict[str, Any], place: str
) -> None:
    await register(quick, source(1))
    assert refusal(await quick.patch(at(1), fragment)) == (400, "BadRequestData", f"body:{place}")
    assert (await quick.get(at(1))).json() == source(1)


async def test_what_is_not_there_is_not_found(client: Client) -> None:
    for method, body in (("GET", None), ("PATCH", {"mode": "redirect"}), ("DELETE", None)):
        answer = (
            await client.request(method, at(1), json=body)
            if body
            else (await client.request(method, at(1)))
        )
        assert refusal(answer) == (404, "ResourceNotFound", "path:id")
        bad = await client.request(method, f"{REGISTRATIONS}/one", json=body or {})
        assert refusal(bad)[:2] == (400, "BadRequestData")


async def test_a_deleted_registration_is_gone(client: Client) -> None:
    await register(client, source(1))
    assert (await client.delete(at(1))).status == 204
    assert (await client.get(at(1))).status == 404
    assert (await client.delete(at(1))).status == 404


async def test_tenants_have_registrations_of_their_own(client: Client) -> None:
    town = {"ngsild-tenant": "town"}
    assert (await client.get(at(1), town)).problem["type"].endswith("NonexistentTenant")
    assert (await client.post(REGISTRATIONS, source(1), town)).status == 201
    assert (await client.get(at(1), town)).status == 200
    assert (await client.get(at(1))).status == 404


EXCLUSIVE = about("level", type="Gauge", id=entity(1))


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ("exclusive", "exclusive", 409),
        ("exclusive", "redirect", 409),
        ("redirect", "exclusive", 409),
        ("redirect", "redirect", 201),
        ("exclusive", "inclusive", 201),
        ("inclusive", "exclusive", 201),
        ("exclusive", "auxiliary", 201),
    ],
)
async def test_what_is_exclusive_is_had_by_one_only(
    client: Client, first: str, second: str, status: int
) -> None:
    await register(client, source(1, EXCLUSIVE, mode=first))
    answer = await client.post(REGISTRATIONS, source(2, EXCLUSIVE, mode=second))
    assert answer.status == status
    if status == 409:
        assert refusal(answer) == (409, "Conflict", "body:/information")


@pytest.mark.parametrize(
    ("information", "status"),
    [
        (about("rain", type="Gauge", id=entity(1)), 201),
        (about("level", type="Gauge", id=entity(2)), 201),
        (about("level", type="Lake"), 201),
        (about("level", type="Gauge"), 409),
        (about(type="Gauge"), 409),
        (about("level"), 409),
        (about("level", "rain", type="Gauge", idPattern="1$"), 409),
        (about("level", type="Gauge", idPattern="2$"), 201),
    ],
    ids=str,
)
async def test_a_redirect_overlaps_an_exclusive_one_by_entity_and_attribute(
    quick: Client, information: dict[str, Any], status: int
) -> None:
    await register(quick, source(1, EXCLUSIVE, mode="exclusive"))
    sent = source(2, information, mode="redirect")
    assert (await quick.post(REGISTRATIONS, sent)).status == status


async def test_an_update_into_a_conflict_is_refused(client: Client) -> None:
    await register(client, source(1, EXCLUSIVE, mode="exclusive"), source(2, EXCLUSIVE))
    assert refusal(await client.patch(at(2), {"mode": "redirect"}))[:2] == (409, "Conflict")
    assert (await client.patch(at(1), {"endpoint": "http://localhost:8"})).status == 204


async def test_the_past_may_be_registered_beside_the_present(client: Client) -> None:
    past = {"observationInterval": {"startAt": "2020-01-01T00:00:00Z"}}
    await client.post(ENTITIES, gauge(1))
    await register(client, source(1, EXCLUSIVE, mode="exclusive", **past))
    await client.delete(f"{ENTITIES}/{entity(1)}")
    present = source(2, EXCLUSIVE, mode="exclusive")
    assert (await client.post(REGISTRATIONS, present)).status == 201


@pytest.mark.parametrize(
    ("mode", "information", "status"),
    [
        ("exclusive", EXCLUSIVE, 409),
        ("exclusive", about("rain", type="Gauge", id=entity(1)), 201),
        ("redirect", EXCLUSIVE, 409),
        ("redirect", about(type="Gauge"), 409),
        ("redirect", about("rain", type="Gauge"), 201),
        ("redirect", about(type="Gauge", idPattern="2$"), 201),
        ("inclusive", EXCLUSIVE, 201),
    ],
    ids=str,
)
async def test_what_is_here_is_not_registered_as_another_source_s(
    client: Client, mode: str, information: dict[str, Any], status: int
) -> None:
    await client.post(ENTITIES, gauge(1, level=5))
    answer = await client.post(REGISTRATIONS, source(1, information, mode=mode))
    assert answer.status == status
    if status == 409:
        assert refusal(answer) == (409, "Conflict", "body:/information")


async def test_a_tenant_has_so_many_registrations(
    quick: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST", 2)
    await register(quick, source(1), source(2))
    assert refusal(await quick.post(REGISTRATIONS, source(3)))[:2] == (400, "BadRequestData")
    assert (await quick.patch(at(2), {"scope": "/a"})).status == 204


async def test_what_has_expired_is_not_there_and_then_deleted(store: Store) -> None:
    clock = Ticking()
    soon = {"mode": "exclusive", "expiresAt": "2026-01-02T04:00:00Z"}
    async with running(store, clock=clock) as client:
        await register(
            client,
            source(1, EXCLUSIVE, **soon),
            source(2, EXCLUSIVE, **soon | {"mode": "inclusive"}),
        )
        await client.patch(at(2), {"expiresAt": "2026-01-02T05:00:00Z"})
        clock.advance(hours=1)
        assert (await client.get(at(1))).status == 404
        assert await found(client, type="Gauge") == ["2"]
        await register(client, source(3, EXCLUSIVE, mode="exclusive"))
        await client.broker.registrations.sweep()
        kept = await store.resources("", "csourceRegistration")
        assert [one.id for one in kept] == [urn(2), urn(3)]


async def test_what_expires_is_known_after_a_restart(store: Store) -> None:
    clock = Ticking()
    async with running(store, clock=clock) as client:
        await register(client, source(1, expiresAt="2026-01-02T04:00:00Z"))
    clock.advance(hours=1)
    async with running(store, clock=clock) as client:
        await client.broker.registrations.sweep()
        assert await store.resources("", "csourceRegistration") == []


async def test_only_who_administers_registers_sources_and_sees_their_keys() -> None:
    store = MemoryStore(clock=Ticking())
    async with running(store) as client:
        secret = [{"key": "Authorization", "value": "secret"}]
        await register(client, source(1, contextSourceInfo=secret))
    async with running(store, guard=TripwireGuard()) as client:
        for answer in (
            await client.post(REGISTRATIONS, source(2)),
            await client.patch(at(1), {"mode": "redirect"}),
            await client.delete(at(1)),
        ):
            assert answer.status == 403
        assert (await client.get(at(1))).json() == source(1)
        assert (await client.get(f"{REGISTRATIONS}?type=Gauge")).json() == [source(1)]
