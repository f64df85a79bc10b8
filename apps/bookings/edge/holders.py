"""People who book: known to the broker by a pseudonym, to the vault by name and address.

A browser holds a secret of its holder; so does the link in each mail. The vault keeps digests of
them, beside the holder's name, mail address and language.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from apps.keys.contract import Vault

HOLDER: Final = "urn:ngsi-ld:Holder:"
SECRET: Final = re.compile(r"([0-9a-f]{24})\.([A-Za-z0-9_-]{20,60})")
MAIL: Final = re.compile(r"[^@\s<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
LONGEST_NAME: Final = 80


class BadContact(ValueError):
    """A name or address that cannot be; the text is a key of the page's words."""


@dataclass(frozen=True, slots=True)
class Contact:
    """How to reach a holder. Either may be empty: at the counter nobody needs an address."""

    name: str
    mail: str
    language: str = "ja"


class Holders:
    """The people in the vault."""

    def __init__(self, vault: Vault, token: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._vault = vault
        self._token = token

    async def new(self, contact: Contact) -> str:
        """Keep a person; return the pseudonym. Raises BadContact."""
        holder = HOLDER + self._token(12).hex()
        await self.keep(holder, contact)
        return holder

    async def keep(self, holder: str, contact: Contact) -> None:
        """Keep how to reach a holder. Raises BadContact."""
        if not 0 < len(contact.name) <= LONGEST_NAME or not contact.name.isprintable():
            raise BadContact("bad_name")
        if contact.mail and not MAIL.fullmatch(contact.mail):
            raise BadContact("bad_mail")
        await self._vault.put(holder, "name", contact.name)
        if contact.mail:
            await self._vault.put(holder, "mail", contact.mail)
        await self._vault.put(holder, "language", contact.language)

    async def contact(self, holder: str) -> Contact | None:
        """Return how to reach a holder; None where nothing is kept (any more)."""
        name = await self._vault.get(holder, "name")
        if name is None:
            return None
        mail = await self._vault.get(holder, "mail")
        return Contact(name, mail or "", await self._vault.get(holder, "language") or "ja")

    async def secret(self, holder: str, kind: str = "link") -> str:
        """Return the holder's secret for links (`link`) or for the calendar (`feed`), the same
        each time.
        """
        kept = await self._vault.get(holder, kind)
        if kept is None:
            kept = secrets.token_urlsafe(24)
            await self._vault.put(holder, kind, kept)
        return f"{holder.removeprefix(HOLDER)}.{kept}"

    async def session(self, holder: str) -> str:
        """Return a new secret for a browser."""
        token = secrets.token_urlsafe(24)
        await self._vault.put(holder, f"session:{_digest(token)}", "open")
        return f"{holder.removeprefix(HOLDER)}.{token}"

    async def of_session(self, secret: str) -> str | None:
        """Return whose browser it is, None where it is nobody's."""
        holder, token = _parts(secret)
        kept = await self._vault.get(holder, f"session:{_digest(token)}") if holder else None
        return holder if kept is not None else None

    async def of_link(self, secret: str, kind: str = "link") -> str | None:
        """Return whose link it is, None where it is nobody's."""
        holder, token = _parts(secret)
        kept = await self._vault.get(holder, kind) if holder else None
        fits = kept is not None and secrets.compare_digest(kept.encode(), token.encode())
        return holder if fits else None

    async def leave(self, secret: str) -> None:
        """Forget a browser."""
        holder, token = _parts(secret)
        if holder:
            await self._vault.forget(holder, f"session:{_digest(token)}")

    async def shut_out(self, holder: str) -> None:
        """Let in none of a holder's browsers and links any more; the next letter has a new link."""
        for kind in await self._vault.kinds(holder):
            if kind in ("link", "feed") or kind.startswith("session:"):
                await self._vault.forget(holder, kind)

    async def erase(self, holder: str) -> None:
        """Erase a person: name, address, PINs and everything that lets browsers in."""
        await self._vault.erase(holder)


def _parts(secret: str) -> tuple[str, str]:
    found = SECRET.fullmatch(secret)
    return (HOLDER + found[1], found[2]) if found else ("", "")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:32]
