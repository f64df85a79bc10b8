"""Sending one message: by SMTP, or to a webhook. A repeat carries the same id."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Final

import aiohttp

from apps.alerts.cap import MEDIA_TYPE, SENDER, document
from apps.alerts.channels.config import Channel, Mail, Webhook
from apps.alerts.channels.letters import Entry, said
from broker.client import Entity

PATIENCE: Final = 15.0
GONE: Final = frozenset(range(400, 500)) - {408, 409, 425, 429}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a try. `final` says that a repeat is useless; `detail` names no address."""

    sent: bool
    final: bool = False
    detail: str = ""


async def send(
    channel: Channel, entity: Entity, entry: Entry, now: datetime, session: aiohttp.ClientSession
) -> Result:
    """Send an entity's message over a channel."""
    if isinstance(channel, Mail):
        return await asyncio.to_thread(_mail, channel, letter(channel, entity, entry))
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


def _mail(channel: Mail, mail: EmailMessage) -> Result:
    try:
        with smtplib.SMTP(channel.host, channel.port, timeout=PATIENCE) as server:
            if channel.starttls:
                server.starttls(context=ssl.create_default_context())
            if channel.user:
                server.login(channel.user, channel.password)
            refused = server.send_message(mail, channel.sender, list(channel.to))
    except smtplib.SMTPRecipientsRefused as error:
        final = all(code >= 500 for code, _ in error.recipients.values())
        return Result(sent=False, final=final, detail="every recipient was refused")
    except smtplib.SMTPResponseException as error:
        return Result(sent=False, final=error.smtp_code >= 500, detail=f"SMTP {error.smtp_code}")
    except (smtplib.SMTPException, OSError) as error:
        return Result(sent=False, detail=type(error).__name__)
    note = f"{len(refused)} of {len(channel.to)} recipients were refused" if refused else ""
    return Result(sent=True, detail=note)


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
