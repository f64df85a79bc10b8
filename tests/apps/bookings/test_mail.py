"""Letters over a real SMTP server: Japanese and English, with PIN, map and how-to."""

from collections.abc import AsyncIterator
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from apps.bookings.edge.holders import BadContact, Contact, Holders
from apps.bookings.edge.mail import TEXTS, Mail, MailRefused, Server, read_server
from tests.apps.bookings.browsing import BUILDING
from tests.apps.bookings.stage import GYM, LOCK, Stage, broker, space, stage, wish
from tests.support import free_port
from tests.support.paper_vault import PaperVault
from tests.support.patience import PATIENCE

BOX = {
    "id": LOCK,
    "type": ["Device", "SmartLock"],
    "lockKind": {"type": "Property", "value": "keyBox"},
}


class Sink:
    """Takes all mail, or answers with an error."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answer.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content, policy=default))
        return self.answer


class Town:
    def __init__(self, town: Stage, sink: Sink, holders: Holders) -> None:
        self.town, self.sink, self.holders = town, sink, holders

    async def booked(self, language: str, mail: str = "hanako@example.jp") -> Any:
        """Let somebody book, and return the case."""
        holder = await self.holders.new(Contact("阿蘇 花子", mail, language))
        held = await self.town.desk.hold(wish(holder=holder, language=language))
        await self.town.desk.cash(held.booking.id)
        await self.town.process.settle(held.booking.id)
        return await self.town.case(held)


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Town]:
    sink = Sink()
    server = Controller(sink, hostname="127.0.0.1", port=free_port(), ready_timeout=PATIENCE)
    server.start()
    try:
        async with broker(tmp_path) as url, stage(url, "aso", [space(GYM)]) as town:
            await town.client.create(BUILDING)
            await town.client.create(BOX)
            holders = Holders(PaperVault())
            outgoing = Server("127.0.0.1", server.port, "yoyaku@aso.example", "施設予約")
            mail = Mail(outgoing, holders, town.client, "https://yoyaku.example")
            town.process = replace(town.process, post=mail)
            town.desk = type(town.desk)(town.process)
            yield Town(town, sink, holders)
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "ja",
            ["ご予約が確定しました", "2026年12月1日（火）09:00〜11:00", "キーボックス", "600円"],
        ),
        (
            "en",
            ["Your booking is confirmed", "Tue 1 December 2026, 09:00–11:00", "key box", "600 yen"],
        ),
    ],
)
async def test_confirmation_brings_pin_map_and_how_to(post: Town, language, words):
    case = await post.booked(language)
    [mail] = post.sink.mails
    body = mail.get_content()
    pin = await post.town.locks.code(case.booking.keys[0].grant)
    for word in [*words, str(pin), case.booking.number, "阿蘇 花子", "#map=18/32.97/131.04"]:
        assert word in body
    assert str(pin) not in mail["Subject"]
    assert mail["To"] == "hanako@example.jp"
    link = f"https://yoyaku.example/open?key={await post.holders.secret(case.booking.holder)}"
    assert link in body
    assert [one.status for one in case.booking.letters] == ["sent"]


async def test_letter_that_is_sent_again_has_the_same_id(post: Town):
    case = await post.booked("ja")
    letter = case.booking.letters[0]
    await post.town.process.post.send(case, letter, {})
    assert len({mail["Message-ID"] for mail in post.sink.mails}) == 1
    assert len(post.sink.mails) == 2


async def test_refusal_for_good_ends_it_and_a_passing_one_does_not(post: Town):
    post.sink.answer = "451 try later"
    case = await post.booked("ja")
    assert [(one.status, one.attempts) for one in case.booking.letters] == [("queued", 1)]
    post.sink.answer = "550 no such user"
    await post.town.later(minutes=1)
    assert [one.status for one in (await post.town.case(case)).booking.letters] == ["failed"]


async def test_holder_without_an_address_gets_no_mail(post: Town):
    case = await post.booked("ja", mail="")
    assert [one.status for one in case.booking.letters] == ["unsent"]
    assert post.sink.mails == []


async def test_no_log_names_holder_or_pin(post: Town, caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG", "apps")
    case = await post.booked("ja")
    pin = await post.town.locks.code(case.booking.keys[0].grant)
    for secret in ("花子", "hanako", str(pin)):
        assert secret not in caplog.text


def test_both_languages_have_every_letter():
    assert TEXTS["ja"].keys() == TEXTS["en"].keys()
    kinds = {key.removesuffix("_subject") for key in TEXTS["ja"] if key.endswith("_subject")}
    assert all(f"{kind}_body" in TEXTS["ja"] for kind in kinds)
    assert not any("{pin}" in TEXTS[n][f"{kind}_subject"] for n in TEXTS for kind in kinds)


@pytest.mark.parametrize(
    "mail", ["x", "a@b", "a b@example.jp", "a@example.jp\nBcc: b@example.jp", "<a@example.jp>"]
)
async def test_address_that_cannot_be_is_refused(mail):
    with pytest.raises(BadContact):
        await Holders(PaperVault()).new(Contact("阿蘇", mail))


def _kept(folder: Path, told: str) -> Path:
    path = folder / "mail.json"
    path.write_text(told)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("told", ["no json", "{}", '{"host": "h", "port": 25, "sender": "nobody"}'])
def test_mail_server_that_cannot_be_is_refused(tmp_path: Path, told):
    with pytest.raises(MailRefused, match=r"has no|is no"):
        read_server(_kept(tmp_path, told))


def test_mail_server_of_a_file_that_others_cannot_read(tmp_path: Path):
    path = _kept(tmp_path, '{"host": "h", "port": 25, "sender": "a@b.example", "starttls": true}')
    path.chmod(0o644)
    with pytest.raises(MailRefused, match="chmod 600"):
        read_server(path)
    path.chmod(0o600)
    assert read_server(path) == Server("h", 25, "a@b.example", starttls=True)
