"""What each act posts, decided from wallets as they were read. Pure: all raise NotPossible.

A plan holds what a transaction must check besides: which further wallets have to be active, which
transfers must not be there. Balances of wallets without lots are no part of it: they are added to
in the store, so that two payers of one merchant never wait for each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from apps.kijiko.ledger.accounts import Accounts, reversal_id
from apps.kijiko.ledger.errors import NotPossible
from apps.kijiko.ledger.lots import Lot, LotKind, Lots, ended, given_back, lot_of, taken, today
from apps.kijiko.ledger.rules import MOST, Rules
from apps.kijiko.ledger.transfer import Kind, Posting, Transfer
from apps.kijiko.ledger.wallet import Day, Wallet, WalletKind, WalletStatus

NOTHING: Final = "nothing"
"""The reason where there is nothing to expire."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A transfer to be written. `days` and `statuses` are what citizens' wallets get besides."""

    kind: Kind
    postings: tuple[Posting, ...]
    days: Mapping[str, Day] = field(default_factory=dict)
    statuses: Mapping[str, WalletStatus] = field(default_factory=dict)
    active: Mapping[str, WalletKind] = field(default_factory=dict)
    absent: tuple[str, ...] = ()


def charge(wallet: Wallet, amount: int, rules: Rules, accounts: Accounts, now: datetime) -> Plan:
    """Issue money into a citizen's wallet."""
    _check_amount(amount)
    _check_citizen(wallet)
    day = wallet.on(today(now))
    charged = day.charged + amount
    if rules.charge_day is not None and charged > rules.charge_day:
        raise NotPossible("limit_charge")
    _check_room(wallet, amount, rules)
    lot = Lot(rules.last_day(today(now)), LotKind.MONEY)
    postings = (Posting(wallet.id, amount, {lot.id: amount}), Posting(accounts.issue, -amount))
    return Plan(Kind.CHARGE, postings, days={wallet.id: replace(day, charged=charged)})


def pay(wallet: Wallet, merchant: str, amount: int, rules: Rules, now: datetime) -> Plan:
    """Pay a merchant, first with what ends first."""
    _check_amount(amount)
    _check_citizen(wallet)
    day = wallet.on(today(now))
    paid = day.paid + amount
    if _beyond(amount, rules.payment, wallet.limits.payment):
        raise NotPossible("limit_payment")
    if _beyond(paid, rules.payment_day, wallet.limits.day):
        raise NotPossible("limit_day")
    lots = taken(wallet.lots, amount, now)
    return Plan(
        Kind.PAY,
        (Posting(wallet.id, -amount, _negated(lots)), Posting(merchant, amount)),
        days={wallet.id: replace(day, paid=paid)},
        active={merchant: WalletKind.MERCHANT},
    )


def payer(payment: Transfer) -> str:
    """Return whose wallet a payment was made from."""
    if payment.kind is not Kind.PAY:
        raise NotPossible("not_a_payment")
    return next(one.wallet for one in payment.postings if one.amount < 0)


def refund(
    wallet: Wallet,
    payment: Transfer,
    before: Sequence[Transfer],
    amount: int | None,
    accounts: Accounts,
) -> Plan:
    """Give back a payment or a part of it, all that is left with None; `before` came before.

    Each lot gets back no more than was taken of it, with its own last day. What was paid from a
    wallet that is closed goes to the account in suspense.
    """
    paid, merchant = payment.posting(wallet.id), _counterpart(payment, wallet.id)
    left = {name: -part for name, part in paid.lots.items()}
    for one in before:
        returned = one.posting(wallet.id).lots or given_back(left, one.amount)
        left = {name: part - returned.get(name, 0) for name, part in left.items()}
    whole = sum(left.values())
    amount = whole if amount is None else amount
    _check_amount(amount, "refunded" if not whole else "amount")
    back_to = given_back(left, amount)
    if wallet.status is WalletStatus.CLOSED:
        receiver = Posting(accounts.suspense, amount)
    else:
        receiver = Posting(wallet.id, amount, back_to)
    standing = (reversal_id(payment.id),)
    return Plan(Kind.REFUND, (receiver, Posting(merchant, -amount)), absent=standing)


def fund(campaign: str, amount: int, accounts: Accounts) -> Plan:
    """Set a campaign's budget aside, or add to it."""
    _check_amount(amount)
    postings = (Posting(campaign, amount), Posting(accounts.issue, -amount))
    return Plan(Kind.FUND, postings, active={campaign: WalletKind.CAMPAIGN})


def grant(wallet: Wallet, campaign: str, lot: Lot, amount: int, rules: Rules) -> Plan:
    """Grant points of a campaign's budget."""
    _check_amount(amount)
    _check_citizen(wallet)
    _check_room(wallet, amount, rules)
    postings = (Posting(wallet.id, amount, {lot.id: amount}), Posting(campaign, -amount))
    return Plan(Kind.GRANT, postings, active={campaign: WalletKind.CAMPAIGN})


def grant_declared(
    wallet: Wallet, campaign: str, lot: Lot, amount: int, rules: Rules, now: datetime
) -> Plan:
    """Grant points for what nobody but the holder says: so much a day, held by the wallet."""
    plan, day = grant(wallet, campaign, lot, amount, rules), wallet.on(today(now))
    declared = day.declared + amount
    if declared > rules.declared_day:
        raise NotPossible("limit_declared")
    return replace(plan, days={wallet.id: replace(day, declared=declared)})


def expire(wallet: Wallet, accounts: Accounts, now: datetime) -> Plan:
    """Take what has ended out of a wallet."""
    lots = ended(wallet.lots, now)
    if not lots:
        raise NotPossible(NOTHING)
    of_money = sum(left for name, left in lots.items() if lot_of(name).kind is LotKind.MONEY)
    whole = sum(lots.values())
    parts = ((accounts.expired_money, of_money), (accounts.expired_points, whole - of_money))
    gone = tuple(Posting(account, part) for account, part in parts if part)
    return Plan(Kind.EXPIRE, (Posting(wallet.id, -whole, _negated(lots)), *gone))


def settle(merchant: str, gross: int, fee: int, accounts: Accounts) -> Plan:
    """Make a merchant's money what the town owes it, less a fee."""
    _check_amount(gross)
    if not 0 <= fee < gross:
        raise NotPossible("amount")
    postings = [Posting(merchant, -gross), Posting(accounts.settlement, gross - fee)]
    if fee:
        postings.append(Posting(accounts.fee, fee))
    return Plan(Kind.SETTLE, tuple(postings))


def pay_out(amount: int, accounts: Accounts) -> Plan:
    """Take what was paid by bank out of circulation."""
    _check_amount(amount)
    postings = (Posting(accounts.settlement, -amount), Posting(accounts.issue, amount))
    return Plan(Kind.PAYOUT, postings)


def move(old: Wallet, new: Wallet) -> Plan:
    """Move everything into another wallet and close the old one; it may be frozen."""
    if old.id == new.id:
        raise NotPossible("same_wallet")
    if old.kind is not WalletKind.CITIZEN:
        raise NotPossible("wrong_kind")
    if old.status is WalletStatus.CLOSED:
        raise NotPossible("closed")
    _check_citizen(new)
    if not old.balance:
        raise NotPossible("amount")
    return Plan(
        Kind.MOVE,
        (
            Posting(old.id, -old.balance, _negated(old.lots)),
            Posting(new.id, old.balance, dict(old.lots)),
        ),
        statuses={old.id: WalletStatus.CLOSED},
    )


def reversal(transfer: Transfer, wallets: Sequence[Wallet], absent: tuple[str, ...]) -> Plan:
    """Post the opposite of a transfer; `absent` are transfers that would stand in its way.

    `wallets` are the citizens' in it. What was spent since cannot be taken back.
    """
    if transfer.kind in (Kind.REVERSAL, Kind.MOVE):
        raise NotPossible("not_reversible")
    if any(one.status is WalletStatus.CLOSED for one in wallets):
        raise NotPossible("closed")
    postings = tuple(
        Posting(one.wallet, -one.amount, _negated(one.lots)) for one in transfer.postings
    )
    return Plan(Kind.REVERSAL, postings, absent=absent)


def _check_amount(amount: int, otherwise: str = "amount") -> None:
    if amount.__class__ is not int or not 0 < amount <= MOST:
        raise NotPossible(otherwise)


def _check_citizen(wallet: Wallet) -> None:
    if wallet.kind is not WalletKind.CITIZEN:
        raise NotPossible("wrong_kind")
    if wallet.status is not WalletStatus.ACTIVE:
        raise NotPossible(wallet.status.value)


def _check_room(wallet: Wallet, amount: int, rules: Rules) -> None:
    if rules.balance is not None and wallet.balance + amount > rules.balance:
        raise NotPossible("limit_balance")


def _beyond(amount: int, *limits: int | None) -> bool:
    return any(limit is not None and amount > limit for limit in limits)


def _counterpart(payment: Transfer, wallet: str) -> str:
    return next(one.wallet for one in payment.postings if one.wallet != wallet)


def _negated(lots: Lots) -> dict[str, int]:
    return {name: -amount for name, amount in lots.items()}
