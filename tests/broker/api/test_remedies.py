"""What a developer gets wrong in good faith is refused with the place, and with the way out."""

from typing import Any

import pytest

from tests.broker.api.data import ENTITIES, EX, OPERATIONS, V1, gauge
from tests.support.asgi import Client

CONTEXT = 'rel="http://www.w3.org/ns/json-ld#context"'
QUOTED = CONTEXT.replace('"', "'")
SUBSCRIPTION = {"type": "Subscription", "entities": [{"type": "Gauge"}]}
SOURCE = {"type": "ContextSourceRegistration", "information": [{"entities": [{"type": "A"}]}]}


async def told(
    client: Client, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, str, str]:
    """Return status, place and remedy of the answer."""
    sent = {"json": body} if body is not None else {}
    kind = {"content-type": "application/json"} if body is not None else {}
    answer = await client.request(method, path, {**kind, **headers}, **sent)
    problem = answer.problem
    return answer.status, problem["place"], problem["remedy"]


@pytest.mark.parametrize(
    ("query", "place", "remedy"),
    [
        ("q=name=='x'", "q", "double quotes"),
        ("q=level>=3%20and%20level<5", "q", "level>=3;level<5"),
        ("q=level==3%20OR%20level==5", "q", "; (and) or | (or)"),
        ("type=Gauge&orderBy=!level", "orderBy", "waterLevel;desc"),
    ],
)
async def test_a_query_in_another_language_is_told_this_one(
    quick: Client, query: str, place: str, remedy: str
) -> None:
    status, where, way_out = await told(quick, "GET", f"{ENTITIES}?{query}")
    assert (status, where) == (400, f"query:{place}")
    assert remedy in way_out


@pytest.mark.parametrize(
    "link",
    [f"https://x.example/c; {CONTEXT}", f"<https://x.example/c>; {QUOTED}"],
    ids=["without brackets", "single quotes"],
)
async def test_a_context_link_that_cannot_be_read_is_not_passed_over(
    quick: Client, link: str
) -> None:
    for method, path, body in (("GET", f"{ENTITIES}?type=A", None), ("POST", ENTITIES, gauge())):
        status, place, remedy = await told(quick, method, path, body, link=link)
        assert (status, place) == (400, "header:Link")
        assert f"<https://…>; {CONTEXT}" in remedy


@pytest.mark.parametrize(
    ("path", "body", "place", "remedy"),
    [
        (f"{OPERATIONS}/upsert?options=replace,update", [gauge()], "query:options", "one of"),
        (f"{V1}/subscriptions", SUBSCRIPTION, "body:/notification", '"endpoint": {"uri"'),
        (
            f"{V1}/subscriptions",
            {**SUBSCRIPTION, "notification": {"endpoint": "http://x.example/n"}},
            "body:/notification/endpoint",
            '{"uri": ',
        ),
        (
            f"{V1}/subscriptions",
            {**SUBSCRIPTION, "notification": {"endpoint": {"url": "http://x.example/n"}}},
            "body:/notification/endpoint/uri",
            'Add "uri"',
        ),
        (f"{V1}/csourceRegistrations", SOURCE, "body:/endpoint", '"endpoint": "http'),
    ],
)
async def test_a_body_that_lacks_something_is_told_how_to_write_it(
    quick: Client, path: str, body: Any, place: str, remedy: str
) -> None:
    status, where, way_out = await told(quick, "POST", path, body)
    assert (status, where) == (400, place)
    assert remedy in way_out


async def test_bounds_between_which_nothing_lies_are_refused(quick: Client) -> None:
    bounds = {"bounded": [{"attribute": "level", "min": 5, "max": 1}]}
    status, place, _ = await told(quick, "PUT", f"{EX}/typeRules/Gauge", bounds)
    assert (status, place) == (400, "body:/bounded/0")
    bounds["bounded"][0]["max"] = 5
    assert (await quick.put(f"{EX}/typeRules/Gauge", bounds)).status == 204


async def test_a_remedy_is_none_that_would_be_refused(quick: Client) -> None:
    path = f"{V1}/temporal/entities/{gauge()['id']}?lastN="
    for count in ("-1", "0"):
        status, place, remedy = await told(quick, "GET", path + count)
        assert (status, place) == (400, "query:lastN")
        assert "lastN=1" in remedy


ENDPOINT = {"uri": "http://127.0.0.1:9/n"}


async def made(client: Client, subscription: dict[str, Any]) -> str:
    """Create a subscription; return its path."""
    path = (await client.post(f"{V1}/subscriptions", subscription)).header("location")
    assert path is not None
    return path


@pytest.mark.parametrize(
    ("members", "place", "remedy"),
    [
        ({"watchedAttribute": ["level"]}, "watchedAttribute", "watchedAttributes?"),
        ({"notifcation": {}}, "notifcation", "notification?"),
        ({"isactive": False}, "isactive", "isActive?"),
        ({"format": "concise"}, "format", "in notification."),
        ({"entities": [{"type": "A", "idPatern": "x"}]}, "entities/0/idPatern", "idPattern?"),
        ({"geoQ": {"georel": "equals", "geoProperty": "a"}}, "geoQ/geoProperty", "geoproperty?"),
        ({"temporalQ": {"timerel": "after", "timeat": "x"}}, "temporalQ/timeat", "timeAt?"),
        (
            {"notification": {"endpoint": ENDPOINT, "showChange": True}},
            "notification/showChange",
            "showChanges?",
        ),
        (
            {"notification": {"endpoint": {**ENDPOINT, "recieverInfo": []}}},
            "notification/endpoint/recieverInfo",
            "receiverInfo?",
        ),
    ],
)
async def test_a_slip_in_a_subscription_is_not_passed_over(
    quick: Client, members: dict[str, Any], place: str, remedy: str
) -> None:
    body = {**SUBSCRIPTION, "notification": {"endpoint": ENDPOINT}, **members}
    status, where, way_out = await told(quick, "POST", f"{V1}/subscriptions", body)
    assert (status, where) == (400, f"body:/{place}")
    assert remedy in way_out


async def test_a_slip_in_a_change_of_a_subscription_is_not_passed_over(quick: Client) -> None:
    body = {**SUBSCRIPTION, "notification": {"endpoint": ENDPOINT}}
    path = await made(quick, body)
    for value in (5, None):
        status, place, _ = await told(quick, "PATCH", path, {"throttlin": value})
        assert (status, place) == (400, "body:/throttlin")


async def test_a_subscription_can_be_sent_back_as_it_was_shown(quick: Client) -> None:
    more = {"ofALaterVersion": 1, "__context": "http://x.example"}
    body = {**SUBSCRIPTION, "notification": {"endpoint": ENDPOINT, "timesSent": 1}, **more}
    path = await made(quick, body)
    shown = (await quick.get(f"{path}?options=sysAttrs")).json()
    assert (await quick.patch(path, shown)).status == 204


@pytest.mark.parametrize("query", ["scopeQ=/+/North", "scopeQ=/Hitoyoshi/%23"])
async def test_a_scope_query_of_the_remedy_is_taken_as_it_is_written(
    quick: Client, query: str
) -> None:
    remedy = (await told(quick, "GET", f"{ENTITIES}?type=A&scopeQ=/"))[2]
    assert query.removeprefix("scopeQ=").replace("%23", "#") in remedy
    assert (await quick.get(f"{ENTITIES}?type=A&{query}")).status == 200


async def test_a_plus_in_a_scope_query_stands_for_one_level(quick: Client) -> None:
    for number, scope in enumerate(("/a/North", "/North")):
        await quick.post(ENTITIES, {"id": f"urn:scoped:{number}", "type": "Scoped", "scope": scope})
    found = await quick.get(f"{ENTITIES}?type=Scoped&scopeQ=/+/North")
    assert [each["id"] for each in found.json()] == ["urn:scoped:0"]


async def test_nothing_is_said_to_be_what_it_is(quick: Client) -> None:
    for body, place, detail in (
        ({**SUBSCRIPTION, "notification": {}}, "notification", "is empty"),
        ({**SUBSCRIPTION, "entities": []}, "entities", "it has 0"),
    ):
        answer = await quick.post(f"{V1}/subscriptions", body)
        assert answer.problem["place"] == f"body:/{place}"
        assert detail in answer.problem["detail"]


async def test_keys_in_brackets_of_their_own_are_told_how_to_stand_in_one(quick: Client) -> None:
    _, place, remedy = await told(quick, "GET", f"{ENTITIES}?type=A&q=address[street][no]>2")
    assert place == "query:q"
    assert "address[street.no]" in remedy


async def test_an_mqtt_endpoint_without_a_topic_to_publish_to_is_told_where_it_stands(
    quick: Client,
) -> None:
    for uri in ("mqtt://m.example", "mqtt://m.example/town/#"):
        body = {**SUBSCRIPTION, "notification": {"endpoint": {"uri": uri}}}
        status, place, remedy = await told(quick, "POST", f"{V1}/subscriptions", body)
        assert (status, place) == (400, "body:/notification/endpoint/uri")
        assert "mqtt://broker.example/town/alerts" in remedy


async def test_a_place_to_order_from_without_an_order_by_distance_is_refused(
    quick: Client,
) -> None:
    for order in ("", "&orderBy=location"):
        query = f"{ENTITIES}?type=A&orderFrom=[1,2]{order}"
        status, place, remedy = await told(quick, "GET", query)
        assert (status, place) == (400, "query:orderFrom")
        assert "location;dist-asc" in remedy


async def test_a_query_of_history_in_a_body_is_told_where_its_time_belongs(quick: Client) -> None:
    body = {"type": "Query", "entities": [{"type": "A"}]}
    path = f"{V1}/temporal/entityOperations/query"
    assert (await told(quick, "POST", path, body))[:2] == (400, "body:/temporalQ/timerel")


async def test_the_list_that_is_named_where_a_registration_is_not_found_has_all(
    quick: Client,
) -> None:
    path = f"{V1}/csourceRegistrations"
    source = {**SOURCE, "endpoint": "http://x.example"}
    sources = [source, {**source, "information": [{"propertyNames": ["a"]}]}]
    made = [(await quick.post(path, each)).header("location") for each in sources]
    _, _, remedy = await told(quick, "GET", f"{path}/urn:nobody")
    listed = await quick.get(remedy.rpartition("GET ")[2].removesuffix("."))
    assert {f"{path}/{each['id']}" for each in listed.json()} >= set(made)
