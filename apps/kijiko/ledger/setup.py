"""Lays the ledger's ground in a tenant: the rules of its types, and the town's accounts.

Run with a key that may set rules of types. Idempotent.
"""

from __future__ import annotations

from typing import Any, Final

from apps.kijiko.ledger.accounts import accounts_of
from apps.kijiko.ledger.chain import SEAL
from apps.kijiko.ledger.rules import CURRENCY
from apps.kijiko.ledger.transfer import TRANSFER
from apps.kijiko.ledger.wallet import WALLET, Wallet, WalletStatus, wallet_entity
from broker.client import AlreadyExists, Client, Entity, PreconditionFailed

CLIENT: Final = "kijiko"
"""The only client that may write the ledger."""
NAMESPACE: Final = "https://machi.example/ns#"
"""Of the town's own names: the rules hold whatever @context a request is read by."""
_BALANCED: Final = {"attribute": f"{NAMESPACE}balance", "by": f"{NAMESPACE}refCurrency"}
TYPE_RULES: Final[dict[str, dict[str, Any]]] = {
    f"{NAMESPACE}{TRANSFER}": {"appendOnly": True, "writer": [CLIENT]},
    f"{NAMESPACE}{SEAL}": {"appendOnly": True, "writer": [CLIENT]},
    f"{NAMESPACE}{WALLET}": {"writer": [CLIENT], "balanced": _BALANCED},
}
"""What the store holds everybody to, administrators too: no transaction moves the sum of all
balances of a currency from zero, whoever sends it."""


async def set_rules(client: Client) -> None:
    """Set the rules of the ledger's types."""
    for name, rules in TYPE_RULES.items():
        await client.set_type_rules(name, rules)


async def open_accounts(client: Client, currency: str) -> None:
    """Open the town's accounts of a currency; the client has to be `kijiko`'s."""
    for wallet, kind in accounts_of(currency).all():
        new = Wallet(wallet, kind, WalletStatus.ACTIVE, 0, currency)
        try:
            await client.transactions(
                [{"op": "create", "entity": wallet_entity(new), "ifNoneMatch": "*"}]
            )
        except (PreconditionFailed, AlreadyExists):
            continue


def currency_entity(
    currency: str, code: str, name: dict[str, str], issuer: str, **limits: int
) -> Entity:
    """Return a currency that ends six months after issue; `limits` by their names in the model."""
    return {
        "id": currency,
        "type": CURRENCY,
        "code": _property(code),
        "name": {"type": "LanguageProperty", "languageMap": name},
        "kind": _property("prepaid"),
        "unitYen": _property(1),
        "expiryRule": _property({"kind": "months", "value": 6, "from": "issue"}),
        "issuer": {"type": "Relationship", "object": issuer},
        **{limit: _property(amount) for limit, amount in limits.items()},
    }


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}
