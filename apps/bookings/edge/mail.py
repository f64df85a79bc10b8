"""Letters to holders by SMTP: plain text, one language, the PIN never in the subject."""

from __future__ import annotations

import asyncio
import hashlib
import smtplib
import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formataddr
from pathlib import Path
from typing import Any, Final

import orjson

from apps.bookings.core.when import local
from apps.bookings.edge.holders import Holders
from apps.bookings.edge.letter_limit import LetterLimit
from apps.bookings.process.case import Case, Letter, Posted
from apps.shell.language import LANGUAGES, words
from broker.client import Client, ClientError, Entity, value

PATIENCE: Final = 15.0
GONE: Final = 500
TEXTS: Final = words(Path(__file__).parent / "letters")
MAP: Final = "https://www.openstreetmap.org/?mlat={1}&mlon={0}#map=18/{1}/{0}"
ASKED_FOR: Final = frozenset(
    {"requested", "confirmed", "changed", "key", "reminder", "expired", "cancelled", "refund"}
)
"""Letters that people bring about by what they do on the web: only so many go to one address."""
WEEKDAYS: Final = {"ja": "月火水木金土日", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}


class MailRefused(ValueError):
    """Settings that cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """The town's outgoing mail server. `name` is what people read as the sender."""

    host: str
    port: int
    sender: str
    name: str = ""
    user: str = ""
    password: str = ""
    starttls: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a booking is: names by language, address, position [east, north], kind by lock."""

    names: Mapping[str, str]
    address: str
    position: tuple[float, float] | None
    locks: Mapping[str, str]


class Mail:
    """A post over SMTP (contract: `runner.Post`). `home` is the pages' address for citizens."""

    def __init__(
        self,
        server: Server | None,
        holders: Holders,
        client: Client,
        home: str,
        limit: LetterLimit,
    ) -> None:
        self._server = server
        self._limit = limit
        self._holders = holders
        self._client = client
        self._home = home.rstrip("/")

    async def send(self, case: Case, letter: Letter, codes: dict[str, str]) -> Posted:
        """Send a letter, and say what became of it."""
        contact = await self._holders.contact(case.booking.holder)
        if self._server is None or contact is None or not contact.mail:
            return Posted.UNSENT
        asked_for = case.booking.channel == "web" and letter.kind in ASKED_FOR
        if asked_for and not await self._limit.takes(contact.mail, message_id(case, letter)):
            return Posted.HELD
        place = await place_of(self._client, case)
        link = f"{self._home}/open?key={await self._holders.secret(case.booking.holder)}"
        language = case.booking.language if case.booking.language in LANGUAGES else "ja"
        subject, body = written(case, letter.kind, codes, place, language)
        mail = EmailMessage()
        mail["From"] = formataddr((self._server.name, self._server.sender))
        mail["To"] = contact.mail
        mail["Subject"] = subject
        mail["Message-ID"] = (
            f"<{message_id(case, letter)}@{self._server.sender.rpartition('@')[2]}>"
        )
        mail["Auto-Submitted"] = "auto-generated"
        texts = TEXTS[language]
        greeting = texts["greeting"].format(name=contact.name)
        mail.set_content(f"{greeting}\n\n{body}\n\n{texts['link']}\n{link}\n\n{texts['foot']}\n")
        return await asyncio.to_thread(_post, self._server, mail)


def written(
    case: Case, kind: str, codes: Mapping[str, str], place: Place, language: str
) -> tuple[str, str]:
    """Return a letter's subject and body. Pure."""
    texts, booking = TEXTS[language], case.booking
    name = place.names.get(language) or place.names.get("ja", "")
    about = {
        "number": booking.number,
        "place": name,
        "when": when(booking.span.start, booking.span.end, language),
        "fee": f"{booking.fee:,}",
        "refund": f"{booking.refund_amount:,}",
        "hold": "" if booking.hold_until is None else clock(booking.hold_until, language),
    }
    parts = [texts[f"{kind}_body"].format(**about), texts["about"].format(**about)]
    if place.address:
        parts.append(texts["address"].format(address=place.address))
    if place.position is not None and kind in ("confirmed", "changed", "key", "reminder"):
        parts.append(texts["map"].format(url=MAP.format(*place.position)))
    for lock, code in codes.items():
        how = place.locks.get(lock, "electronicLock")
        text = texts.get(f"pin_{how}", texts["pin_electronicLock"])
        parts.append(text.format(pin=code))
    if booking.keys and not codes and kind in ("confirmed", "changed"):
        parts.append(texts["pin_follows"])
    return texts[f"{kind}_subject"].format(**about), "\n\n".join(parts)


def when(start: Any, end: Any, language: str) -> str:
    """Return a time as people write it, in Tokyo."""
    first, last = local(start), local(end)
    ends = "24:00" if (last.hour, last.minute) == (0, 0) else f"{last:%H:%M}"
    day = WEEKDAYS[language][first.weekday()]
    if language == "ja":
        return f"{first.year}年{first.month}月{first.day}日（{day}）{first:%H:%M}〜{ends}"
    return f"{day} {first.day} {first:%B %Y}, {first:%H:%M}–{ends} (Japan time)"


def clock(moment: Any, language: str) -> str:
    """Return a moment as people write it, in Tokyo."""
    there = local(moment)
    if language == "ja":
        return f"{there.month}月{there.day}日 {there:%H:%M}"
    return f"{there.day} {there:%B}, {there:%H:%M} (Japan time)"


def message_id(case: Case, letter: Letter) -> str:
    """Return the id that every try of a letter carries."""
    named = f"{case.booking.id}\n{letter.serial}\n{letter.kind}"
    return hashlib.sha256(named.encode()).hexdigest()[:32]


async def place_of(client: Client, case: Case) -> Place:
    """Return where a booking is. Raises ClientError."""
    space = await client.retrieve(case.booking.space)
    building = await _maybe(client, str(value(space, "refBuilding", "")))
    address = value(building, "address", {}) if building else {}
    point = (value(building, "location") or {}).get("coordinates") if building else None
    locks = {}
    for lock in case.booking.locks:
        entity = await _maybe(client, lock)
        locks[lock] = str(value(entity, "lockKind", "electronicLock")) if entity else ""
    told = [address.get("addressLocality", ""), address.get("streetAddress", "")]
    position = (float(point[0]), float(point[1])) if point else None
    return Place(value(space, "name", {}), "".join(told), position, locks)


async def _maybe(client: Client, entity_id: str) -> Entity | None:
    if not entity_id:
        return None
    try:
        return await client.retrieve(entity_id)
    except ClientError:
        return None


def read_server(path: Path) -> Server:
    """Return the server that a file names, which only its owner may read.

    Raises MailRefused, OSError.
    """
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise MailRefused(f"{path} can be read by others; chmod 600 it")
    try:
        told = orjson.loads(path.read_bytes())
        good = isinstance(told["host"], str) and isinstance(told["port"], int)
        good = good and "@" in told["sender"]
        server = Server(**told)
    except (orjson.JSONDecodeError, TypeError, KeyError) as error:
        raise MailRefused(f"{path} is no mail server: host, port and sender are wanted") from error
    if not good:
        raise MailRefused(f"{path} has no host, port or sender that could be")
    return server


def _post(server: Server, mail: EmailMessage) -> Posted:
    try:
        with smtplib.SMTP(server.host, server.port, timeout=PATIENCE) as wire:
            if server.starttls:
                wire.starttls(context=ssl.create_default_context())
            if server.user:
                wire.login(server.user, server.password)
            wire.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        return _refused(*(code for code, _ in error.recipients.values()))
    except smtplib.SMTPResponseException as error:
        return _refused(error.smtp_code)
    except (smtplib.SMTPException, OSError):
        return Posted.QUEUED
    return Posted.SENT


def _refused(*codes: int) -> Posted:
    return Posted.FAILED if all(code >= GONE for code in codes) else Posted.QUEUED
