"""A transfer as the operations of one transaction. Pure.

The order matters. The transfer comes first, so that a repeated request is recognised before
anything else about it; then citizens' wallets on condition of the version that was read; wallets
without lots are only added to, in the store, so that nobody waits for anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from apps.kijiko.ledger.lots import moved
from apps.kijiko.ledger.plans import Plan
from apps.kijiko.ledger.rules import Rules
from apps.kijiko.ledger.transfer import Posting, Transfer, transfer_entity
from apps.kijiko.ledger.wallet import Wallet, WalletKind, day_plain, json_property

Operation = dict[str, Any]


class Hurdle(StrEnum):
    """What it means that an operation's precondition does not hold."""

    KNOWN = "known"
    """The transfer is there already."""
    STALE = "stale"
    """A wallet or the rules have changed since they were read."""
    STANDING = "standing"
    """A transfer that must not be there is."""
    AWAY = "away"
    """A merchant or campaign is not active."""
    SHORT = "account_short"
    """An account has too little."""


@dataclass(frozen=True, slots=True)
class Step:
    """One operation, and what it means that it is refused."""

    operation: Operation
    hurdle: Hurdle


def steps(
    plan: Plan, transfer: Transfer, wallets: Mapping[str, Wallet], rules: Rules, issuer: str
) -> list[Step]:
    """Return what writes a transfer. `wallets` are the citizens' that were read for it."""
    create = {"op": "create", "entity": transfer_entity(transfer), "ifNoneMatch": "*"}
    found = [Step(create, Hurdle.KNOWN)]
    if rules.version:
        held = {"op": "check", "id": rules.currency, "ifMatch": rules.version}
        found.append(Step(held, Hurdle.STALE))
    for absent in plan.absent:
        gone = {"op": "check", "id": absent, "ifNoneMatch": "*"}
        found.append(Step(gone, Hurdle.STANDING))
    for wallet, kind in plan.active.items():
        found.append(Step(_active(wallet, kind), Hurdle.AWAY))
    for posting in plan.postings:
        if posting.wallet in wallets:
            found += _of_citizen(posting, wallets[posting.wallet], plan)
        else:
            found.append(Step(_added(posting, posting.wallet == issuer), Hurdle.SHORT))
    return found


def _of_citizen(posting: Posting, wallet: Wallet, plan: Plan) -> Iterator[Step]:
    yield Step({**_added(posting, free=False), "ifMatch": wallet.version}, Hurdle.STALE)
    attributes = {"lots": json_property(moved(wallet.lots, posting.lots))}
    if wallet.id in plan.days:
        attributes["day"] = json_property(day_plain(plan.days[wallet.id]))
    if wallet.id in plan.statuses:
        status = plan.statuses[wallet.id].value
        attributes["status"] = {"type": "Property", "value": status}
    yield Step({"op": "append", "id": wallet.id, "attrs": attributes}, Hurdle.STALE)


def _added(posting: Posting, free: bool) -> Operation:
    operation = {
        "op": "add",
        "id": posting.wallet,
        "attribute": "balance",
        "value": posting.amount,
    }
    return operation if free else {**operation, "min": 0}


def _active(wallet: str, kind: WalletKind) -> Operation:
    wanted = f'status=="active";walletKind=="{kind.value}"'
    return {"op": "check", "id": wallet, "q": wanted}
