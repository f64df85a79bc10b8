"""Letters over a real SMTP server: Japanese and English, with PIN, map and how-to."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from apps.bookings.edge.holders import BadContact, Contact, Holders
from apps.bookings.edge.letter_limit import LetterLimit
from apps.bookings.edge.mail import TEXTS, Mail, MailRefused, Server, read_server
from apps.bookings.pages.desk_view import problems
from apps.bookings.pages.site import TEXTS as WORDS
from apps.bookings.process.case import Status
from tests.apps.bookings.browsing import BUILDING
from tests.apps.bookings.stage import (
    GYM,
    LOCK,
    NINE,
    Clock,
    Stage,
    broker,
    hours,
    space,
    stage,
    wish,
)
from tests.support import free_port
from tests.support.paper_vault import PaperVault
from tests.support.patience import PATIENCE

MOST = 4
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

    async def booked(
        self, language: str, mail: str = "hanako@example.jp", hour: int = 0, **more: Any
    ) -> Any:
        """Let somebody book, and return the case."""
        holder = await self.holders.new(Contact("阿蘇 花子", mail, language))
        span = hours(f"2026-12-01 {hour:02}:00") if hour else NINE
        held = await self.town.desk.hold(wish(span, holder=holder, language=language, **more))
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
            vault = PaperVault()
            holders, limit = Holders(vault), LetterLimit(vault, town.clock, MOST)
            outgoing = Server("127.0.0.1", server.port, "yoyaku@aso.example", "施設予約")
            mail = Mail(outgoing, holders, town.client, "https://yoyaku.example", limit)
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


async def test_address_gets_only_so_many_letters_a_day_and_staff_see_what_was_held_back(post: Town):
    mails = ("hanako@example.jp", "HANAKO+x@Example.jp")
    cases = [await post.booked("ja", mails[n % 2], 10 + n) for n in range(MOST + 2)]
    case = cases[-1]
    assert {one.booking.status for one in cases} == {Status.CONFIRMED}
    assert len(post.sink.mails) == MOST
    assert [one.status for one in case.booking.letters] == ["heldBack"]
    [told] = problems(case.booking, WORDS["en"], mails=True)
    assert "Mail held back" in told
    await post.booked("ja", "taro@example.jp", 19)
    assert len(post.sink.mails) == MOST + 1
    post.town.clock.now += timedelta(days=1)
    await post.booked("ja", hour=20)
    assert len(post.sink.mails) == MOST + 2


async def test_what_the_town_says_and_what_staff_book_is_not_held_back(post: Town):
    cases = [await post.booked("ja", hour=10 + number) for number in range(MOST)]
    await post.town.desk.suspend(cases[-1].booking.id, "works")
    await post.town.tick()
    await post.booked("ja", hour=19, channel="counter")
    assert len(post.sink.mails) == MOST + 2


async def test_letter_that_is_tried_again_counts_once(post: Town):
    post.sink.answer = "451 try later"
    case = await post.booked("ja")
    for _ in range(MOST + 1):
        await post.town.later(hours=1)
    post.sink.answer = "250 OK"
    await post.town.later(hours=2)
    assert [one.status for one in (await post.town.case(case)).booking.letters] == ["sent"]


async def test_letters_at_once_are_no_more_than_the_limit_and_days_that_are_over_are_erased():
    vault, clock = PaperVault(), Clock()
    limit = LetterLimit(vault, clock, MOST)
    found = await asyncio.gather(*(limit.takes("a@example.jp", str(n)) for n in range(30)))
    assert sum(found) <= MOST
    clock.now += timedelta(days=1)
    assert await limit.takes("a@example.jp", "next")
    kept = {(holder.rpartition(":")[2], kind.partition("/")[0][:10]) for holder, kind in vault.kept}
    assert {holder for holder, _ in kept} == {"letters", "letters-2026-11-27"}
    assert "example.jp" not in str(vault.kept)


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
