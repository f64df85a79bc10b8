"""What people did with the town's money, from the postings (pure).

A refund or the reversal of a payment is a payment of less than nothing, by the same person, at its
own time: a month that is over never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from apps.kijiko.ledger.transfer import Kind, Transfer

SPENDING: Final = frozenset({Kind.PAY, Kind.REFUND})
OTHERS: Final = frozenset({Kind.CHARGE, Kind.GRANT, Kind.EXPIRE})


@dataclass(frozen=True, slots=True)
class Flow:
    """An amount in yen and whose: `shop` is a merchant's wallet, "" where there is none.

    `kind` is `pay`, `charge`, `grant` or `expire`; `count` is 1 for a payment, else 0.
    """

    person: str
    kind: str
    amount: int
    at: datetime
    shop: str = ""
    count: int = 0


def flows(transfers: Iterable[Transfer], holders: Mapping[str, str]) -> list[Flow]:
    """Return what happened, by time. `holders` are the citizens' wallets and whose they are."""
    by_id = {one.id: one for one in transfers}
    found = [flow for one in by_id.values() if (flow := _flow(one, by_id, holders)) is not None]
    return sorted(found, key=lambda flow: (flow.at, flow.person, flow.shop, flow.amount))


def _flow(one: Transfer, by_id: Mapping[str, Transfer], holders: Mapping[str, str]) -> Flow | None:
    origin, sign = one, 1
    while origin.kind in (Kind.REFUND, Kind.REVERSAL):
        if origin.refers not in by_id:
            return None
        origin, sign = by_id[origin.refers], -sign
    posted = [(holders[p.wallet], p.amount) for p in origin.postings if p.wallet in holders]
    if origin.kind is Kind.PAY and posted:
        shop = next(p.wallet for p in origin.postings if p.wallet not in holders)
        return Flow(posted[0][0], "pay", sign * one.amount, one.at, shop, int(one.kind is Kind.PAY))
    if origin.kind in OTHERS and posted:
        person, amount = posted[0]
        return Flow(person, origin.kind.value, sign * amount, one.at)
    return None
