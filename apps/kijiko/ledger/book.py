"""The book: what can be done with money. Each act is one transaction, or nothing.

    book = Book(client, "urn:ngsi-ld:LocalCurrency:432032:kijiko", clock)
    paid = await book.pay(wallet, merchant, 500, Asked("citizen-handle", key))

Every act takes an `Asked`: who asks (a pseudonymous handle) under which key. The same again gives
the same transfer and has no further effect, across time-outs, restarts and processes.

All raise `NotPossible` where the rules forbid it, `OtherRequest` where the key was used for
something else, `Busy` where a wallet did not come to rest, and `ClientError`. `companions` are
operations of the broker that are written in the same transaction, or with it not at all: where one
of their preconditions does not hold, `CompanionFailed` names its place.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from apps.kijiko.ledger import plans
from apps.kijiko.ledger.accounts import Accounts, accounts_of, refund_id, reversal_id
from apps.kijiko.ledger.entities import Hurdle, Operation, Step, steps
from apps.kijiko.ledger.errors import Busy, CompanionFailed, NotPossible, OtherRequest
from apps.kijiko.ledger.lots import Lot, LotKind, today
from apps.kijiko.ledger.plans import Plan
from apps.kijiko.ledger.rules import Rules, rules_from
from apps.kijiko.ledger.transfer import (
    DECLARED,
    TRANSFER,
    Kind,
    Transfer,
    fingerprint,
    transfer_from,
)
from apps.kijiko.ledger.turns import Turns
from apps.kijiko.ledger.wallet import Wallet, wallet_from
from broker.client import AlreadyExists, Client, NotFound, PreconditionFailed, Refused

TRIES: Final = 50
Wallets = Mapping[str, Wallet]


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and under which key: the same for every repetition of the same wish."""

    by: str
    key: str

    @property
    def digest(self) -> str:
        """Return what stands for both; neither can be read from it."""
        return fingerprint(self.by, self.key)


@dataclass(frozen=True, slots=True)
class _Deed:
    """An act to be carried out: `wallets` are the citizens' that it reads."""

    id: str
    asked: Asked
    request: str
    wallets: tuple[str, ...]
    plan: Callable[[Wallets, Rules], Plan]
    about: str = ""
    refers: str = ""
    reason: str = ""
    approvals: tuple[str, ...] = ()
    companions: Sequence[Operation] = ()


class Book:
    """The books of one currency in one tenant."""

    def __init__(self, client: Client, currency: str, clock: Callable[[], datetime]) -> None:
        self.client = client
        self.currency = currency
        self.clock = clock
        self.accounts: Accounts = accounts_of(currency)
        self._turns = Turns()
        self._rules: Rules | None = None

    async def charge(
        self,
        wallet: str,
        amount: int,
        asked: Asked,
        *,
        about: str = "",
        companions: Sequence[Operation] = (),
    ) -> Transfer:
        """Issue money into a citizen's wallet, against money received at the counter or by bank."""
        return await self._carry_out(
            self._deed(
                asked,
                ("charge", wallet, str(amount), about),
                (wallet,),
                lambda read, rules: plans.charge(
                    read[wallet], amount, rules, self.accounts, self.clock()
                ),
                about=about,
                companions=companions,
            )
        )

    async def pay(
        self,
        wallet: str,
        merchant: str,
        amount: int,
        asked: Asked,
        *,
        about: str = "",
        companions: Sequence[Operation] = (),
    ) -> Transfer:
        """Pay from a citizen's wallet into a merchant's, first with what ends first."""
        return await self._carry_out(
            self._deed(
                asked,
                ("pay", wallet, merchant, str(amount), about),
                (wallet,),
                lambda read, rules: plans.pay(read[wallet], merchant, amount, rules, self.clock()),
                about=about,
                companions=companions,
            )
        )

    async def refund(
        self, payment_id: str, amount: int | None, asked: Asked, *, reason: str = ""
    ) -> Transfer:
        """Give a payment back, or a part of it; with None all that is left of it."""
        payment = await self.transfer(payment_id)
        payer = plans.payer(payment)
        for _ in range(TRIES):
            number, standing = 1, list[Transfer]()
            while (known := await self._found(refund_id(payment_id, number))) is not None:
                if known.key == asked.digest:
                    break
                if await self._found(reversal_id(known.id)) is None:
                    standing.append(known)
                number += 1

            def plan(
                read: Wallets, rules: Rules, before: tuple[Transfer, ...] = tuple(standing)
            ) -> Plan:
                return plans.refund(read[payer], payment, before, amount, self.accounts)

            deed = _Deed(
                refund_id(payment_id, number),
                asked,
                fingerprint("refund", payment_id, str(amount), reason),
                (payer,),
                plan,
                about=payment.about,
                refers=payment_id,
                reason=reason,
            )
            if known is not None:
                return _same(known, deed)
            try:
                return await self._carry_out(deed)
            except OtherRequest:
                continue
        raise Busy(payer)

    async def fund(self, campaign: str, amount: int, asked: Asked, *, about: str = "") -> Transfer:
        """Set the budget of a campaign aside, or add to it."""
        return await self._carry_out(
            self._deed(
                asked,
                ("fund", campaign, str(amount), about),
                (),
                lambda read, rules: plans.fund(campaign, amount, self.accounts),
                about=about,
            )
        )

    async def grant(
        self,
        campaign: str,
        wallet: str,
        amount: int,
        asked: Asked,
        *,
        last_day: date | None = None,
        about: str = "",
        declared: bool = False,
        companions: Sequence[Operation] = (),
    ) -> Transfer:
        """Grant points out of a campaign's budget; they end when money issued now would.

        `declared` says that nobody but the holder knows: the transfer says so, and the wallet
        gets no more than so much a day.
        """

        def plan(read: Wallets, rules: Rules) -> Plan:
            now = self.clock()
            lot = Lot(last_day or rules.last_day(today(now)), LotKind.POINTS)
            if declared:
                return plans.grant_declared(read[wallet], campaign, lot, amount, rules, now)
            return plans.grant(read[wallet], campaign, lot, amount, rules)

        parts = ("grant", campaign, wallet, str(amount), str(last_day), about)
        deed = self._deed(asked, parts, (wallet,), plan, about=about, companions=companions)
        return await self._carry_out(replace(deed, reason=DECLARED) if declared else deed)

    async def expire(self, wallet: str) -> Transfer | None:
        """Take what has ended out of a wallet; None where nothing has."""
        deed = self._deed(
            Asked("town", uuid.uuid4().hex),
            ("expire", wallet),
            (wallet,),
            lambda read, rules: plans.expire(read[wallet], self.accounts, self.clock()),
        )
        try:
            return await self._carry_out(deed)
        except NotPossible as refusal:
            if refusal.reason == plans.NOTHING:
                return None
            raise

    async def settle(
        self, merchant: str, gross: int, fee: int, asked: Asked, *, about: str = ""
    ) -> Transfer:
        """Make a merchant's money what the town owes it, less a fee."""
        return await self._carry_out(
            self._deed(
                asked,
                ("settle", merchant, str(gross), str(fee), about),
                (),
                lambda read, rules: plans.settle(merchant, gross, fee, self.accounts),
                about=about,
            )
        )

    async def pay_out(self, amount: int, asked: Asked, *, about: str = "") -> Transfer:
        """Take what the town paid to merchants by bank out of circulation."""
        return await self._carry_out(
            self._deed(
                asked,
                ("payout", str(amount), about),
                (),
                lambda read, rules: plans.pay_out(amount, self.accounts),
                about=about,
            )
        )

    async def move(self, old: str, new: str, asked: Asked) -> Transfer:
        """Move everything from a wallet, that of a lost phone say, and close it."""
        return await self._carry_out(
            self._deed(
                asked,
                ("move", old, new),
                (old, new),
                lambda read, rules: plans.move(read[old], read[new]),
            )
        )

    async def reverse(
        self,
        transfer_id: str,
        reason: str,
        approvals: tuple[str, str],
        asked: Asked,
        *,
        companions: Sequence[Operation] = (),
    ) -> Transfer:
        """Post the opposite of a transfer, by agreement of two persons: the only correction.

        A payment that was refunded, even in part, is not reversed but refunded to the end.
        """
        if len(set(approvals)) != 2 or not all(approvals):
            raise NotPossible("two_needed")
        transfer = await self.transfer(transfer_id)
        absent = (refund_id(transfer_id, 1),) if transfer.kind is Kind.PAY else ()
        wallets = tuple(one.wallet for one in transfer.postings if one.lots)

        def plan(read: Wallets, rules: Rules) -> Plan:
            return plans.reversal(transfer, tuple(read.values()), absent)

        deed = _Deed(
            reversal_id(transfer_id),
            asked,
            fingerprint("reverse", transfer_id, reason),
            wallets,
            plan,
            about=transfer.about,
            refers=transfer_id,
            reason=reason,
            approvals=approvals,
            companions=companions,
        )
        try:
            return await self._carry_out(deed)
        except OtherRequest as other:
            raise NotPossible("reversed") from other

    async def wallet(self, wallet_id: str) -> Wallet:
        """Return a wallet as it stands. Raises NotPossible where there is none."""
        try:
            entity, version = await self.client.retrieve_with_version(wallet_id)
        except NotFound as error:
            raise NotPossible("no_wallet") from error
        return wallet_from(entity, version)

    async def transfer(self, transfer_id: str) -> Transfer:
        """Return a transfer. Raises NotFound."""
        return transfer_from(await self.client.retrieve(transfer_id))

    async def transfers(self, wallet_id: str) -> list[Transfer]:
        """Return the transfers of a wallet, the newest first."""
        try:
            found = await self.client.query(type=TRANSFER, q=f'refWallet=="{wallet_id}"')
        except NotFound:
            return []
        return sorted(map(transfer_from, found), key=lambda one: (one.at, one.id), reverse=True)

    async def rules(self) -> Rules:
        """Return the currency's rules, as they were when last looked at."""
        if self._rules is None:
            entity, version = await self.client.retrieve_with_version(self.currency)
            self._rules = rules_from(entity, version)
        return self._rules

    def _deed(
        self,
        asked: Asked,
        parts: tuple[str, ...],
        wallets: tuple[str, ...],
        plan: Callable[[Wallets, Rules], Plan],
        *,
        about: str = "",
        companions: Sequence[Operation] = (),
    ) -> _Deed:
        transfer_id = self.accounts.transfer(asked.digest)
        request = fingerprint(*parts)
        return _Deed(transfer_id, asked, request, wallets, plan, about, companions=companions)

    async def _carry_out(self, deed: _Deed) -> Transfer:
        async with self._turns.at(deed.wallets):
            for _ in range(TRIES):
                try:
                    return await self._tried(deed)
                except _Stale:
                    continue
                except NotPossible:
                    known = await self._found(deed.id)
                    if known is None:
                        raise
                    return _same(known, deed)
        raise Busy(", ".join(deed.wallets))

    async def _tried(self, deed: _Deed) -> Transfer:
        rules = await self.rules()
        wallets = {name: await self.wallet(name) for name in deed.wallets}
        plan = deed.plan(wallets, rules)
        transfer = Transfer(
            deed.id,
            plan.kind,
            plan.postings,
            self.currency,
            self.clock(),
            deed.asked.digest,
            deed.request,
            about=deed.about,
            refers=deed.refers,
            reason=deed.reason,
            approvals=deed.approvals,
        )
        made = steps(plan, transfer, wallets, rules, self.accounts.issue)
        operations = [*(step.operation for step in made), *deed.companions]
        try:
            await self.client.transactions(operations, idempotency_key=uuid.uuid4().hex)
        except (PreconditionFailed, NotFound, AlreadyExists) as refusal:
            place = refusal.problem.get("operation")
            if place is None:
                raise
            if place >= len(made):
                raise CompanionFailed(place - len(made)) from refusal
            return await self._refused(deed, made[place], refusal)
        return transfer

    async def _refused(self, deed: _Deed, step: Step, refusal: Refused) -> Transfer:
        """Return the transfer that is there already, or say why there can be none."""
        if isinstance(refusal, NotFound):
            raise NotPossible("no_wallet") from refusal
        if not isinstance(refusal, PreconditionFailed):
            raise refusal
        match step.hurdle:
            case Hurdle.KNOWN:
                return _same(await self.transfer(deed.id), deed)
            case Hurdle.STALE:
                self._rules = None
                raise _Stale
            case Hurdle.STANDING:
                back = reversal_id("") in step.operation["id"]
                raise NotPossible("reversed" if back else "refunded") from refusal
            case Hurdle.AWAY | Hurdle.SHORT as hurdle:
                raise NotPossible(hurdle.value) from refusal

    async def _found(self, transfer_id: str) -> Transfer | None:
        try:
            return await self.transfer(transfer_id)
        except NotFound:
            return None


class _Stale(Exception):
    """What was read has changed: read again."""


def _same(known: Transfer, deed: _Deed) -> Transfer:
    """Return a transfer that an earlier repetition wrote. Raises OtherRequest."""
    if (known.key, known.request) != (deed.asked.digest, deed.request):
        raise OtherRequest
    return known
