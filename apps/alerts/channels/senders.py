"""Sending one message: by SMTP, or to a webhook. A repeat carries the same id."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import smtplib
import ssl
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.message import EmailMessage
from typing import Final

import aiohttp

from apps.alerts.cap import MEDIA_TYPE, SENDER, document
from apps.alerts.channels.config import Channel, Mail, Webhook
from apps.alerts.channels.letters import Entry, said
from broker.client import Entity

PATIENCE: Final = 15.0
AT_ONCE: Final = 50
"""Recipients named in one go: mail servers take no more than some at once."""
GONE: Final = frozenset(range(400, 500)) - {408, 409, 425, 429}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a try. `final` says that a repeat is useless; `detail` names no address.

    `left` are the recipients of a mail that others have and these shall be sent again.
    """

    sent: bool
    final: bool = False
    detail: str = ""
    left: tuple[str, ...] = field(default=(), repr=False)


async def send(
    channel: Channel,
    entity: Entity,
    entry: Entry,
    now: datetime,
    session: aiohttp.ClientSession,
    left: tuple[str, ...] = (),
) -> Result:
    """Send an entity's message over a channel; a mail only to those `left`, where some are."""
    if isinstance(channel, Mail):
        to = left or channel.to
        return await asyncio.to_thread(_mail, channel, letter(channel, entity, entry), to)
    return await _post(channel, entity, entry, now, session)


def message_id(channel: Channel, entry: Entry) -> str:
    """Return the id that every try of a message carries."""
    return hashlib.sha256(f"{channel.name}\n{entry['message']}".encode()).hexdigest()[:32]


def letter(channel: Mail, entity: Entity, entry: Entry) -> EmailMessage:
    """Return the mail: plain text, recipients not among its headers."""
    texts, bodies = said(entity, "headline"), said(entity, "body")
    first = texts.get("ja") or next(iter(texts.values()), "")
    mail = EmailMessage()
    mail["From"] = channel.sender
    mail["To"] = "undisclosed-recipients:;"
    mail["Subject"] = " ".join(first.split())
    mail["Message-ID"] = f"<{message_id(channel, entry)}@{SENDER}>"
    mail["Auto-Submitted"] = "auto-generated"
    parts = [part for n, text in texts.items() for part in (text, bodies.get(n)) if part]
    mail.set_content("\n\n".join([*parts, entry["message"]]) + "\n")
    return mail


def signature(secret: str, identity: str, stamp: str, body: bytes) -> str:
    """Return a webhook's signature: HMAC-SHA256 over id, timestamp and body."""
    signed = f"{identity}.{stamp}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _mail(channel: Mail, mail: EmailMessage, to: tuple[str, ...]) -> Result:
    refused: dict[str, tuple[int, bytes]] = {}
    waits: list[str] = []
    fault: Result | None = None
    try:
        with smtplib.SMTP(channel.host, channel.port, timeout=PATIENCE) as server:
            if channel.starttls:
                server.starttls(context=ssl.create_default_context())
            if channel.user:
                server.login(channel.user, channel.password)
            for first in range(0, len(to), AT_ONCE):
                some = to[first : first + AT_ONCE]
                waits = list(to[first:])
                try:
                    refused |= server.send_message(mail, channel.sender, list(some))
                except smtplib.SMTPRecipientsRefused as error:
                    refused |= error.recipients
                waits = list(to[first + AT_ONCE :])
    except smtplib.SMTPResponseException as error:
        fault = Result(False, error.smtp_code >= 500, f"SMTP {error.smtp_code}")
    except (smtplib.SMTPException, OSError) as error:
        fault = Result(False, detail=type(error).__name__)
    later = [one for one, (code, _) in refused.items() if code < 500]
    done = len(to) - len(waits) - len(refused)
    if fault is not None:
        return fault if not done else replace(fault, left=(*later, *waits))
    if len(refused) == len(to):
        return Result(False, final=not later, detail="every recipient was refused")
    note = f"{len(refused)} of {len(channel.to)} recipients were refused" if refused else ""
    return Result(not later, detail=note, left=tuple(later))


async def _post(
    channel: Webhook, entity: Entity, entry: Entry, now: datetime, session: aiohttp.ClientSession
) -> Result:
    body, identity = document(entity), message_id(channel, entry)
    stamp = str(int(now.timestamp()))
    headers = {
        "Content-Type": MEDIA_TYPE,
        "webhook-id": identity,
        "webhook-timestamp": stamp,
        "webhook-signature": signature(channel.secret, identity, stamp, body),
    }
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    try:
        async with session.post(
            channel.url, data=body, headers=headers, timeout=timeout, allow_redirects=False
        ) as response:
            status = response.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Result(sent=False, detail=type(error).__name__)
    if 200 <= status < 300 or status == 409:
        return Result(sent=True)
    return Result(sent=False, final=status in GONE, detail=f"HTTP {status}")
