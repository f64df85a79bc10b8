"""Dead letters, books and the operator's page, over the API of a running broker."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from broker.api.operator_words import TEXTS
from broker.entities import links
from broker.store.memory import MemoryStore
from broker.store.outbox import Books
from broker.subscriptions.reasons import reason
from tests.broker.api.data import gauge, refusal
from tests.support.asgi import Answer, Client, Ticking, running
from tests.support.patience import PATIENCE
from tests.support.receivers import Receiver, answer, receiver

ENTITIES = "/ngsi-ld/v1/entities"
SUBSCRIPTIONS = "/ngsi-ld/v1/subscriptions"
LETTERS = "/ngsi-ld/ex/v1/dead-letters"
BOOKS = "/ngsi-ld/ex/v1/books"
S = "urn:ngsi-ld:Subscription:1"
RIVER = "urn:ngsi-ld:River:kuma"


class Town:
    """A broker and a receiver."""

    def __init__(self, client: Client, receiver: Receiver) -> None:
        self.client = client
        self.receiver = receiver

    async def subscribe(self, uri: str = "", id: str = S, **members: Any) -> None:
        body = {
            "id": id,
            "type": "Subscription",
            "entities": [{"type": "River"}],
            "notification": {"endpoint": {"uri": uri or self.receiver.url}},
            **members,
        }
        made = await self.client.post(SUBSCRIPTIONS, body)
        assert made.status == 201, made.body

    async def level(self, value: Any) -> None:
        body = [{"id": RIVER, "type": "River", "level": value}]
        sent = await self.client.post("/ngsi-ld/v1/entityOperations/upsert", body)
        assert sent.status in (201, 204)

    async def until(self, holds: Callable[[Books], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds(await self.client.broker.store.outbox.books()):
                await asyncio.sleep(0.001)

    async def letters(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = (await self.client.get(LETTERS)).json()
        return told

    async def dead(self, count: int) -> list[dict[str, Any]]:
        """Let so many notifications die."""
        await self.subscribe()
        for value in range(count):
            await self.level(value)
        await self.until(lambda books: books.dead == count)
        return await self.letters()

    async def form(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        page = (await self.client.get("/operator")).body.decode()
        token = re.findall('name="token" value="([0-9a-f]{64})"', page)[0]
        body = urlencode({"token": token, **fields}).encode()
        sent = {"content-type": "application/x-www-form-urlencoded", **headers}
        return await self.client.request("POST", path, sent, body=body)


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with receiver(answer(410)) as one, running(MemoryStore(clock=Ticking())) as client:
        yield Town(client, one)


async def test_a_dead_letter_says_what_died_and_why(town: Town) -> None:
    (letter,) = await town.dead(1)
    assert letter["subscriptionId"] == S
    assert letter["entityId"] == RIVER
    assert letter["change"] == "create"
    assert letter["reason"] == "The receiver answers 410 Gone."
    assert letter["attempts"] == 1
    assert letter["notificationId"] == town.receiver.got[0].json()["id"]


async def test_a_dead_letter_shows_the_notification_that_was_sent(town: Town) -> None:
    (letter,) = await town.dead(1)
    shown = (await town.client.get(f"{LETTERS}/{letter['id']}")).json()
    assert shown["notification"] == town.receiver.got[0].json()
    assert {name: shown[name] for name in letter} == letter


async def test_dead_letters_come_in_pages_the_newest_first(town: Town) -> None:
    letters = await town.dead(5)
    seqs = [int(letter["id"].partition("-")[2]) for letter in letters]
    assert seqs == sorted(seqs, reverse=True)
    page = await town.client.get(f"{LETTERS}?limit=2&offset=1&count=true")
    assert page.json() == letters[1:3]
    assert page.header("ngsild-results-count") == "5"
    assert any('rel="next"' in link for link in page.all("link"))


async def test_a_replayed_letter_is_sent_again_and_marked(town: Town) -> None:
    (letter,) = await town.dead(1)
    town.receiver.reply = answer(200)
    done = await town.client.request("POST", f"{LETTERS}/{letter['id']}/replay")
    assert done.status == 204
    await town.until(lambda books: books.delivered == 1)
    first, again = town.receiver.got
    assert first.body == again.body
    assert again.headers["Machi-Attempt"] == "2"
    assert await town.letters() == []


async def test_all_letters_of_a_subscription_are_replayed_in_order(town: Town) -> None:
    await town.dead(3)
    town.receiver.reply = answer(200)
    done = await town.client.post(f"{LETTERS}/replay", {"subscriptionId": S})
    assert (done.status, done.json()) == (200, {"replayed": 3})
    await town.until(lambda books: books.delivered == 3)
    assert [got.entity["level"]["value"] for got in town.receiver.got[3:]] == [0, 1, 2]


async def test_a_discarded_letter_is_gone_and_stays_counted(town: Town) -> None:
    letters = await town.dead(3)
    assert (await town.client.delete(f"{LETTERS}/{letters[0]['id']}")).status == 204
    assert await town.letters() == letters[1:]
    done = await town.client.post(f"{LETTERS}/discard", {"subscriptionId": S})
    assert done.json() == {"discarded": 2}
    assert (await town.client.get(BOOKS)).json()["all"]["dead"] == 3


@pytest.mark.parametrize("letter", ["9-9", "1-999"])
async def test_a_letter_that_is_not_there_is_404(town: Town, letter: str) -> None:
    await town.dead(1)
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/replay")):
        answered = await town.client.request(method, f"{LETTERS}/{letter}{path}")
        assert answered.status == 404
        assert answered.problem["place"] == "path:letter"


async def test_letters_belong_to_their_tenant(town: Town) -> None:
    (letter,) = await town.dead(1)
    other = {"ngsild-tenant": "elsewhere"}
    await town.client.post(ENTITIES, {"id": "urn:x:1", "type": "T"}, other)
    assert (await town.client.get(LETTERS, other)).json() == []
    assert (await town.client.get(f"{LETTERS}/{letter['id']}", other)).status == 404


@pytest.mark.parametrize("letter", ["x", "1", "0-1", "1-", "-1", "1-1-1"])
async def test_what_is_no_id_of_a_letter_is_400(town: Town, letter: str) -> None:
    answered = await town.client.get(f"{LETTERS}/{letter}")
    assert answered.problem["place"] == "path:letter"


@pytest.mark.parametrize("body", [[], {}, {"subscriptionId": 1}, "x"])
async def test_replaying_needs_a_subscription(town: Town, body: Any) -> None:
    answered = await town.client.post(f"{LETTERS}/replay", body)
    assert (answered.status, answered.problem["place"]) == (400, "body:/subscriptionId")


async def test_the_books_account_for_every_notification(town: Town) -> None:
    await town.dead(2)
    told = (await town.client.get(BOOKS)).json()
    assert told["all"] == {
        "queued": 2, "delivered": 0, "dead": 2, "expired": 0, "cancelled": 0, "withheld": 0,
        "superseded": 0, "waiting": 0, "throttled": 0, "balanced": True,
    }  # fmt: skip
    (account,) = told["subscriptions"]
    assert account["books"] == told["all"]
    assert account["lastError"] == "The receiver answers 410 Gone."
    assert told["servers"] == [
        {"server": town.receiver.url.removesuffix("/notify"), "breaker": "closed", "note": ""}
    ]
    assert (await town.client.get(f"{BOOKS}?subscriptionId={S}")).json() == account


async def test_the_subscriptions_of_the_books_are_counted_where_asked(town: Town) -> None:
    await town.dead(1)
    told = await town.client.get(f"{BOOKS}?count=true&limit=0")
    assert (told.header("ngsild-results-count"), told.json()["subscriptions"]) == ("1", [])
    assert (await town.client.get(BOOKS)).header("ngsild-results-count") is None


async def test_metrics_tell_the_balance_and_the_oldest_that_waits(town: Town) -> None:
    town.receiver.reply = answer(503)
    await town.subscribe()
    await town.level(1)
    await town.receiver.wait_for(1)
    text = (await town.client.get("/metrics")).body.decode()
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    assert figures["machi_outbox_waiting"] == "1"
    assert float(figures["machi_outbox_oldest_waiting_seconds"]) > 0
    assert figures["machi_delivery_tries_delivered_total"] == "0"


async def test_a_write_that_a_notification_led_to_is_counted_as_a_round(town: Town) -> None:
    town.receiver.reply = answer(200)
    await town.subscribe()
    await town.level(0)
    await town.receiver.wait_for(1)
    chain = town.receiver.got[0].headers["Machi-Chain"]
    attributes = f"{ENTITIES}/{RIVER}/attrs"
    await town.client.patch(attributes, {"level": 1}, {"machi-chain": chain})
    await town.until(lambda books: not books.waiting)
    for _ in range(20):
        count = len(town.receiver.got)
        chain = town.receiver.got[-1].headers["Machi-Chain"]
        body = [{"id": RIVER, "type": "River", "level": count}]
        path = "/ngsi-ld/v1/entityOperations/upsert"
        await town.client.post(path, body, {"machi-chain": chain})
        await town.until(lambda books: not books.waiting)
        if len(town.receiver.got) == count:
            break
    (letter,) = await town.letters()
    assert letter["reason"].startswith("Stopped a loop")


TOWN_ID = "urn:ngsi-ld:Town:hitoyoshi"


@pytest.mark.parametrize("join", ["flat", "inline"])
async def test_linked_entities_are_told_too_where_they_are_joined(town: Town, join: str) -> None:
    town.receiver.reply = answer(200)
    await town.client.post(ENTITIES, {"id": TOWN_ID, "type": "Town", "name": "人吉"})
    await town.subscribe(
        notification={"endpoint": {"uri": town.receiver.url}, "join": join},
    )
    linked = {"type": "Relationship", "object": TOWN_ID}
    await town.client.post(ENTITIES, {"id": RIVER, "type": "River", "flowsThrough": linked})
    (got,) = await town.receiver.wait_for(1)
    told = {"id": TOWN_ID, "type": "Town", "name": {"type": "Property", "value": "人吉"}}
    river, *others = got.json()["data"]
    assert river["id"] == RIVER
    if join == "flat":
        assert others == [told]
    else:
        assert others == []
        assert river["flowsThrough"]["entity"] == told


async def test_of_very_many_linked_entities_some_are_told(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MOST", 2)
    town.receiver.reply = answer(200)
    ids = [f"{TOWN_ID}:{number}" for number in range(2)]
    for one, other in (ids, ids[::-1]):
        twin = {"type": "Relationship", "object": other}
        await town.client.post(ENTITIES, {"id": one, "type": "Town", "twin": twin})
    notification = {"endpoint": {"uri": town.receiver.url}, "join": "inline", "joinLevel": 2}
    await town.subscribe(notification=notification)
    linked = {"type": "Relationship", "object": ids}
    await town.client.post(ENTITIES, {"id": RIVER, "type": "River", "flowsThrough": linked})
    (got,) = await town.receiver.wait_for(1)
    (first,) = got.json()["data"][0]["flowsThrough"]["entity"]
    assert first["twin"]["entity"]["id"] == ids[1]


@contextlib.asynccontextmanager
async def troubled() -> AsyncIterator[Town]:
    async with receiver(answer(410)) as one, running(MemoryStore(clock=Ticking())) as client:
        town = Town(client, one)
        await town.subscribe(subscriptionName="<b>River</b>")
        await town.subscribe("mqtt://u:secret@127.0.0.1:9/t", id=f"{S}:mqtt", isActive=False)
        await town.level(1)
        await town.until(lambda books: books.dead == 1)
        yield town


@pytest.mark.parametrize("lang", ["ja", "en"])
async def test_the_operators_page_tells_how_deliveries_are(lang: str) -> None:
    async with troubled() as town:
        answered = await town.client.get(f"/operator?lang={lang}")
    page = answered.body.decode()
    assert answered.status == 200
    assert f'<html lang="{lang}">' in page
    assert TEXTS[lang]["failing"].format(n=1, all=2) in page
    assert reason("The receiver answers 410 Gone.", lang) in page
    assert TEXTS[lang]["replay_all"].format(n=1) in page
    assert "secret" not in page
    assert "mqtt://u:***@127.0.0.1:9/t" in page
    assert "&lt;b&gt;River&lt;/b&gt;" in page
    assert "<script" not in page
    assert "default-src 'none'" in (answered.header("content-security-policy") or "")


async def test_the_page_speaks_the_browsers_language() -> None:
    async with troubled() as town:
        page = await town.client.get("/operator", {"accept-language": "ja-JP,ja;q=0.9"})
    assert '<html lang="ja">' in page.body.decode()


async def test_an_empty_broker_is_well(town: Town) -> None:
    page = (await town.client.get("/operator")).body.decode()
    assert TEXTS["en"]["all_well"] in page


async def test_a_button_of_the_page_replays() -> None:
    async with troubled() as town:
        town.receiver.reply = answer(200)
        done = await town.form("/operator/replay", {"subscriptionId": S, "lang": "ja"})
        assert (done.status, done.header("location")) == (
            303, "/operator?lang=ja&done=replayed-1",
        )  # fmt: skip
        await town.until(lambda books: books.delivered == 1)
        page = await town.client.get(done.header("location") or "")
    assert TEXTS["ja"]["replayed"].format(n=1) in page.body.decode()


async def test_a_button_of_the_page_discards_one() -> None:
    async with troubled() as town:
        (letter,) = await town.letters()
        seq = letter["id"].partition("-")[2]
        done = await town.form("/operator/discard", {"subscriptionId": S, "seq": seq})
        assert done.header("location") == "/operator?done=discarded-1"
        assert await town.letters() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_a_form_of_another_site_is_refused(headers: dict[str, str]) -> None:
    async with troubled() as town:
        done = await town.form("/operator/discard", {"subscriptionId": S}, **headers)
        assert done.status == 403
        assert len(await town.letters()) == 1


async def test_the_pages_own_form_is_taken() -> None:
    async with troubled() as town:
        own = {"origin": "http://localhost:1026", "sec-fetch-site": "same-origin"}
        done = await town.form("/operator/discard", {"subscriptionId": S}, **own)
        assert done.status == 303


async def test_a_form_without_the_pages_token_is_refused() -> None:
    async with troubled() as town:
        done = await town.form("/operator/discard", {"subscriptionId": S, "token": "0" * 64})
        assert (done.status, done.problem["place"]) == (403, "body:/token")
        assert len(await town.letters()) == 1


async def test_a_body_that_is_no_form_is_refused() -> None:
    async with troubled() as town:
        done = await town.client.post("/operator/discard", {"subscriptionId": S})
        assert done.status == 415
        assert (await town.form("/operator/discard", {"x": "y"})).status == 400


async def test_many_subscriptions_come_in_pages(town: Town) -> None:
    for number in range(60):
        await town.subscribe(id=f"{S}:{number}", isActive=False)
    page = (await town.client.get("/operator?page=3")).body.decode()
    assert "Page 3 of 3" in page
    assert page.count('class="tags"') == 10
    assert "Page 3 of 3" in (await town.client.get("/operator?page=99")).body.decode()


def test_both_languages_say_the_same_things() -> None:
    assert TEXTS["ja"].keys() == TEXTS["en"].keys()
    for name, text in TEXTS["en"].items():
        assert {part for part in ("{n}", "{all}", "{age}") if part in text} == {
            part for part in ("{n}", "{all}", "{age}") if part in TEXTS["ja"][name]
        }


@pytest.mark.parametrize("lang", ["en", "ja"])
async def test_the_page_of_a_tenant_that_is_not_there_says_so_and_offers_those_that_are(
    lang: str,
) -> None:
    async with running(MemoryStore(clock=Ticking())) as client:
        await client.post(ENTITIES, gauge(), {"ngsild-tenant": "drill"})
        place = f"/operator?tenant=dril&lang={lang}"
        answered = await client.get(place, {"accept": "text/html,*/*"})
        program = await client.get(place)
    page = answered.body.decode()
    assert (answered.status, answered.header("content-type")) == (404, "text/html; charset=utf-8")
    assert (program.status, program.problem["place"]) == (404, "query:tenant")
    assert TEXTS[lang]["missing"].format(tenant="dril") in page
    assert '<option value="drill">' in page
    assert TEXTS[lang]["all_well"] not in page


async def test_a_subscription_that_is_not_there_is_refused_where_it_was_named(town: Town) -> None:
    none = "urn:ngsi-ld:Subscription:none"
    for path in (BOOKS, LETTERS):
        refused = await town.client.get(f"{path}?subscriptionId={none}")
        assert refusal(refused) == (404, "ResourceNotFound", "query:subscriptionId")
    refused = await town.client.post(f"{LETTERS}/replay", {"subscriptionId": none})
    assert refusal(refused) == (404, "ResourceNotFound", "body:/subscriptionId")
