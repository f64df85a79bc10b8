"""The messenger with a real broker, mail server and webhook receiver."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.controller import Controller

from apps.alerts.channels.config import PUBLIC, Channel, Mail, Webhook
from apps.alerts.channels.letters import MOST_TRIES
from apps.alerts.channels.messenger import CURSOR_ID, Messenger
from apps.alerts.channels.senders import AT_ONCE, signature
from broker.client import Client, Entity, Event, NotFound, timestamp, value
from tests.support import free_port
from tests.support.patience import PATIENCE

START = datetime(2026, 7, 4, tzinfo=UTC)
ALERT = "urn:ngsi-ld:Alert:1"
LAST = "urn:ngsi-ld:Alert:9"
"""An alert that goes out after all that is due, so that what has not gone by then never will."""


def alert(**parts: Any) -> Entity:
    """Return a river alert."""
    values = {
        "category": "naturalDisaster",
        "subCategory": "flood",
        "alertLevel": 4,
        "alertState": "active",
        "dateIssued": "2026-07-04T00:00:00Z",
        "operationStatus": "normal",
        **parts,
    }
    texts = {"ja": "氾濫危険水位に到達", "en": "Reached the flood danger level"}
    return {
        "id": ALERT,
        "type": "Alert",
        "headline": {"type": "LanguageProperty", "languageMap": texts},
        **{name: {"type": "Property", "value": part} for name, part in values.items()},
    }


@dataclass
class Receiver:
    """A webhook receiver that answers with the statuses given, then 204."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.add_routes([web.post("/cap", receiver.take)])
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    receiver.url = f"http://127.0.0.1:{port}/cap"
    yield receiver
    await runner.cleanup()


class Sink:
    """A mail server that keeps what it gets; `answer` may refuse."""

    def __init__(self) -> None:
        self.letters: list[tuple[list[str], bytes]] = []
        self.answer = "250 OK"
        self.busy: set[str] = set()
        """Recipients that are to be tried again later, once."""
        self.port = free_port()

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address in self.busy:
            self.busy.remove(address)
            return "450 later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answer.startswith("250"):
            self.letters.append((envelope.rcpt_tos, envelope.content))
        return self.answer


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    controller = Controller(sink, hostname="127.0.0.1", port=sink.port, ready_timeout=PATIENCE)
    controller.start()
    yield sink
    controller.stop()


def mail(sink: Sink) -> Mail:
    """Return a channel to the sink."""
    to = ("one@citizen.example", "two@citizen.example")
    sender = "alerts@town.example"
    return Mail("citizens", PUBLIC, "127.0.0.1", sink.port, sender, to, starttls=False)


class Wall:
    """A clock that the test sets, in seconds."""

    seconds = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)


@contextlib.asynccontextmanager
async def running(client: Client, *channels: Channel, wall: Wall | None = None):
    """Run the messenger beside the test."""

    async def soon(seconds: float) -> None:
        await asyncio.sleep(0.01)

    messenger = Messenger(client, channels, sleep=soon, clock=(wall or Wall()).now)
    task = asyncio.create_task(messenger.run())
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                with contextlib.suppress(NotFound):
                    await client.retrieve(CURSOR_ID)
                    break
                await asyncio.sleep(0.01)
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def entries(
    client: Client, *statuses: str, tries: int = 1, of: str = ALERT
) -> list[dict[str, Any]]:
    """Wait until an alert's entries have these statuses after so many tries; return them."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = value(await client.retrieve(of), "channels", [])
            found = found if isinstance(found, list) else [found]
            tried = all(entry["attempts"] >= tries for entry in found)
            if tried and [entry["status"] for entry in found] == list(statuses):
                return found
            await asyncio.sleep(0.02)


async def last(client: Client, receiver: Receiver) -> None:
    """Let the last alert go out, and check that it was the last."""
    await client.create({**alert(), "id": LAST})
    await entries(client, "sent", of=LAST)
    assert LAST.encode() in receiver.got[-1][1]


async def test_alert_goes_out_by_mail_and_no_address_reaches_the_broker(client: Client, sink):
    async with running(client, mail(sink)):
        await client.create(alert())
        await entries(client, "sent")
    ((recipients, content),) = sink.letters
    letter = message_from_bytes(content)
    assert recipients == ["one@citizen.example", "two@citizen.example"]
    assert b"citizen.example" not in content
    assert str(make_header(decode_header(letter["Subject"]))) == "氾濫危険水位に到達"
    assert "citizen.example" not in str(await client.retrieve(ALERT))


async def test_letter_says_the_headline_and_what_to_do_in_each_language(client: Client, sink):
    body = {"type": "LanguageProperty", "languageMap": {"ja": "避難してください。"}}
    async with running(client, mail(sink)):
        await client.create(alert() | {"body": body})
        await entries(client, "sent")
    letter = message_from_bytes(sink.letters[0][1], policy=policy.default)
    assert isinstance(letter, EmailMessage)
    lines = [line for line in letter.get_content().splitlines() if line]
    assert lines[:2] == ["氾濫危険水位に到達", "避難してください。"]


async def test_webhook_gets_the_signed_cap_document(client: Client, receiver: Receiver):
    async with running(client, Webhook("signage", PUBLIC, receiver.url, "secret")):
        await client.create(alert())
        await entries(client, "sent")
    ((headers, body),) = receiver.got
    assert headers["Content-Type"] == "application/cap+xml"
    wanted = signature("secret", headers["webhook-id"], headers["webhook-timestamp"], body)
    assert headers["webhook-signature"] == wanted
    assert b"<msgType>Alert</msgType>" in body


async def test_text_of_a_drill_is_marked_whatever_the_entity_says(client: Client, sink):
    async with running(client, mail(sink)):
        await client.create(alert(operationStatus="test"))
        await entries(client, "sent")
    letter = message_from_bytes(sink.letters[0][1])
    assert str(make_header(decode_header(letter["Subject"]))).startswith("【訓練】")


async def test_failing_channel_is_tried_again_with_the_same_id(client: Client, receiver: Receiver):
    wall = Wall()
    receiver.statuses = [503, 503]
    async with running(client, Webhook("signage", PUBLIC, receiver.url, "s"), wall=wall):
        await client.create(alert())
        for number, pause in enumerate((5, 10), 1):
            await entries(client, "queued", tries=number)
            wall.seconds += pause
        (entry,) = await entries(client, "sent", tries=3)
    assert (entry["attempts"], len(receiver.got)) == (3, 3)
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


@pytest.mark.parametrize("status", [400, 404, 410, 301])
async def test_refusal_for_good_or_redirect_fails_and_says_why(
    client: Client, receiver: Receiver, status: int
):
    receiver.statuses = [status] * MOST_TRIES
    wall = Wall()
    async with running(client, Webhook("signage", PUBLIC, receiver.url, "s"), wall=wall):
        await client.create(alert())
        for number in range(1, MOST_TRIES if status == 301 else 1):
            await entries(client, "queued", tries=number)
            wall.seconds += 600
        (entry,) = await entries(client, "failed")
    assert entry["detail"] == f"HTTP {status}"


async def test_dead_channel_does_not_hold_up_another(client: Client, receiver: Receiver, sink):
    sink.answer = "451 later"
    hook = Webhook("signage", PUBLIC, receiver.url, "s")
    async with running(client, mail(sink), hook):
        await client.create(alert())
        first, second = await entries(client, "queued", "sent")
    assert (first["channel"], first["detail"]) == ("citizens", "SMTP 451")
    assert second["channel"] == "signage"


async def test_restart_sends_nothing_twice(client: Client, receiver: Receiver):
    hook = Webhook("signage", PUBLIC, receiver.url, "s")
    async with running(client, hook):
        await client.create(alert())
        await entries(client, "sent")
    async with running(client, hook):
        await client.append(ALERT, {"seen": {"type": "Property", "value": 1}})
        await last(client, receiver)
    assert len(receiver.got) == 2


async def test_message_left_half_sent_by_a_crash_goes_out_with_the_same_id(
    client: Client, receiver: Receiver
):
    at = timestamp(START - timedelta(minutes=3))
    half = {"channel": "signage", "message": ALERT, "status": "sending", "attempts": 1, "at": at}
    await client.create(alert(channels=[half]))
    async with running(client, Webhook("signage", PUBLIC, receiver.url, "s")):
        await entries(client, "sent")
    assert len(receiver.got) == 1


async def test_end_of_an_alert_goes_out_as_a_cancel(client: Client, receiver: Receiver):
    async with running(client, Webhook("signage", PUBLIC, receiver.url, "s")):
        await client.create(alert())
        await entries(client, "sent")
        end = {"alertState": "ended", "validTo": "2026-07-04T03:00:00Z"}
        await client.append(ALERT, {n: {"type": "Property", "value": v} for n, v in end.items()})
        await entries(client, "sent", "sent")
    assert b"<msgType>Cancel</msgType>" in receiver.got[1][1]


async def test_draft_and_technical_alert_stay_inside(client: Client, receiver: Receiver):
    draft = {**alert(publicationState="draft"), "id": "urn:e:1", "type": "EvacuationInformation"}
    async with running(client, Webhook("signage", PUBLIC, receiver.url, "s")):
        await client.create(draft)
        await client.create(alert(subCategory="technical"))
        await last(client, receiver)
    assert len(receiver.got) == 1


async def test_what_was_published_before_the_first_start_is_not_sent(
    client: Client, receiver: Receiver
):
    await client.create(alert())
    async with running(client, Webhook("signage", PUBLIC, receiver.url, "s")):
        await last(client, receiver)
    assert len(receiver.got) == 1


async def test_recipient_who_is_to_be_tried_later_is_and_the_others_are_not_told_twice(
    client: Client, sink: Sink
):
    wall = Wall()
    sink.busy.add("two@citizen.example")
    async with running(client, mail(sink), wall=wall):
        await client.create(alert())
        await entries(client, "queued")
        wall.seconds = 6
        await entries(client, "sent")
    assert [to for to, _ in sink.letters] == [["one@citizen.example"], ["two@citizen.example"]]


async def test_list_of_many_is_told_in_parts_a_server_takes(client: Client, sink: Sink):
    to = tuple(f"{number}@citizen.example" for number in range(AT_ONCE + 1))
    async with running(client, replace(mail(sink), to=to)):
        await client.create(alert())
        await entries(client, "sent")
    assert [len(to) for to, _ in sink.letters] == [AT_ONCE, 1]


async def test_message_queued_while_the_clock_was_ahead_goes_out_once_it_is_right(
    client: Client, receiver: Receiver
):
    at = timestamp(START + timedelta(days=1))
    early = {"channel": "signage", "message": ALERT, "status": "queued", "attempts": 0, "at": at}
    await client.create(alert(channels=[early]))
    async with running(client, Webhook("signage", PUBLIC, receiver.url, "s")):
        await entries(client, "sent")
    assert len(receiver.got) == 1


async def test_alert_that_cannot_be_written_fails_and_the_next_goes_out(
    client: Client, receiver: Receiver
):
    async with running(client, Webhook("signage", PUBLIC, receiver.url, "s")):
        await client.create(alert(dateIssued="soon"))
        await entries(client, "failed")
        await last(client, receiver)
    assert len(receiver.got) == 1


async def test_alert_of_no_level_goes_out_as_one_of_the_lowest(client: Client, receiver: Receiver):
    async with running(client, Webhook("signage", PUBLIC, receiver.url, "s")):
        await client.create(alert(alertLevel=0))
        await entries(client, "sent")
    assert len(receiver.got) == 1


async def test_what_is_in_force_is_told_after_changes_were_missed_for_good(
    client: Client, receiver: Receiver
):
    hook = Webhook("signage", PUBLIC, receiver.url, "s")
    async with running(client, hook):
        await last(client, receiver)
    await client.create(alert())
    await client.create({**alert(alertState="superseded"), "id": "urn:ngsi-ld:Alert:2"})
    missed = Messenger(client, [hook], clock=Wall().now)
    await missed.load()
    await missed.take(Event("reset", 100))
    (entry,) = await entries(client, "queued", tries=0)
    assert entry["message"] == ALERT
    assert value(await client.retrieve("urn:ngsi-ld:Alert:2"), "channels") is None
