"""A shop's phones: who may be at its till, by a link that lets one phone in, until it is shut out.

The phone that applied is the shop's first. It lets colleagues in and shuts them out again; where it
is lost, the treasury gives the shop a new first phone, and the old one is none any more. What
counts is the shop's list: a place in it holds one phone's pseudonym, and who is in no place is
out, in the middle of a stream too. All of it is in the vault.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import orjson

from apps.bookings.edge.holders import HOLDER
from apps.kijiko.use.shops import Shop, ShopAway, Shops, holder_of
from apps.kijiko.use.town import Town

MOST: Final = 8
"""Further phones of a shop."""
FIRST: Final = 0
"""The place of a first phone that the treasury gave."""
LONGEST_NAME: Final = 20


class PhoneRefused(ValueError):
    """What cannot be done with phones; the text is a key of the page's words."""


@dataclass(frozen=True, slots=True)
class Phone:
    """A further phone of a shop. `waits` until its link has let somebody in."""

    place: int
    name: str
    holder: str
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """What a phone may: be at the till of a shop; `first` may let others in."""

    shop: Shop
    first: bool


class Phones:
    """The phones of the town's shops. All raise ClientError, VaultError."""

    def __init__(self, town: Town) -> None:
        self._vault = town.vault
        self._holders = town.holders
        self._town = town
        self._shops = Shops(town)

    async def access(self, holder: str) -> Access | None:
        """Return what the phone of a pseudonym may; None where it is no shop's, or shut out."""
        standing = await self.standing(holder)
        if standing is None:
            return None
        shop_id, first = standing
        try:
            return Access(await self._shops.shop(shop_id), first)
        except ShopAway:
            return None

    async def standing(self, holder: str) -> tuple[str, bool] | None:
        """Return the shop of a pseudonym's phone and whether it is its first, by the vault."""
        shop_id = await self._vault.get(holder, "shop")
        if shop_id is not None:
            return shop_id, True
        till = await self._vault.get(holder, "till")
        if till is None:
            return None
        shop_id, _, place = till.rpartition(" ")
        at = await self._at(holder_of(shop_id), int(place))
        return (shop_id, int(place) == FIRST) if at and at.holder == holder else None

    async def invite(self, shop: Shop, name: str) -> str:
        """Give a further phone a place; return the secret of its link. Raises PhoneRefused."""
        name = name.strip()
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise PhoneRefused("bad_phone_name")
        taken = {one.place for one in await self.of(shop)}
        place = next((one for one in range(1, MOST + 1) if one not in taken), None)
        if place is None:
            raise PhoneRefused("too_many_phones")
        return await self._given(shop, place, name)

    async def renew(self, shop: Shop) -> str:
        """Give the shop a new first phone; the old one is out. Return the secret of its link."""
        await self._vault.forget(shop.holder, "shop")
        return await self._given(shop, FIRST, "")

    async def enter(self, secret: str) -> str | None:
        """Let a phone in by its link, which is spent; return its browser's secret."""
        holder = await self._holders.of_link(secret)
        if holder is None or await self.standing(holder) is None:
            return None
        session = await self._holders.session(holder)
        await self._vault.forget(holder, "link")
        return session

    async def of(self, shop: Shop) -> list[Phone]:
        """Return the further phones of a shop."""
        found = [await self._at(shop.holder, place) for place in range(1, MOST + 1)]
        return [one for one in found if one is not None]

    async def shut(self, shop: Shop, holder: str) -> None:
        """Shut a further phone out; nothing happens where it is out already."""
        for one in await self.of(shop):
            if one.holder == holder:
                await self._vault.forget(shop.holder, _place(one.place))
                await self._vault.forget(holder, "till")
                await self._vault.forget(holder, "link")

    async def _given(self, shop: Shop, place: int, name: str) -> str:
        holder = HOLDER + self._town.token(12).hex()
        kept = orjson.dumps({"holder": holder, "name": name}).decode()
        await self._vault.put(shop.holder, _place(place), kept)
        await self._vault.put(holder, "till", f"{shop.id} {place}")
        return await self._holders.secret(holder)

    async def _at(self, keeper: str, place: int) -> Phone | None:
        kept = await self._vault.get(keeper, _place(place))
        if kept is None:
            return None
        told = orjson.loads(kept)
        waits = await self._vault.get(told["holder"], "link") is not None
        return Phone(place, told["name"], told["holder"], waits)


def _place(number: int) -> str:
    return f"phone:{number}"
