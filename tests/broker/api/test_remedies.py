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
