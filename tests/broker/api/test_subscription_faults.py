"""What a subscription that is refused, or changed in part, says and keeps (§5.5.8, §5.8.1)."""

from typing import Any

import pytest

from tests.broker.api.data import CORE, ENTITIES, LD, urn
from tests.broker.api.test_subscriptions import NOTIFY, ONE, SUBSCRIPTIONS, subscription
from tests.support.asgi import Client

HOME = {"Gauge": "https://home.example/Gauge", "level": "https://home.example/level"}


async def detail(client: Client, body: Any) -> str:
    """Return why a subscription is refused."""
    answer = await client.post(SUBSCRIPTIONS, body)
    assert answer.status == 400, answer.body
    return str(answer.problem["detail"])


async def test_an_empty_body_is_not_said_to_be_no_object(quick: Client) -> None:
    assert await detail(quick, {}) == "A subscription is empty."


@pytest.mark.parametrize(("types", "at"), [("a b", 3), ("A,B;C", 4), ("A,(B", 3)])
async def test_a_fault_in_a_type_selection_is_counted_in_the_text_that_was_sent(
    quick: Client, types: str, at: int
) -> None:
    body = subscription(entities=[{"type": types}])
    assert (await detail(quick, body)).startswith(f"At character {at}: ")


async def test_booleans_are_quoted_as_json_writes_them(quick: Client) -> None:
    assert (await detail(quick, subscription(throttling=True))).endswith("it is true.")
    assert (await detail(quick, subscription(timeInterval=False))).endswith("it is false.")


async def test_a_query_keeps_its_names_when_other_values_are_expanded(client: Client) -> None:
    await client.broker.delivery.close()
    body = {**subscription(q="level>1"), "@context": HOME}
    assert (await client.post(SUBSCRIPTIONS, body, LD)).status == 201
    for values in (["kind"], None):
        assert (await client.patch(ONE, {"expandValues": values})).status == 204
    gauge = {"id": urn(1), "type": "Gauge", "level": {"type": "Property", "value": 2}}
    assert (await client.post(ENTITIES, {**gauge, "@context": HOME}, LD)).status == 201
    assert (await client.broker.store.outbox.books()).queued == 1


async def test_an_update_to_the_same_value_is_a_change(client: Client) -> None:
    await client.broker.delivery.close()
    level = {"level": {"type": "Property", "value": 2}}
    await client.post(ENTITIES, {"id": urn(1), "type": "Gauge", **level})
    await client.post(SUBSCRIPTIONS, subscription(notificationTrigger=["attributeUpdated"]))
    assert (await client.patch(f"{ENTITIES}/{urn(1)}", level)).status == 204
    assert (await client.broker.store.outbox.books()).queued == 1


@pytest.mark.parametrize(
    ("notification", "place"),
    [
        ({"pick": ["next{level}"]}, "/pick"),
        ({"omit": ["next{level}"]}, "/omit"),
        ({"join": "flat", "pick": ["next{next{level}}"]}, "/pick"),
        ({"join": "flat", "pick": ["next{level"]}, "/pick/0"),
        ({"join": "flat", "pick": ["id{level}"]}, "/pick/0"),
        ({"join": "flat", "pick": ["id", "level,next{level}"]}, "/pick/1"),
        ({"join": "flat", "pick": ["next{level}", "next{name}"]}, "/pick/1"),
        ({"join": "flat", "pick": ["next{level}"], "omit": ["next"]}, "/omit"),
        ({"join": "flat", "pick": ["next{level}"], "omit": ["next{level}"]}, "/omit"),
    ],
)
async def test_a_projection_that_cannot_be_kept_is_refused_at_its_place(
    quick: Client, notification: dict[str, Any], place: str
) -> None:
    body = subscription(notification={**NOTIFY, **notification})
    answer = await quick.post(SUBSCRIPTIONS, body)
    assert (answer.status, answer.problem["place"]) == (400, f"body:/notification{place}")


async def test_a_projection_of_linked_entities_is_shown_with_the_names_of_who_asks(
    quick: Client,
) -> None:
    pick = ["id", "level", "next{id,level,next{level}}"]
    told = {**NOTIFY, "join": "inline", "joinLevel": 2, "pick": pick}
    body = {**subscription(notification=told), "@context": HOME}
    assert (await quick.post(SUBSCRIPTIONS, body, LD)).status == 201
    shown = (await quick.get(ONE)).json()["notification"]["pick"]
    level = HOME["level"]
    assert shown == ["id", level, f"next{{id,{level},next{{{level}}}}}"]


@pytest.mark.parametrize("null", [None, "urn:ngsi-ld:null"])
async def test_notifications_have_a_context_to_fetch_when_theirs_is_removed(
    quick: Client, null: str | None
) -> None:
    await quick.post(SUBSCRIPTIONS, subscription(jsonldContext=CORE))
    change = {"jsonldContext": null, "@context": HOME}
    assert (await quick.patch(ONE, change, LD)).status == 204
    hosted = (await quick.get(ONE)).json()["jsonldContext"]
    path = hosted[hosted.index("/ngsi-ld/") :]
    assert (await quick.get(path)).json()["@context"] == HOME
