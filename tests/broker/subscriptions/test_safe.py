"""Secrets of receivers: sealed in the file, opened for delivery, masked for strangers."""

from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from broker.safe import KEY_FILE, MASK, Safe
from broker.subscriptions.endpoint import masked
from broker.subscriptions.safe import opened, seal
from tests.broker.api.data import EX, V1, gauge
from tests.support.live import live_broker
from tests.support.receivers import receiver

S = "urn:ngsi-ld:Subscription:s"
SUBSCRIPTIONS = f"{V1}/subscriptions"
TOKEN = "Bearer hitoyoshi-sesame"


def document(**endpoint: Any) -> dict[str, Any]:
    return {"members": {"id": S, "notification": {"endpoint": {"uri": "http://x/n", **endpoint}}}}


def endpoint(document: dict[str, Any]) -> Any:
    return document["members"]["notification"]["endpoint"]


SECRET = document(
    uri="mqtt://town:sesame@x/t",
    receiverInfo=[{"key": "Authorization", "value": TOKEN}, {"key": "X-Town", "value": "h"}],
    notifierInfo=[{"key": "MQTT-QoS", "value": "1"}, {"key": "Account", "value": "sesame"}],
)


def test_what_strangers_may_see_is_stored_and_the_rest_opens_again() -> None:
    safe = Safe()
    sealed = seal(safe, "town", SECRET)
    assert b"sesame" not in orjson.dumps(sealed)
    assert endpoint(sealed) == {
        "uri": f"mqtt://town:{MASK}@x/t",
        "receiverInfo": [
            {"key": "Authorization", "value": MASK},
            {"key": "X-Town", "value": MASK},
        ],
        "notifierInfo": [{"key": "MQTT-QoS", "value": "1"}, {"key": "Account", "value": MASK}],
    }
    assert endpoint(opened(safe, "town", sealed)) == endpoint(SECRET)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("mqtt://x/t", "mqtt://x/t"),
        ("mqtt://sesame@x:1/t?a=b", f"mqtt://{MASK}@x:1/t?a=b"),
        ("mqtt://town:@x/t", f"mqtt://town:{MASK}@x/t"),
        ("mqtts://town:a@b:c@[::1]/t", f"mqtts://town:{MASK}@[::1]/t"),
    ],
)
def test_passwords_and_lone_names_in_a_uri_are_secret(uri: str, shown: str) -> None:
    assert masked(uri) == shown


def test_what_has_no_secrets_needs_no_key() -> None:
    plain = document(notifierInfo=[{"key": "MQTT-QoS", "value": "1"}])
    safe = Safe(NoKeeper())
    assert seal(safe, "", plain) == plain
    assert opened(safe, "", plain) == plain


class NoKeeper:
    """Is asked for no key."""

    def read(self) -> bytes | None:
        raise AssertionError

    def make(self) -> bytes:
        raise AssertionError


async def call(url: str, method: str, path: str, body: Any = None, client: str = "") -> Any:
    """Return the status and the JSON of an answer to `client`."""
    headers = {"Machi-Client": client} if client else {}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, url + path, json=body) as answer,
    ):
        content = await answer.read()
        return answer.status, (orjson.loads(content) if content else None)


def subscription(uri: str) -> dict[str, Any]:
    """Return a subscription to gauges whose receiver wants a token."""
    where = {"uri": uri, "receiverInfo": [{"key": "Authorization", "value": TOKEN}]}
    return {
        "id": S,
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "notification": {"endpoint": where},
    }


async def test_secrets_reach_the_receiver_and_their_owner_and_nobody_else(tmp_path: Path) -> None:
    async with receiver() as one:
        body = subscription(one.url)
        async with live_broker(tmp_path) as url:
            assert (await call(url, "POST", SUBSCRIPTIONS, body, "town"))[0] == 201
        async with live_broker(tmp_path) as url:
            _, own = await call(url, "GET", f"{SUBSCRIPTIONS}/{S}", client="town")
            assert own["notification"]["endpoint"] == body["notification"]["endpoint"]
            _, others = await call(url, "GET", SUBSCRIPTIONS, client="visitor")
            masked = {"key": "Authorization", "value": MASK}
            assert others[0]["notification"]["endpoint"]["receiverInfo"] == [masked]
            assert (await call(url, "POST", f"{V1}/entities", gauge()))[0] == 201
            (got,) = await one.wait_for(1)
    assert got.headers["Authorization"] == TOKEN
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if b"sesame" in path.read_bytes()] == []


async def test_a_change_keeps_secrets_it_does_not_send_and_takes_no_mask_for_one(
    tmp_path: Path,
) -> None:
    async with live_broker(tmp_path) as url:
        where = f"{SUBSCRIPTIONS}/{S}"
        await call(url, "POST", SUBSCRIPTIONS, subscription("http://127.0.0.1:9/"))
        _, others = await call(url, "GET", where, client="visitor")
        back = {"notification": others["notification"]}
        status, problem = await call(url, "PATCH", where, back, "visitor")
        place = "body:/notification/endpoint/receiverInfo/0/value"
        assert (status, problem["place"]) == (400, place)
        assert (await call(url, "PATCH", where, {"throttling": 1}, "visitor"))[0] == 204
        _, own = await call(url, "GET", where)
        assert own["notification"]["endpoint"]["receiverInfo"][0]["value"] == TOKEN


async def test_where_the_key_is_lost_the_subscription_waits_and_says_so(tmp_path: Path) -> None:
    body = subscription("http://127.0.0.1:9/")
    async with live_broker(tmp_path) as url:
        await call(url, "POST", SUBSCRIPTIONS, body)
    (tmp_path / KEY_FILE).unlink()
    async with live_broker(tmp_path) as url:
        assert (await call(url, "POST", f"{V1}/entities", gauge()))[0] == 201
        asked = f"{EX}/subscriptions/{S}/explain?entity={gauge()['id']}"
        _, told = await call(url, "GET", asked)
        assert told["reason"]["code"] == "unready"
        assert KEY_FILE in told["reason"]["text"]
        _, shown = await call(url, "GET", f"{SUBSCRIPTIONS}/{S}")
        assert shown["notification"]["endpoint"]["receiverInfo"][0]["value"] == MASK
        renewed = {"notification": body["notification"]}
        assert (await call(url, "PATCH", f"{SUBSCRIPTIONS}/{S}", renewed))[0] == 204
        _, told = await call(url, "GET", asked)
        assert told["reason"]["code"] != "unready"
