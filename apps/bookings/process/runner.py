"""Does what is due: reads a case, has one effect, commits provided the booking has not changed.

Whatever stops it, wherever, the same step is due again: effects are repeated under the same key,
and a commit happens once. Nothing is remembered between steps.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from apps.bookings.core.when import utc
from apps.bookings.edge.payments import Outcome, Provider, ProviderAway
from apps.bookings.process import machine
from apps.bookings.process.case import Case, Letter, Method, Money, Payment, Posted, refunded_charge
from apps.bookings.process.due import Act, Due, next_due
from apps.bookings.process.entities import (
    PAYMENT,
    PLACE,
    Operation,
    case_from,
    operations,
    payment_ids,
    with_grant,
)
from apps.keys.contract import CannotGrant, Locks, RevokeReason, Wanted
from broker.client import Client, NotFound, PreconditionFailed

log = logging.getLogger("apps.bookings")

TRIES: Final = 20
MOST_STEPS: Final = 50
ASKED_PATIENCE: Final = timedelta(seconds=30)
LOOK_AGAIN: Final = timedelta(minutes=1)


class Busy(Exception):
    """A booking changed again and again while something was to be done to it."""


class Stale(Exception):
    """The booking, or one of its keys, has changed since it was read."""


class Taken(Exception):
    """Another booking has one of the slots; `claim` is the id of its claim."""

    def __init__(self, claim: str) -> None:
        super().__init__(claim)
        self.claim = claim


class GuardFailed(Exception):
    """What was to stay as it is, such as the space's description, has changed."""


class Post(Protocol):
    """Sends a letter to a booking's holder, with the PINs by lock where it brings any."""

    async def send(self, case: Case, letter: Letter, codes: dict[str, str]) -> Posted: ...


@dataclass(frozen=True, slots=True)
class Process:
    """What carries bookings on: the broker, what opens locks, who takes money, who sends mail."""

    client: Client
    locks: Locks
    provider: Provider
    post: Post
    clock: Callable[[], datetime]
    town_money: Provider | None = None
    """Who takes the town's own money, where it has any."""

    def provider_of(self, payment: Payment) -> Provider:
        """Return who takes a payment, by its method. Raises ProviderAway where nobody does."""
        if payment.method is not Method.TOWN_MONEY:
            return self.provider
        if self.town_money is None:
            raise ProviderAway("no town money")
        return self.town_money

    async def load(self, booking_id: str) -> tuple[Case, str]:
        """Return a booking's case and version. Raises NotFound.

        The booking is read first: what is newer than it was committed with a newer version.
        """
        while True:
            entity, version = await self.client.retrieve_with_version(booking_id)
            ids = payment_ids(entity)
            payments = {}
            if ids:
                found = await self.client.query(type=PAYMENT, id=",".join(ids))
                payments = {one["id"]: one for one in found}
            case = case_from(entity, payments)
            for key in case.booking.keys:
                if key.current and not key.refused:
                    grant = await self.locks.grant(key.grant)
                    case = case if grant is None else with_grant(case, grant)
            return case, version

    async def begin(self, case: Case, guards: list[Operation]) -> None:
        """Commit a new booking. Raises Stale where there is one of its id, Taken, GuardFailed."""
        case, keys = await self._keys(None, case)
        await self._commit(operations(None, "", case), guards, keys)

    async def change(
        self, booking_id: str, change: Callable[[Case], Case], guards: Sequence[Operation] = ()
    ) -> Case:
        """Change a booking as it stands then; return it.

        Raises what `change` does, NotFound, Busy, Taken, GuardFailed.
        """
        for _ in range(TRIES):
            before, version = await self.load(booking_id)
            after = change(before)
            if after == before:
                return after
            try:
                return await self.commit(before, version, after, guards)
            except Stale:
                continue
        raise Busy(booking_id)

    async def commit(
        self, before: Case, version: str, after: Case, guards: Sequence[Operation] = ()
    ) -> Case:
        """Commit a change. Raises Stale, Taken, GuardFailed."""
        after, keys = await self._keys(before, after)
        await self._commit(operations(before, version, after), guards, keys)
        return after

    async def write(self, operations: list[Operation]) -> None:
        """Write something else than a booking. Raises Stale."""
        try:
            await self.client.transactions(operations, idempotency_key=str(uuid.uuid4()))
        except PreconditionFailed as refusal:
            raise Stale from refusal

    async def _commit(
        self, made: list[Operation], guards: Sequence[Operation], keys: list[Operation]
    ) -> None:
        try:
            await self.client.transactions(
                [*made, *guards, *keys], idempotency_key=str(uuid.uuid4())
            )
        except PreconditionFailed as refusal:
            place = int(refusal.problem.get("operation", 0))
            if 0 < place < len(made) and made[place]["entity"]["type"] == PLACE:
                raise GuardFailed(made[place]["entity"]["id"]) from refusal
            if 0 < place < len(made):
                raise Taken(made[place]["entity"]["id"]) from refusal
            if len(made) <= place < len(made) + len(guards):
                raise GuardFailed(guards[place - len(made)]["id"]) from refusal
            raise Stale from refusal

    async def settle(self, booking_id: str) -> None:
        """Do all that is due about a booking now. Raises ClientError."""
        for _ in range(MOST_STEPS):
            try:
                if not await self.step(booking_id):
                    return
            except NotFound:
                return
        log.warning("%s does not come to rest", booking_id)

    async def step(self, booking_id: str) -> bool:
        """Do what is due first about a booking; say whether anything was. Raises ClientError."""
        case, version = await self.load(booking_id)
        due = next_due(case)
        if due is None or due.at > self.clock():
            return False
        after = await self._done(case, due)
        try:
            await self.commit(case, version, after)
        except Stale:
            log.info("%s changed while %s was done", booking_id, due.act.value)
        return True

    async def _done(self, case: Case, due: Due) -> Case:
        now = self.clock()
        match due.act:
            case Act.EXPIRE:
                return machine.expired(case, now)
            case Act.ASK | Act.LOOK | Act.ABANDON:
                return await self._about_charge(case, due.act)
            case Act.ABANDON_PAST:
                return await self._abandon_past(case, case.past[due.serial])
            case Act.PAY_BACK:
                return await self._pay_back(case, case.refunds[due.serial])
            case Act.USE:
                return machine.opened(case)
            case Act.OVERSTAY:
                return machine.overstayed(case)
            case Act.FINISH:
                return machine.finished(case)
            case Act.TROUBLE:
                return machine.in_trouble(case)
            case Act.REMIND:
                return machine.written(case, "reminder")
            case Act.KEY:
                return machine.key_mailed(case)
            case Act.POST:
                letter = next(one for one in case.booking.letters if one.serial == due.serial)
                return await self._send(case, letter)

    async def _about_charge(self, case: Case, act: Act) -> Case:
        charge, now = case.charge, self.clock()
        assert charge is not None
        try:
            provider = self.provider_of(charge)
            if act is Act.ASK:
                back = f"/bookings/{case.booking.local}"
                answer = await provider.charge(charge.id, charge.amount, back)
            elif act is Act.LOOK:
                answer = await provider.look(charge.id)
            else:
                answer = await provider.cancel(charge.id)
        except ProviderAway as error:
            return machine.waiting(case, charge, str(error), now)
        if answer.outcome is Outcome.CAPTURED:
            return machine.captured(case, now, answer.ref)
        if act is Act.ABANDON and answer.outcome is Outcome.WAITING:
            return machine.waiting(case, charge, "still waiting", now)
        if act is Act.ABANDON:
            return machine.abandoned(case)
        if answer.outcome in (Outcome.FAILED, Outcome.CANCELLED):
            return machine.failed(case, answer.outcome.value)
        again = ASKED_PATIENCE if act is Act.ASK else LOOK_AGAIN
        return machine.asked(case, answer.ref or charge.ref, now, again)

    async def _abandon_past(self, case: Case, charge: Payment) -> Case:
        try:
            answer = await self.provider_of(charge).cancel(charge.id)
        except ProviderAway as error:
            return machine.waiting(case, charge, str(error), self.clock())
        if answer.outcome is Outcome.CAPTURED:
            return machine.captured_past(case, charge, self.clock(), answer.ref)
        return machine.with_payment(case, replace(charge, status=Money.CANCELLED, retry_at=None))

    async def _pay_back(self, case: Case, refund: Payment) -> Case:
        charge = refunded_charge(refund)
        try:
            answer = await self.provider_of(refund).refund(refund.id, charge, refund.amount)
        except ProviderAway as error:
            return machine.waiting(case, refund, str(error), self.clock())
        if answer.outcome in (Outcome.FAILED, Outcome.CANCELLED):
            return machine.not_paid_back(case, refund, answer.why or answer.outcome.value)
        if answer.outcome is not Outcome.REFUNDED:
            return machine.waiting(case, refund, answer.outcome.value, self.clock())
        return machine.paid_back(case, refund, answer.ref, self.clock())

    async def codes(self, case: Case) -> dict[str, str]:
        """Return the PINs of a booking that can be told, by lock."""
        codes = {}
        for key in case.booking.keys:
            code = await self.locks.code(key.grant) if key.current and key.issued else None
            if code is not None:
                codes[key.lock] = code
        return codes

    async def _send(self, case: Case, letter: Letter) -> Case:
        codes = await self.codes(case) if letter.kind in machine.BRING_KEYS else {}
        posted = await self.post.send(case, letter, codes)
        return machine.posted(case, letter, posted, self.clock())

    async def _keys(self, before: Case | None, after: Case) -> tuple[Case, list[Operation]]:
        """Return the case and what orders its new keys and takes old ones back."""
        known = {one.key: one for one in before.booking.keys} if before is not None else {}
        booking = after.booking
        keys, found = [], []
        for key in booking.keys:
            old = known.get(key.key)
            if old is None:
                wanted = Wanted(
                    key.key,
                    key.lock,
                    booking.holder,
                    booking.span.start,
                    booking.span.end,
                    booking.id,
                )
                try:
                    found += await self.locks.operations(wanted)
                except CannotGrant as error:
                    key = replace(key, refused=error.reason)
            elif key.revoke and not old.revoke and not key.refused:
                reason = RevokeReason(key.revoke)
                found += await self.locks.revoke_operations(key.grant, reason)
            keys.append(key)
        return replace(after, booking=replace(booking, keys=tuple(keys))), found


def due_query(now: datetime) -> str:
    """Return the condition of the bookings about which something is due."""
    return f'dueAt<="{utc(now)}"'
