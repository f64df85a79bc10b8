"""`/subscriptions` and `/subscriptions/{id}` (§6.10, §6.11): every rule, and what comes back."""

import asyncio
from typing import Any

import pytest

from broker.guard import ANYONE
from broker.jsonld.core import CORE_CONTEXT
from broker.store.outbox import Books, Failure, Outcome, Settlement
from tests.broker.api.data import CORE, ENTITIES, ERRORS, INLINE, LD, V1, gauge, urn
from tests.support.asgi import Client
from tests.support.patience import PATIENCE

SUBSCRIPTIONS = f"{V1}/subscriptions"
S = "urn:ngsi-ld:Subscription:s"
ONE = f"{SUBSCRIPTIONS}/{S}"
NOTIFY: dict[str, Any] = {"endpoint": {"uri": "http://localhost:9999/notify"}}
MQTT = "mqtt://localhost:1883/town/gauges"


@pytest.fixture
async def client(client: Client) -> Client:
    """Let nothing be delivered: what is queued stays there to be counted."""
    await client.broker.delivery.close()
    return client


@pytest.fixture
async def quick(quick: Client) -> Client:
    """Let nothing be delivered."""
    await quick.broker.delivery.close()
    return quick


def subscription(**members: Any) -> dict[str, Any]:
    """Return a subscription to gauges; a member that is None is left out."""
    told = {
        "id": S,
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "notification": NOTIFY,
        **members,
    }
    return {name: value for name, value in told.items() if value is not None}


async def created(client: Client, headers: dict[str, str] | None = None, **members: Any) -> Any:
    """Create a subscription and return it as it is then shown."""
    answer = await client.post(SUBSCRIPTIONS, subscription(**members), headers)
    assert answer.status == 201, answer.body
    return (await client.get(ONE, headers)).json()


async def books(client: Client) -> Books:
    """Return the books of the whole store."""
    return await client.broker.store.outbox.books()


async def test_a_subscription_is_created_and_shown(client: Client) -> None:
    answer = await client.post(SUBSCRIPTIONS, subscription())
    assert (answer.status, answer.header("location"), answer.body) == (201, ONE, b"")
    found = await client.get(ONE)
    assert found.status == 200
    assert found.header("link") is not None
    assert found.json() == {
        **subscription(),
        "notificationTrigger": ["attributeCreated", "attributeUpdated"],
        "jsonldContext": CORE,
        "status": "active",
    }


async def test_an_id_is_made_where_none_is_given(quick: Client) -> None:
    answer = await quick.post(SUBSCRIPTIONS, subscription(id=None))
    where = answer.header("location") or ""
    assert where.startswith(f"{SUBSCRIPTIONS}/urn:ngsi-ld:Subscription:")
    assert (await quick.get(where)).json()["id"] == where.removeprefix(f"{SUBSCRIPTIONS}/")


async def test_an_id_is_taken_once(client: Client) -> None:
    await created(client)
    answer = await client.post(SUBSCRIPTIONS, subscription())
    assert answer.problem["type"] == ERRORS + "AlreadyExists"
    assert answer.status == 409


async def test_all_members_come_back_as_they_were_sent(client: Client) -> None:
    sent = subscription(
        subscriptionName="levels",
        description="a gauge",
        entities=[
            {"type": "Gauge", "id": [urn(1), urn(2)]},
            {"type": "(Gauge;Device)|Lake", "idPattern": "^urn:.*"},
            {"type": "*"},
        ],
        watchedAttributes=["level", "https://example.org/raw"],
        notificationTrigger=["entityCreated", "attributeDeleted"],
        q="level>3;name==%22a%22",
        geoQ={"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [1, 2]},
        scopeQ="/a/#",
        lang="ja",
        datasetId=["@none", "urn:x:1"],
        isActive=True,
        expiresAt="2090-01-01T00:00:00Z",
        throttling=0.5,
        localOnly=True,
        splitEntities=False,
        ngsildConformance="1.9",
        notification={
            "pick": ["id", "type", "level"],
            "format": "concise",
            "showChanges": True,
            "sysAttrs": True,
            "join": "flat",
            "joinLevel": 2,
            "endpoint": {
                "uri": "http://localhost:9999/x",
                "accept": "application/ld+json",
                "timeout": 500,
                "cooldown": 1000,
                "receiverInfo": [{"key": "X-Key", "value": "k"}],
                "notifierInfo": [{"key": "any", "value": ""}],
            },
        },
    )
    found = await created(client, **sent)
    assert found == {**sent, "q": 'level>3;name=="a"', "jsonldContext": CORE, "status": "active"}


async def test_names_are_shown_with_the_context_of_who_asks(client: Client) -> None:
    sent = subscription(
        entities=[{"type": "Gauge"}],
        watchedAttributes=["level"],
        geoQ={
            "georel": "within",
            "geometry": "Point",
            "coordinates": [1, 2],
            "geoproperty": "level",
        },
        notification={**NOTIFY, "attributes": ["level"]},
    )
    answer = await client.post(SUBSCRIPTIONS, {**sent, "@context": INLINE}, LD)
    assert answer.status == 201
    found = (await client.get(ONE)).json()
    assert found["entities"] == [{"type": INLINE["Gauge"]}]
    assert found["watchedAttributes"] == [INLINE["level"]]
    assert found["geoQ"]["geoproperty"] == INLINE["level"]
    assert found["notification"]["attributes"] == [INLINE["level"]]


async def test_json_ld_is_shown_with_its_context(quick: Client) -> None:
    await created(quick)
    answer = await quick.get(ONE, {"accept": "application/ld+json"})
    assert (answer.header("content-type"), answer.header("link")) == ("application/ld+json", None)
    assert answer.json()["@context"] == CORE
    (listed,) = (await quick.get(SUBSCRIPTIONS, {"accept": "application/ld+json"})).json()
    assert listed == answer.json()


async def test_unknown_members_and_those_of_the_broker_are_not_kept(quick: Client) -> None:
    found = await created(quick, status="expired", anythingElse=1, createdAt="never")
    assert found["status"] == "active"
    assert not found.keys() & {"anythingElse", "createdAt"}
    again = await quick.get(f"{ONE}?options=sysAttrs")
    assert again.json()["createdAt"] == again.json()["modifiedAt"]


async def test_the_list_is_in_order_of_creation_and_paged(client: Client) -> None:
    ids = [f"urn:ngsi-ld:Subscription:{name}" for name in "cab"]
    for one in ids:
        await client.post(SUBSCRIPTIONS, subscription(id=one))
    answer = await client.get(f"{SUBSCRIPTIONS}?limit=1&offset=1&count=true")
    assert [each["id"] for each in answer.json()] == [ids[1]]
    assert answer.header("ngsild-results-count") == "3"
    links = answer.all("link")[1:]
    assert [link.partition(";")[2] for link in links] == [
        ' rel="next"; type="application/json"',
        ' rel="prev"; type="application/json"',
    ]
    assert "limit=1&offset=2>" in links[0]


async def test_a_page_has_bounds(quick: Client) -> None:
    await created(quick)
    assert (await quick.get(f"{SUBSCRIPTIONS}?limit=100000")).status == 403
    assert (await quick.get(f"{SUBSCRIPTIONS}?limit=0")).status == 400
    assert (await quick.get(f"{SUBSCRIPTIONS}?limit=0&count=true")).json() == []


async def test_tenants_have_subscriptions_of_their_own(client: Client) -> None:
    tenant = {"ngsild-tenant": "drill"}
    assert (await client.get(SUBSCRIPTIONS, tenant)).status == 404
    await created(client, tenant)
    assert (await client.get(SUBSCRIPTIONS)).json() == []
    assert (await client.get(ONE)).status == 404
    assert (await client.get(ONE, tenant)).status == 200


async def test_what_is_not_there_is_not_found(client: Client) -> None:
    for method in ("GET", "DELETE"):
        assert (await client.request(method, ONE)).status == 404
    answer = await client.request("PATCH", ONE, json={"isActive": False})
    assert answer.problem["type"] == ERRORS + "ResourceNotFound"
    assert (await client.get(f"{SUBSCRIPTIONS}/no uri".replace(" ", "%20"))).status == 400
    assert (await client.request("DELETE", f"{SUBSCRIPTIONS}/")).status == 405


async def test_a_deleted_subscription_is_gone(client: Client) -> None:
    await created(client)
    await client.post(ENTITIES, gauge())
    assert (await client.request("DELETE", ONE)).status == 204
    assert (await client.get(ONE)).status == 404
    assert await books(client) == Books(queued=1, cancelled=1)


# What is refused, and where

BAD: list[tuple[dict[str, Any], str]] = [
    ({"id": ""}, "/id"),
    ({"id": "no uri"}, "/id"),
    ({"type": "Subscriptions"}, "/type"),
    ({"type": None}, "/type"),
    ({"entities": None}, "/entities"),
    ({"entities": []}, "/entities"),
    ({"entities": {}}, "/entities"),
    ({"entities": [{}]}, "/entities/0"),
    ({"entities": [{"id": urn(1)}]}, "/entities/0/type"),
    ({"entities": [{"type": ""}]}, "/entities/0/type"),
    ({"entities": [{"type": ["Gauge"]}]}, "/entities/0/type"),
    ({"entities": [{"type": "(A"}]}, "/entities/0/type"),
    ({"entities": [{"type": "Gauge", "id": "x y"}]}, "/entities/0/id"),
    ({"entities": [{"type": "Gauge", "id": []}]}, "/entities/0/id"),
    ({"entities": [{"type": "Gauge", "idPattern": "("}]}, "/entities/0/idPattern"),
    ({"watchedAttributes": []}, "/watchedAttributes"),
    ({"watchedAttributes": ["a b"]}, "/watchedAttributes/0"),
    ({"watchedAttributes": ["id"]}, "/watchedAttributes/0"),
    ({"notificationTrigger": []}, "/notificationTrigger"),
    ({"notificationTrigger": ["entityCreated", "never"]}, "/notificationTrigger/1"),
    ({"timeInterval": 0}, "/timeInterval"),
    ({"timeInterval": "1"}, "/timeInterval"),
    ({"timeInterval": 5, "throttling": 5}, "/throttling"),
    ({"timeInterval": 5, "watchedAttributes": ["level"]}, "/watchedAttributes"),
    ({"timeInterval": 5, "entities": None}, "/entities"),
    ({"throttling": -1}, "/throttling"),
    ({"throttling": True}, "/throttling"),
    ({"q": ""}, "/q"),
    ({"q": "level>"}, "/q"),
    ({"q": 5}, "/q"),
    ({"csf": "=="}, "/csf"),
    ({"scopeQ": "//"}, "/scopeQ"),
    ({"geoQ": {}}, "/geoQ"),
    ({"geoQ": {"georel": "within"}}, "/geoQ/geometry"),
    (
        {"geoQ": {"georel": "nearby", "geometry": "Point", "coordinates": [1, 2]}},
        "/geoQ/georel",
    ),
    ({"lang": ""}, "/lang"),
    ({"datasetId": []}, "/datasetId"),
    ({"datasetId": ["x"]}, "/datasetId/0"),
    ({"isActive": "true"}, "/isActive"),
    ({"expiresAt": "2020-01-01T00:00:00Z"}, "/expiresAt"),
    ({"expiresAt": "tomorrow"}, "/expiresAt"),
    ({"jsonldContext": "no uri"}, "/jsonldContext"),
    ({"localOnly": 1}, "/localOnly"),
    ({"ngsildConformance": "1"}, "/ngsildConformance"),
    ({"subscriptionName": ""}, "/subscriptionName"),
    ({"description": 3}, "/description"),
    ({"notification": None}, "/notification"),
    ({"notification": {}}, "/notification"),
    ({"notification": {"format": "concise"}}, "/notification/endpoint"),
]

NOTIFICATIONS: list[tuple[dict[str, Any], str]] = [
    ({"attributes": []}, "/attributes"),
    ({"attributes": ["type"]}, "/attributes/0"),
    ({"pick": []}, "/pick"),
    ({"pick": ["a,b"]}, "/pick/0"),
    ({"pick": ["level"], "attributes": ["level"]}, "/pick"),
    ({"omit": ["level"], "attributes": ["level"]}, "/omit"),
    ({"pick": ["level"], "omit": ["level"]}, "/omit"),
    ({"format": "geojson"}, "/format"),
    ({"format": "keyValues", "showChanges": True}, "/showChanges"),
    ({"format": "simplified", "showChanges": True}, "/showChanges"),
    ({"sysAttrs": "yes"}, "/sysAttrs"),
    ({"join": "outer"}, "/join"),
    ({"join": "flat", "joinLevel": 0}, "/joinLevel"),
    ({"joinLevel": 1}, "/joinLevel"),
    ({"endpoint": {}}, "/endpoint"),
    ({"endpoint": {"accept": "application/json"}}, "/endpoint/uri"),
]

ENDPOINTS: list[tuple[dict[str, Any], str]] = [
    ({"uri": "ftp://localhost/x"}, "/uri"),
    ({"uri": "http://"}, "/uri"),
    ({"uri": "http://user:secret@localhost/"}, "/uri"),
    ({"uri": "mqtt://localhost"}, "/uri"),
    ({"uri": "mqtt://localhost/a/+"}, "/uri"),
    ({"uri": "http://169.254.169.254/latest"}, "/uri"),
    ({"uri": "mqtt://169.254.169.254/latest"}, "/uri"),
    ({"accept": "text/plain"}, "/accept"),
    ({"timeout": 0}, "/timeout"),
    ({"cooldown": -5}, "/cooldown"),
    ({"receiverInfo": []}, "/receiverInfo"),
    ({"receiverInfo": [{"key": "X"}]}, "/receiverInfo/0/value"),
    ({"receiverInfo": [{"key": "", "value": "x"}]}, "/receiverInfo/0/key"),
    ({"receiverInfo": [{"key": "X", "value": 1}]}, "/receiverInfo/0/value"),
    ({"receiverInfo": [{"key": "X Y", "value": "x"}]}, "/receiverInfo/0/key"),
    ({"receiverInfo": [{"key": "X", "value": "a\r\nHost: b"}]}, "/receiverInfo/0/value"),
    ({"notifierInfo": ["x"]}, "/notifierInfo/0"),
    ({"uri": MQTT, "notifierInfo": [{"key": "MQTT-QoS", "value": "3"}]}, "/notifierInfo/0/value"),
    (
        {"uri": MQTT, "notifierInfo": [{"key": "MQTT-Version", "value": "5"}]},
        "/notifierInfo/0/value",
    ),
]


@pytest.mark.parametrize(
    ("members", "place"),
    [
        *BAD,
        *(
            ({"notification": {**NOTIFY, **members}}, "/notification" + place)
            for members, place in NOTIFICATIONS
        ),
        *(
            (
                {"notification": {"endpoint": {**NOTIFY["endpoint"], **members}}},
                "/notification/endpoint" + place,
            )
            for members, place in ENDPOINTS
        ),
    ],
)
async def test_a_bad_member_is_refused_at_its_place(
    quick: Client, members: dict[str, Any], place: str
) -> None:
    answer = await quick.post(SUBSCRIPTIONS, subscription(**members))
    assert answer.status == 400, answer.body
    assert answer.problem["type"] == ERRORS + "BadRequestData"
    assert answer.problem["place"] == f"body:{place}"


async def test_a_body_that_is_no_subscription_is_refused(quick: Client) -> None:
    bodies: list[Any] = [{}, [], "x", None]
    for body in bodies:
        assert (await quick.post(SUBSCRIPTIONS, body)).problem["type"] == ERRORS + "BadRequestData"
    broken = await quick.request("POST", SUBSCRIPTIONS, body=b"{", headers=LD)
    assert broken.problem["type"] == ERRORS + "InvalidRequest"


async def test_a_context_for_notifications_that_cannot_be_had_is_504(quick: Client) -> None:
    sent = subscription(jsonldContext="http://localhost:1/none.jsonld")
    answer = await quick.post(SUBSCRIPTIONS, sent)
    assert (answer.status, answer.problem["place"]) == (504, "body:/jsonldContext")


async def test_only_local_subscriptions_may_be_about_everything(quick: Client) -> None:
    assert (await created(quick, entities=None, localOnly=True))["localOnly"] is True


async def test_mqtt_endpoints_are_taken(quick: Client) -> None:
    info = [{"key": "MQTT-Version", "value": "mqtt3.1.1"}, {"key": "MQTT-QoS", "value": "2"}]
    sent = {"endpoint": {"uri": MQTT, "notifierInfo": info}}
    assert (await created(quick, notification=sent))["notification"] == sent


# Changing


async def patched(client: Client, **members: Any) -> Any:
    """Change members and return the subscription as it is then shown."""
    answer = await client.request("PATCH", ONE, json=members)
    assert answer.status == 204, answer.body
    return (await client.get(ONE)).json()


async def test_each_member_given_replaces_the_one_there(client: Client) -> None:
    before = await created(client, description="old", q="level>1")
    after = await patched(client, description="new", notification={**NOTIFY, "format": "concise"})
    assert after == {
        **before,
        "description": "new",
        "notification": {**NOTIFY, "format": "concise"},
    }


@pytest.mark.parametrize("null", [None, "urn:ngsi-ld:null"])
async def test_null_removes_a_member(client: Client, null: Any) -> None:
    await created(client, q="level>1", description="x")
    after = await patched(client, q=null, description=null)
    assert not after.keys() & {"q", "description"}
    await client.post(ENTITIES, gauge(level=0))
    assert (await books(client)).queued == 1


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"notification": None}, "/notification"),
        ({"notification": "urn:ngsi-ld:null"}, "/notification"),
        ({"notification": {"format": "keyValues"}}, "/notification/endpoint"),
        ({"notification": {"endpoint": None}}, "/notification/endpoint"),
        ({"type": "Other"}, "/type"),
        ({"id": "urn:ngsi-ld:Subscription:other"}, "/id"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "/expiresAt"),
        ({"entities": None}, "/entities"),
        ({"timeInterval": 5, "throttling": 1}, "/throttling"),
        ({"q": "("}, "/q"),
    ],
)
async def test_a_bad_change_is_refused_and_changes_nothing(
    quick: Client, members: dict[str, Any], place: str
) -> None:
    before = await created(quick)
    answer = await quick.request("PATCH", ONE, json=members)
    assert (answer.status, answer.problem["place"]) == (400, f"body:{place}")
    assert (await quick.get(ONE)).json() == before


async def test_an_empty_change_is_refused(quick: Client) -> None:
    await created(quick)
    assert (await quick.request("PATCH", ONE, json={})).status == 400


async def test_pausing_cancels_what_waits_and_starting_again_brings_nothing_back(
    client: Client,
) -> None:
    await created(client)
    await client.post(ENTITIES, gauge())
    assert (await patched(client, isActive=False))["status"] == "paused"
    await client.request("PATCH", f"{ENTITIES}/{urn(1)}/attrs", json={"level": 2})
    assert await books(client) == Books(queued=1, cancelled=1)
    assert (await patched(client, isActive=True))["status"] == "active"
    await client.request("PATCH", f"{ENTITIES}/{urn(1)}/attrs", json={"level": 3})
    assert await books(client) == Books(queued=2, cancelled=1, waiting=1)


async def test_a_subscription_expires_by_itself_and_stays_there(client: Client) -> None:
    await created(client, expiresAt="2026-01-02T04:00:00Z")
    clocks: list[Any] = [client.broker.clock, client.broker.entities.store._clock]  # type: ignore[attr-defined]
    for clock in clocks:
        clock.advance(hours=1)
    assert (await client.get(ONE)).json()["status"] == "expired"
    await client.post(ENTITIES, gauge())
    assert (await books(client)).queued == 0
    assert (await patched(client, isActive=True))["status"] == "expired"
    assert (await patched(client, isActive=False))["status"] == "expired"
    assert (await patched(client, expiresAt="2026-01-03T00:00:00Z"))["status"] == "paused"
    assert (await patched(client, isActive=True))["status"] == "active"
    await client.request("PATCH", f"{ENTITIES}/{urn(1)}/attrs", json={"level": 2})
    assert (await books(client)).queued == 1


async def test_deliveries_show_in_the_notification_member(client: Client) -> None:
    await created(client)
    await client.post(ENTITIES, gauge())
    outbox = client.broker.store.outbox
    sid = (await outbox.queues())[0]
    (row,) = await outbox.waiting(sid)
    failed, sent = "2026-01-02T05:00:00.000000Z", "2026-01-02T06:00:00.000000Z"
    await outbox.settle(failures=[Failure(sid, row.seq, failed, 1, sent, "503")])
    told = (await client.get(ONE)).json()["notification"]
    assert (told["status"], told["timesSent"], told["timesFailed"]) == ("failed", 1, 1)
    assert (told["lastNotification"], told["lastFailure"]) == (failed, failed)
    await outbox.settle([Settlement(sid, row.seq, Outcome.DELIVERED, sent, 2)])
    told = (await client.get(ONE)).json()["notification"]
    assert (told["status"], told["timesSent"], told["timesFailed"]) == ("ok", 2, 1)
    assert (told["lastSuccess"], told["lastFailure"]) == (sent, failed)


async def test_the_caller_who_creates_a_subscription_owns_it(client: Client) -> None:
    await created(client, {"machi-client": "kijiko"})
    (stored,) = await client.broker.store.outbox.all()
    assert stored.document["owner"]["client"] == "kijiko"
    await client.request("PATCH", ONE, {"machi-client": "other"}, json={"description": "x"})
    (stored,) = await client.broker.store.outbox.all()
    assert stored.document["owner"]["client"] == "kijiko"


async def test_a_password_in_an_endpoint_is_shown_to_its_owner_only(quick: Client) -> None:
    uri = "mqtt://town:secret@localhost/levels"
    await created(quick, {"machi-client": "a"}, notification={"endpoint": {"uri": uri}})
    own = (await quick.get(ONE, {"machi-client": "a"})).json()
    assert own["notification"]["endpoint"]["uri"] == uri
    other = await quick.get(ONE)
    assert other.json()["notification"]["endpoint"]["uri"] == uri.replace("secret", "***")
    assert b"secret" not in (await quick.get(SUBSCRIPTIONS)).body


async def test_an_update_waits_for_another_of_the_same_subscription_and_for_no_other(
    quick: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await created(quick)
    other = subscription(id=f"{S}:other")
    assert (await quick.post(SUBSCRIPTIONS, other)).status == 201
    slow, asked, answered = "http://localhost:9/slow.jsonld", asyncio.Event(), asyncio.Event()

    async def resolve(given: Any, **options: Any) -> None:
        asked.set()
        await answered.wait()

    with monkeypatch.context() as patch:
        patch.setattr(quick.broker.subscriptions._contexts, "resolve", resolve)
        body = {"jsonldContext": slow, "subscriptionName": "first"}
        first = asyncio.ensure_future(
            quick.broker.subscriptions.update(ANYONE, "", S, body, CORE_CONTEXT)
        )
        await asked.wait()
    second = asyncio.ensure_future(quick.patch(ONE, {"description": "second"}))
    async with asyncio.timeout(PATIENCE):
        assert (await quick.patch(f"{ONE}:other", {"description": "third"})).status == 204
    assert not second.done()
    answered.set()
    await first
    assert (await second).status == 204
    told = (await quick.get(ONE)).json()
    assert (told["subscriptionName"], told["description"]) == ("first", "second")
