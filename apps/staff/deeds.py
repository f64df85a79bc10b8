"""What the page's forms ask for: fields read and checked, then the act done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from apps.shell.language import LANGUAGES
from apps.shell.refused import FormRefused
from apps.staff.acts import (
    LONGEST,
    LOOKS,
    REASONS,
    Override,
    Wording,
    approve,
    discard,
    override,
    release,
    reword,
)
from apps.staff.doors import HELD_REASONS, settle
from apps.staff.forms import chosen, staff_number, text, whole
from broker.client import Client

LONGEST_LINE: Final = 200
LONGEST_TEXT: Final = 600
"""Characters of a headline and of a text."""
OUTCOMES: Final = frozenset(
    {
        *("published", "approved", "reworded", "discarded"),
        *("overridden", "released", "retried", "forgotten"),
    }
)
"""What a deed may come to: keys of the page's words."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A form, and what it can act upon: the tenants' clients, the adapters' folders, the time."""

    fields: dict[str, str]
    clients: dict[str, Client]
    adapters: Path | None
    now: datetime

    @property
    def client(self) -> Client:
        """Return the client of the tenant that the form names. Raises FormRefused."""
        client = self.clients.get(self.fields.get("tenant", ""))
        if client is None:
            raise FormRefused("bad_form")
        return client

    @property
    def seen(self) -> tuple[str, str]:
        """Return the id of what the form is about, and the version it was seen at."""
        return self.fields.get("id", ""), self.fields.get("version", "")


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that staff do, and the roles of those who may."""

    do: Callable[[Desk], Awaitable[str]]
    roles: tuple[str, ...]


async def _approve(desk: Desk) -> str:
    return await approve(desk.client, *desk.seen, staff_number(desk.fields), desk.now)


async def _reword(desk: Desk) -> str:
    fields = desk.fields
    headline = {n: text(fields, f"headline_{n}", LONGEST_LINE, lines=False) for n in LANGUAGES}
    body = {n: text(fields, f"body_{n}", LONGEST_TEXT, lines=True) for n in LANGUAGES}
    if not all(headline.values()):
        raise FormRefused("bad_text")
    wording = Wording(headline, body)
    return await reword(desk.client, *desk.seen, wording, staff_number(fields))


async def _discard(desk: Desk) -> str:
    return await discard(desk.client, *desk.seen, staff_number(desk.fields))


async def _override(desk: Desk) -> str:
    look, reason = desk.fields.get("look", ""), desk.fields.get("reason", "")
    if look not in LOOKS or reason not in REASONS:
        raise FormRefused("bad_form")
    wish = Override(look, whole(desk.fields, "minutes", LONGEST), reason)
    return await override(desk.client, desk.seen[0], wish, staff_number(desk.fields), desk.now)


async def _release(desk: Desk) -> str:
    return await release(desk.client, desk.seen[0], desk.now)


async def _retry(desk: Desk) -> str:
    return await _settle(desk, retry=True)


async def _forget(desk: Desk) -> str:
    return await _settle(desk, retry=False)


async def _settle(desk: Desk, *, retry: bool) -> str:
    numbers, reason = chosen(desk.fields, "held-"), desk.fields.get("reason", "")
    if reason not in HELD_REASONS:
        raise FormRefused("bad_form")
    if not numbers:
        raise FormRefused("none_chosen")
    person = staff_number(desk.fields)
    name = desk.fields.get("adapter", "")
    return await settle(desk.adapters, name, numbers, retry=retry, reason=reason, person=person)


ORDERS: Final = ("staff:disaster", "administrator")
LIGHTS: Final = ("staff:disaster", "staff:river", "administrator")
DEEDS: Final[dict[str, Deed]] = {
    "approve": Deed(_approve, ORDERS),
    "reword": Deed(_reword, ORDERS),
    "discard": Deed(_discard, ORDERS),
    "override": Deed(_override, LIGHTS),
    "release": Deed(_release, LIGHTS),
    "retry": Deed(_retry, LIGHTS),
    "forget": Deed(_forget, LIGHTS),
}
"""The deeds by the last part of the path that a form is sent to."""
