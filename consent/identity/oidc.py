"""Callers by tokens of an OpenID Connect provider, beside those with keys of the town's own."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from consent.identity.book import IdentityBook
from consent.identity.model import Client
from consent.identity.provider import Provider
from consent.identity.tokens import (
    LEEWAY,
    Expected,
    RoleMap,
    TokenRefused,
    UnknownKey,
    client_of,
    is_token,
    verified,
)

_TOKENS: Final = 4096
"""Tokens whose signature was checked and need not be again until they end."""
_PEOPLE: Final = 100_000
_UNTIL: Final = "until "


class OidcClients:
    """Whom tokens and keys stand for (`consent.guard.Clients`).

    People are known from their first token on, with the roles of their newest; after a restart
    their subscriptions wait until they come again.
    """

    def __init__(
        self,
        book: IdentityBook,
        provider: Provider,
        audience: str,
        roles: RoleMap,
        secret: bytes,
        seconds: Callable[[], float] = time.time,
    ) -> None:
        self._book = book
        self._provider = provider
        self._expected = Expected(provider.issuer, audience)
        self._roles = roles
        self._secret = secret
        self._seconds = seconds
        self._people: OrderedDict[str, Client] = OrderedDict()
        self._checked: OrderedDict[str, tuple[float, str, object]] = OrderedDict()
        self._changes = 0

    def refresh(self) -> int:
        """Return how often something changed."""
        return self._book.refresh() + self._changes

    def client(self, name: str) -> Client | None:
        """Return a client by name."""
        return self._people.get(name) or self._book.client(name)

    def credential(self, text: str) -> str:
        """Return by what `opens` knows a key or a token: of a token its end, in seconds."""
        known = self._checked.get(text)
        return f"{_UNTIL}{known[0]}" if known is not None else self._book.credential(text)

    def opens(self, client: str, credential: str, now: str) -> bool:
        """Tell whether a key or token still opens something at a time."""
        if credential.startswith(_UNTIL):
            return self._seconds() < float(credential.removeprefix(_UNTIL)) + LEEWAY
        return self._book.opens(client, credential, now)

    def holder(self, text: str, now: str) -> Client | None:
        """Return whom a token or key stands for; None for nobody."""
        if not is_token(text):
            return self._book.holder(text, now)
        self._provider.renew()
        keys = self._provider.keys
        known = self._checked.get(text)
        if known is not None and self._seconds() < known[0] and known[2] is keys:
            return self._people.get(known[1])
        try:
            claims = verified(text, keys, self._expected, self._seconds())
        except UnknownKey:
            self._provider.renew(unknown=True)
            return None
        except TokenRefused:
            return None
        client = client_of(claims, self._roles, self._secret)
        self._keep(client)
        self._checked[text] = (float(claims["exp"]), client.name, keys)
        if len(self._checked) > _TOKENS:
            self._checked.popitem(last=False)
        return client

    def _keep(self, client: Client) -> None:
        if self._people.get(client.name) != client:
            self._people[client.name] = client
            self._changes += 1
            if len(self._people) > _PEOPLE:
                self._people.popitem(last=False)
