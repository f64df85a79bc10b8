"""Shops that take the town's money (加盟店): applied, approved, suspended; their account at a bank.

The shop is an open `AcceptingMerchant`; whoever runs it is known to the vault only, beside the
account the shop is paid out to.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

import orjson

from apps.bookings.edge.holders import HOLDER, Contact
from apps.kijiko.bank.kana import NoKana, half_width
from apps.kijiko.bank.zengin import KINDS, Account
from apps.kijiko.codes.emv import BadPayload
from apps.kijiko.codes.merchant import MerchantCode, payload
from apps.kijiko.ledger.wallet import WalletKind
from apps.kijiko.use.areas import area_of
from apps.kijiko.use.numbers import MERCHANT, number
from apps.kijiko.use.town import Town
from broker.client import Entity, NotFound, PreconditionFailed, value

SHOP: Final = "AcceptingMerchant"
TOWN_NAME: Final = "Hitoyoshi"
PREFIX: Final = "KJ-"
FEE_RATE: Final = 0.01
_DIGITS: Final = {"bank": 4, "branch": 3, "number": 7}


class ShopStatus(StrEnum):
    """Where a shop stands, in the model's words."""

    APPLIED = "applied"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEFT = "left"


class BadShop(ValueError):
    """What cannot be a shop or its account; the text is a key of the page's words."""


class ShopAway(Exception):
    """No shop of this code takes money now."""


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop: `code` is what its QR names, `category` an ISO 18245 code."""

    id: str
    code: str
    name: dict[str, str]
    wallet: str
    category: str
    status: ShopStatus
    position: tuple[float, float] | None = None
    fee_rate: float = FEE_RATE
    version: str = field(default="", compare=False)

    @property
    def holder(self) -> str:
        """Return the pseudonym of whoever runs it."""
        return holder_of(self.id)

    @property
    def area(self) -> str:
        """Return the key of the area it is in."""
        return area_of(self.position)

    @property
    def plate(self) -> MerchantCode:
        """Return what its lasting code says."""
        return MerchantCode(
            self.code, self.name["en"][:25], TOWN_NAME, self.category, self.name["ja"][:25]
        )


def holder_of(shop_id: str) -> str:
    """Return the pseudonym of whoever runs a shop."""
    return HOLDER + hashlib.sha256(shop_id.encode()).hexdigest()[:24]


def shop_from(entity: Entity, version: str = "") -> Shop:
    """Return the shop an entity keeps."""
    place = value(entity, "location")
    return Shop(
        id=entity["id"],
        code=str(value(entity, "merchantCode", "")),
        name=dict(value(entity, "name", {})),
        wallet=str(value(entity, "refWallet", "")),
        category=str(value(entity, "merchantCategory", "")),
        status=ShopStatus(value(entity, "status")),
        position=tuple(place["coordinates"][:2]) if place else None,
        fee_rate=float(value(entity, "feeRate", 0)),
        version=version,
    )


def shop_entity(shop: Shop) -> Entity:
    """Return the entity of a shop. Raises BadPayload where its names do not fit a code."""
    entity: Entity = {
        "id": shop.id,
        "type": SHOP,
        "name": {"type": "LanguageProperty", "languageMap": shop.name},
        "merchantCode": _property(shop.code),
        "refWallet": {"type": "Relationship", "object": shop.wallet},
        "qrPayload": _property(payload(shop.plate)),
        "merchantCategory": _property(shop.category),
        "settlementCycle": _property("monthly"),
        "feeRate": _property(shop.fee_rate),
        "status": _property(shop.status.value),
    }
    if shop.position is not None:
        point = {"type": "Point", "coordinates": list(shop.position)}
        entity["location"] = {"type": "GeoProperty", "value": point}
    return entity


def new_shop(
    town: Town,
    name: dict[str, str],
    category: str,
    position: tuple[float, float] | None,
    status: ShopStatus = ShopStatus.APPLIED,
) -> Shop:
    """Return a shop with a code of its own."""
    code = PREFIX + number(town.token(8))
    local = code.lower()
    return Shop(
        f"urn:ngsi-ld:{SHOP}:{town.city}:{local}",
        code,
        name,
        town.book.accounts.wallet(MERCHANT + local),
        category,
        status,
        position,
    )


class Shops:
    """The shops of the town. Raises ClientError."""

    def __init__(self, town: Town) -> None:
        self._town = town

    async def apply(self, shop: Shop, contact: Contact, account: Account) -> None:
        """Keep a shop's application. Raises BadShop, BadContact."""
        try:
            entity = shop_entity(shop)
        except BadPayload as error:
            raise BadShop("bad_shop_name") from error
        await self._town.holders.keep(shop.holder, contact)
        await self._town.vault.put(shop.holder, "shop", shop.id)
        await self.keep_account(shop, account)
        await self._town.client.create(entity)

    async def keep_account(self, shop: Shop, account: Account) -> None:
        """Keep the account a shop is paid out to. Raises BadShop."""
        checked = checked_account(account)
        await self._town.vault.put(shop.holder, "account", orjson.dumps(asdict(checked)).decode())

    async def account(self, shop: Shop) -> Account | None:
        """Return the account a shop is paid out to."""
        kept = await self._town.vault.get(shop.holder, "account")
        return Account(**orjson.loads(kept)) if kept else None

    async def decide(self, shop_id: str, status: ShopStatus) -> Shop:
        """Approve a shop, suspend it, or let it go. Its wallet is open first. Raises ShopAway."""
        shop = await self.shop(shop_id)
        wallets = self._town.wallets
        if status is ShopStatus.ACTIVE:
            await wallets.open(shop.wallet, WalletKind.MERCHANT)
            await wallets.unfreeze(shop.wallet)
        elif shop.status is not ShopStatus.APPLIED:
            await wallets.freeze(shop.wallet)
        told = {"status": _property(status.value)}
        change = {"op": "append", "id": shop.id, "attrs": told, "ifMatch": shop.version}
        try:
            await self._town.client.transactions([change])
        except PreconditionFailed as error:
            raise ShopAway(shop_id) from error
        return await self.shop(shop_id)

    async def shop(self, shop_id: str) -> Shop:
        """Return a shop. Raises ShopAway."""
        try:
            return shop_from(*await self._town.client.retrieve_with_version(shop_id))
        except NotFound as error:
            raise ShopAway(shop_id) from error

    async def by_code(self, code: str) -> Shop:
        """Return the shop of a code that takes money now. Raises ShopAway."""
        shop = await self.shop(f"urn:ngsi-ld:{SHOP}:{self._town.city}:{code.lower()}")
        if shop.status is not ShopStatus.ACTIVE:
            raise ShopAway(code)
        return shop

    async def all(self) -> list[Shop]:
        """Return all shops, by their names."""
        try:
            found = await self._town.client.query(type=SHOP)
        except NotFound:
            return []
        mine = f":{self._town.city}:"
        return sorted((shop_from(e) for e in found if mine in e["id"]), key=lambda s: s.name["ja"])


def checked_account(account: Account) -> Account:
    """Return an account whose parts fit a bank's file. Raises BadShop."""
    for part, digits in _DIGITS.items():
        text = getattr(account, part)
        if not (text.isascii() and text.isdecimal() and len(text) == digits):
            raise BadShop(f"bad_account_{part}")
    if account.kind not in KINDS:
        raise BadShop("bad_account_kind")
    try:
        holder = half_width(account.holder)
    except NoKana as error:
        raise BadShop("bad_account_holder") from error
    if not 0 < len(holder) <= 30:
        raise BadShop("bad_account_holder")
    return Account(account.bank, account.branch, account.number, holder, account.kind)


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}
