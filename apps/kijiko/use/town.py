"""What all acts stand on: the books, the people, the clock, the town's secret for codes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from apps.bookings.edge.holders import Contact, Holders
from apps.keys.contract import Vault
from apps.kijiko.ledger.book import Book
from apps.kijiko.ledger.wallet import Wallet, WalletKind, WalletStatus
from apps.kijiko.ledger.wallets import Wallets
from apps.kijiko.use.numbers import number, wallet_local
from broker.client import Client


@dataclass(frozen=True, slots=True)
class Town:
    """`secret` signs codes of one use, and forms; `token` gives random bytes."""

    book: Book
    wallets: Wallets
    holders: Holders
    vault: Vault
    secret: bytes
    token: Callable[[int], bytes] = secrets.token_bytes

    @property
    def client(self) -> Client:
        """Return the connection to the broker."""
        return self.book.client

    @property
    def city(self) -> str:
        """Return the municipality's code."""
        return self.book.accounts.city

    @property
    def form_key(self) -> bytes:
        """Return what forms are sealed with; a form that got no answer is good after a restart."""
        return hmac.new(self.secret, b"forms", hashlib.sha256).digest()

    def now(self) -> datetime:
        """Return the time."""
        return self.book.clock()

    async def open_wallet(self, holder: str) -> Wallet:
        """Open one more wallet for a holder. Raises ClientError."""
        local = wallet_local(number(self.token(8)))
        return await self.wallets.open(self.book.accounts.wallet(local), WalletKind.CITIZEN, holder)

    async def new_person(self, contact: Contact) -> tuple[str, Wallet]:
        """Keep a person and open a wallet; return the pseudonym too. Raises BadContact."""
        holder = await self.holders.new(contact)
        return holder, await self.open_wallet(holder)

    async def wallet_of(self, holder: str) -> Wallet | None:
        """Return the wallet a holder uses: the one that is not closed. Raises ClientError."""
        found = [w for w in await self.wallets.of_holder(holder) if w.kind is WalletKind.CITIZEN]
        usable = [one for one in found if one.status is not WalletStatus.CLOSED]
        return min(
            usable, key=lambda one: (one.status is not WalletStatus.ACTIVE, one.id), default=None
        )

    def entry(self, key: str) -> str:
        """Return what a payment is about whose form had this key: another form, another entry."""
        digest = hashlib.sha256(key.encode()).hexdigest()[:24]
        return f"urn:ngsi-ld:TillEntry:{self.city}:{digest}"
