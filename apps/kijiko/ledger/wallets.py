"""Opening, freezing and closing of wallets: what happens to them without money moving."""

from __future__ import annotations

from typing import Any, Final

from apps.kijiko.ledger.errors import Busy, NotPossible
from apps.kijiko.ledger.wallet import (
    WALLET,
    Limits,
    Wallet,
    WalletKind,
    WalletStatus,
    json_property,
    limits_plain,
    wallet_entity,
    wallet_from,
)
from broker.client import AlreadyExists, Client, NotFound, PreconditionFailed

TRIES: Final = 50


class Wallets:
    """The wallets of one currency. All acts raise NotPossible, Busy, ClientError."""

    def __init__(self, client: Client, currency: str) -> None:
        self.client = client
        self.currency = currency

    async def open(self, wallet_id: str, kind: WalletKind, holder: str = "") -> Wallet:
        """Open a wallet; return it, also where it is open already.

        `holder` is a pseudonymous id, `urn:ngsi-ld:Holder:…`. Raises NotPossible where there is
        another of this id.
        """
        new = Wallet(wallet_id, kind, WalletStatus.ACTIVE, 0, self.currency, holder)
        create = {"op": "create", "entity": wallet_entity(new), "ifNoneMatch": "*"}
        try:
            await self.client.transactions([create])
        except (PreconditionFailed, AlreadyExists):
            known = await self.wallet(wallet_id)
            if (known.kind, known.currency, known.holder) != (kind, self.currency, holder):
                raise NotPossible("wrong_kind") from None
            return known
        return await self.wallet(wallet_id)

    async def wallet(self, wallet_id: str) -> Wallet:
        """Return a wallet as it stands."""
        try:
            entity, version = await self.client.retrieve_with_version(wallet_id)
        except NotFound as error:
            raise NotPossible("no_wallet") from error
        return wallet_from(entity, version)

    async def of_holder(self, holder: str) -> list[Wallet]:
        """Return all wallets of a holder."""
        try:
            found = await self.client.query(type=WALLET, q=f'refHolder=="{holder}"')
        except NotFound:
            return []
        return [wallet_from(one) for one in found]

    async def all(self, kind: WalletKind | None = None) -> list[Wallet]:
        """Return all wallets, or all of a kind."""
        q = f'walletKind=="{kind.value}"' if kind is not None else None
        try:
            found = await self.client.query(type=WALLET, q=q)
        except NotFound:
            return []
        own = [one for one in map(wallet_from, found) if one.currency == self.currency]
        return sorted(own, key=lambda one: one.id)

    async def freeze(self, wallet_id: str) -> Wallet:
        """Let nothing out of a wallet, and no new money in; refunds still arrive."""
        return await self._set(wallet_id, WalletStatus.FROZEN)

    async def unfreeze(self, wallet_id: str) -> Wallet:
        """Let a wallet be used again."""
        return await self._set(wallet_id, WalletStatus.ACTIVE)

    async def close(self, wallet_id: str) -> Wallet:
        """Close an empty wallet for good."""
        return await self._set(wallet_id, WalletStatus.CLOSED)

    async def limit(self, wallet_id: str, limits: Limits) -> Wallet:
        """Give a wallet limits of its own, a child's for instance."""
        attributes = {"limits": json_property(limits_plain(limits))}
        await self._append(await self.wallet(wallet_id), attributes)
        return await self.wallet(wallet_id)

    async def _set(self, wallet_id: str, status: WalletStatus) -> Wallet:
        for _ in range(TRIES):
            wallet = await self.wallet(wallet_id)
            if wallet.status is status:
                return wallet
            if wallet.status is WalletStatus.CLOSED:
                raise NotPossible("closed")
            if status is WalletStatus.CLOSED and wallet.balance:
                raise NotPossible("not_empty")
            told = {"status": {"type": "Property", "value": status.value}}
            try:
                await self._append(wallet, told)
            except PreconditionFailed:
                continue
            return await self.wallet(wallet_id)
        raise Busy(wallet_id)

    async def _append(self, wallet: Wallet, attributes: dict[str, Any]) -> None:
        change = {"op": "append", "id": wallet.id, "attrs": attributes, "ifMatch": wallet.version}
        await self.client.transactions([change])
