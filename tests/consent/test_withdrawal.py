"""After a withdrawal nothing of the person leaves: decided when sent, queued and retried too."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from broker.settings import Settings
from broker.store.outbox import Outcome, Settlement
from broker.store.sqlite import SqliteStore
from broker.subscriptions.delivery.message import Message
from consent.records.model import CONSENT
from smart_data_models.own import iri
from tests.support.asgi import Ticking
from tests.support.patience import PATIENCE
from tests.support.persons import ENTITIES, TAG, Town, attributes, town
from tests.support.receivers import Got, Receiver, receiver

LETTERS = "/ngsi-ld/ex/v1/dead-letters"
SUBSCRIPTIONS = "/ngsi-ld/v1/subscriptions"
HANA = "urn:ngsi-ld:TagDetection:1"


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[tuple[Town, Receiver]]:
    """Give a town where Hana agreed, and a recipient that is notified of detections."""
    settings = Settings(context_timeout=30, allow_egress=("127.0.0.0/8",))
    store = SqliteStore(tmp_path / "data", clock=Ticking())
    async with receiver() as heard, town(store, tmp_path, settings=settings) as made:
        await made.open_up()
        await made.make(made.detection(1, "hana"), "tags")
        await made.make(made.consent("hana"), "account:hana")
        await subscribe(made, heard.url)
        yield made, heard


async def subscribe(made: Town, url: str) -> None:
    """Subscribe the recipient to detections."""
    body = {
        "type": "Subscription",
        "entities": [{"type": TAG}],
        "notification": {"endpoint": {"uri": url, "timeout": 1000 * PATIENCE}},
    }
    answer = await made.ask("POST", SUBSCRIPTIONS, "rescue", body, machi_purpose=purpose())
    assert answer.status == 201, answer.body


def purpose() -> str:
    """Return what the recipient reads for."""
    return "urn:ngsi-ld:DataPurpose:rescue"


async def see(made: Town, rssi: int) -> None:
    """Let Hana's tag be seen again."""
    path = f"{ENTITIES}/{HANA}/attrs"
    assert (await made.ask("POST", path, "tags", attributes(rssi=rssi))).status == 204


async def books(made: Town) -> Any:
    """Return the balance of all queues."""
    return (await made.ask("GET", "/ngsi-ld/ex/v1/books", "admin")).json()["all"]


async def until(made: Town, **wanted: int) -> None:
    """Wait until the books say so."""
    async with asyncio.timeout(PATIENCE):
        while not wanted.items() <= (await books(made)).items():
            await asyncio.sleep(0.01)


async def test_notifications_go_out_while_consent_holds_and_are_logged(watched):
    made, _ = watched
    await see(made, -60)
    await until(made, delivered=1)
    (told,) = await made.log.of("", "urn:ngsi-ld:Holder:hana")
    assert (told["action"], told["actor"], told["target"]) == ("notify", "rescue", HANA)


async def test_after_withdrawal_nothing_is_sent(watched):
    made, heard = watched
    await made.withdraw("hana")
    await see(made, -60)
    await made.make(made.detection(2, "taro"), "tags")
    await until(made, queued=0, waiting=0, delivered=0)
    assert heard.got == []


async def test_recipient_is_told_of_the_withdrawal_and_nobody_else(watched):
    made, heard = watched
    for client in ("rescue", "shops", "office"):
        body = {
            "type": "Subscription",
            "entities": [{"type": CONSENT}],
            "notification": {"endpoint": {"uri": f"{heard.url}{client}"}},
        }
        assert (await made.ask("POST", SUBSCRIPTIONS, client, body)).status == 201
    await made.withdraw("hana")
    await until(made, queued=2, waiting=0, delivered=2)
    assert {got.path.endswith("rescue") for got in heard.got} == {True}
    records = [got.json()["data"][0] for got in heard.got]
    assert {record[iri("state")]["value"] for record in records} == {"withdrawn"}
    assert [iri("effectDoneAt") in record for record in records] == [False, True]
    assert records[0][iri("refPrincipal")]["object"] == "urn:ngsi-ld:Holder:hana"


async def period(made: Town, *names: str) -> None:
    """Queue what a subscription is told of at an interval: the detections of persons."""
    outbox, at = made.client.broker.store.outbox, made.now()
    (stored,) = await outbox.all()
    records = [await made.client.broker.store.get("", detection_of(name)) for name in names]
    await outbox.queue_period(stored, at, [one.entity for one in records if one is not None])


def detection_of(name: str) -> str:
    """Return the id of a person's detection."""
    return f"urn:ngsi-ld:TagDetection:{('hana', 'taro').index(name) + 1}"


async def test_at_an_interval_is_told_of_those_who_agree_as_it_is_sent(watched):
    made, heard = watched
    await made.make(made.detection(2, "taro"), "tags")
    await period(made, "hana", "taro")
    (got,) = await heard.wait_for(1)
    assert [one["id"] for one in got.json()["data"]] == [HANA]
    await until(made, delivered=1)
    await made.withdraw("hana")
    await period(made, "hana", "taro")
    await until(made, withheld=1)
    assert len(heard.got) == 1


async def test_what_is_to_be_repeated_is_decided_again(watched):
    made, heard = watched
    withdrawn = asyncio.Event()

    async def busy(got: Got) -> web.StreamResponse:
        await withdrawn.wait()
        return web.Response(status=503)

    heard.reply = busy
    await see(made, -60)
    await heard.wait_for(1)
    await made.withdraw("hana")
    withdrawn.set()
    await until(made, withheld=1)
    assert len(heard.got) == 1


@pytest.mark.parametrize("interval", [False, True])
async def test_who_waited_for_a_connection_asks_again(
    watched, monkeypatch: pytest.MonkeyPatch, interval: bool
):
    made, heard = watched
    from broker.subscriptions.delivery.http import HttpSender

    connecting, go = asyncio.Event(), asyncio.Event()
    connect = HttpSender._connect

    async def slowly(self: HttpSender, address: Any) -> Any:
        connecting.set()
        await go.wait()
        return await connect(self, address)

    monkeypatch.setattr(HttpSender, "_connect", slowly)
    await (period(made, "hana") if interval else see(made, -60))
    async with asyncio.timeout(PATIENCE):
        await connecting.wait()
    await made.withdraw("hana")
    go.set()
    await until(made, withheld=1)
    assert heard.got == []


async def letters(made: Town) -> list[dict[str, Any]]:
    """Return the recipient's dead letters."""
    answer = await made.ask("GET", LETTERS, "rescue", machi_purpose=purpose())
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.json()
    return found


async def test_dead_letters_about_the_person_are_not_there_any_more(watched):
    made, heard = watched

    async def gone(got: Got) -> web.StreamResponse:
        return web.Response(status=410)

    heard.reply = gone
    await see(made, -60)
    await until(made, dead=1)
    (letter,) = await letters(made)
    await made.withdraw("hana")
    assert await letters(made) == []
    path = f"{LETTERS}/{letter['id']}/replay"
    answer = await made.ask("POST", path, "rescue", machi_purpose=purpose())
    assert answer.status == 404


async def test_dead_letters_of_a_period_are_not_there_any_more(watched):
    made, _ = watched
    await made.client.broker.delivery.close()
    outbox = made.client.broker.store.outbox
    (stored,) = await outbox.all()
    record = await made.client.broker.store.get("", HANA)
    await outbox.queue_period(stored, made.now(), [record.entity])
    (row,) = await outbox.waiting(stored.sid)
    await outbox.settle([Settlement(stored.sid, row.seq, Outcome.DEAD, made.now())])
    assert len(await letters(made)) == 1
    await made.withdraw("hana")
    assert await letters(made) == []


def test_message_holds_unless_somebody_says_otherwise():
    assert Message(b"", ()).holds()
