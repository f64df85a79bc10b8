"""What citizens and staff can do to bookings: hold, pay, change, cancel, approve, close a space.

Nothing is asked before: the slots are taken by the claims that commit with the booking, and the
space's description is held to the version that was read.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from apps.bookings.core.prices import HUNDRED, fee, needs_approval
from apps.bookings.core.rules import NotBookable, check, check_place, refund_percent
from apps.bookings.core.spaces import TYPE, Space, claims, read_space
from apps.bookings.core.town import Town, read_town
from apps.bookings.core.when import Span, utc
from apps.bookings.process import machine
from apps.bookings.process.case import HOLDING, PROVIDED, Booking, Case, Method, Money, Status
from apps.bookings.process.entities import BOOKING, PLACE, Operation, booking_from, place_of
from apps.bookings.process.machine import NotPossible
from apps.bookings.process.runner import Busy, GuardFailed, Process, Stale
from apps.bookings.wish import OtherRequest, Wish, booking_id, booking_number
from apps.keys.contract import CannotGrant, Wanted
from apps.shell.disclosing import Shown, decrypted
from broker.client import Entity, NotFound

TRIES: Final = 20
MOST_OPEN: Final = 3
"""Bookings that one person may hold without having paid, so that nobody keeps slots from others."""
OPEN: Final = f'status=="{Status.REQUESTED}","{Status.AWAITING_PAYMENT}"'
"""The condition of bookings that are asked for or wait for their payment."""
COUNTER_HOLD: Final = timedelta(days=7)


class Desk:
    """The acts. All raise ClientError; on a booking that is not there, NotFound."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._client = process.client
        self._read: tuple[list[Entity], Town] = ([], Town({}))

    async def town(self) -> Town:
        """Return the spaces as they are described now; those that cannot be read are left out."""
        try:
            found = await self._client.query(type=TYPE)
        except NotFound:
            found = []
        before, town = self._read
        if found != before:
            town = read_town(found)
            self._read = found, town
        return town

    async def hold(self, wish: Wish) -> Case:
        """Take the slots for a wish; return its booking, the same for each repetition.

        Raises NotBookable, NotPossible, BadPrices, Taken, OtherRequest, Busy.
        """
        for _ in range(TRIES):
            town = await self.town()
            space = town.space(wish.space)
            known = await self._known(wish, space)
            if known is not None:
                return known
            place = await self._place(wish, space.city)
            if place is None:
                # A repetition of this very wish may have taken the last place meanwhile.
                known = await self._known(wish, space)
                if known is None:
                    raise NotBookable("too_many_open")
                return known
            case = await self._new(town, space, wish, place)
            try:
                guards = await self._guards(town, space)
                await self._process.begin(case, guards)
                return case
            except (Stale, GuardFailed):
                continue
        raise Busy(wish.space)

    async def pay(self, booking_id: str, method: Method) -> Case:
        """Let the holder choose how to pay; with a provider, have it take the charge up.

        Raises NotPossible.
        """
        await self._process.change(booking_id, lambda case: machine.chosen(case, method))
        await self._process.settle(booking_id)
        return (await self._process.load(booking_id))[0]

    async def noticed(self, payment_id: str) -> None:
        """Look at a charge of which the provider told something. Nothing it says is believed."""
        local, _, _ = payment_id.rpartition(":")[2].partition("-")
        city = payment_id.split(":")[3]
        booking_id = f"urn:ngsi-ld:{BOOKING}:{city}:{local}"

        def look(case: Case) -> Case:
            own = (*((case.charge,) if case.charge else ()), *case.past)
            charge = next((one for one in own if one.id == payment_id), None)
            if charge is None or charge.method not in PROVIDED:
                return case
            if charge.status is Money.CAPTURED:
                return case
            # Also what was called off: money that was taken all the same must go back.
            return machine.with_payment(case, replace(charge, status=Money.PENDING, retry_at=None))

        await self._process.change(booking_id, look)
        await self._process.settle(booking_id)

    async def cash(self, booking_id: str) -> Case:
        """Note that the fee was paid at the counter. Raises NotPossible."""

        def paid(case: Case) -> Case:
            if case.paid:
                return case
            return machine.captured(machine.chosen(case, Method.CASH), self._process.clock())

        return await self._process.change(booking_id, paid)

    async def handed_back(self, booking_id: str, refund_id: str) -> Case:
        """Note that a refund was paid out at the counter."""

        def done(case: Case) -> Case:
            for refund in case.refunds:
                if refund.id == refund_id and machine.is_handed_out(refund):
                    return machine.paid_back(case, refund, "counter", self._process.clock())
            return case

        return await self._process.change(booking_id, done)

    async def nothing_due(self, booking_id: str, refund_id: str, by: str) -> Case:
        """Note who found that nothing is to be handed out for a refund that was not possible."""

        def done(case: Case) -> Case:
            for refund in case.refunds:
                if refund.id == refund_id and refund.status is Money.FAILED:
                    return machine.with_payment(
                        case, replace(refund, status=Money.CANCELLED, ref=by)
                    )
            return case

        return await self._process.change(booking_id, done)

    async def cancel(self, booking_id: str, *, by_town: bool = False) -> Case:
        """Cancel; the holder gets back what the table says, and all if the town cancels.

        Raises NotPossible.
        """
        town = await self.town()

        def cancelled(case: Case) -> Case:
            booking, now = case.booking, self._process.clock()
            if booking.status is Status.CANCELLED:
                return case
            if by_town:
                return machine.cancelled(case, now, "town", HUNDRED)
            rules = town.space(booking.space).rules
            percent = refund_percent(rules, booking.span.start, now)
            return machine.cancelled(case, now, "holder", percent)

        return await self._process.change(booking_id, cancelled)

    async def move(self, booking_id: str, span: Span, *, by_town: bool = False) -> Case:
        """Move a booking to another time of the same space and price.

        Its holder may as long as cancelling gives everything back, but not once staff agreed to it;
        staff may until it begins, to any time at which the space is open.

        Raises NotBookable, NotPossible, Taken, Busy.
        """
        for _ in range(TRIES):
            town = await self.town()
            before, _ = await self._process.load(booking_id)
            booking = before.booking
            if booking.span == span:
                return before
            space = town.space(booking.space)
            now = self._process.clock()
            self._check(town, space, span, "counter" if by_town else "web")
            if booking.span.start <= now:
                raise NotPossible("begun")
            if not by_town and refund_percent(space.rules, booking.span.start, now) < HUNDRED:
                raise NotPossible("too_late_to_change")
            if not by_town and space.rules.approval and booking.status is not Status.REQUESTED:
                raise NotPossible("agreed_to")
            if fee(space.prices, span, booking.reduction or None) != booking.fee:
                raise NotPossible("other_price")
            await self._openable(replace(booking, span=span))
            moved = partial(
                machine.moved, span=span, claims=tuple(claims(space, span, town.spaces))
            )
            try:
                guards = await self._guards(town, space)
                return await self._process.change(booking_id, moved, guards)
            except GuardFailed:
                continue
        raise Busy(booking_id)

    async def shown(self, booking_id: str, by: str) -> dict[str, str]:
        """Return the PINs of a booking by lock, after it was noted who looked.

        Raises NotPossible.
        """
        case = await self._looked(booking_id, by, "shown")
        await decrypted(self._client, Shown(case.booking.holder, by, booking_id, ("pin",)))
        return await self._process.codes(case)

    async def sent_again(self, booking_id: str, by: str) -> Case:
        """Send the PINs of a booking once more; it is noted who did. Raises NotPossible."""
        await self._looked(booking_id, by, "sent")
        await self._process.settle(booking_id)
        return (await self._process.load(booking_id))[0]

    async def _looked(self, booking_id: str, by: str, how: str) -> Case:
        now = self._process.clock()
        return await self._process.change(
            booking_id, lambda case: machine.looked(case, now, by, how)
        )

    async def approve(self, booking_id: str, by: str, *, reduced: bool = True) -> Case:
        """Agree to a booking that was asked for; its holder then has two days to pay.

        Without `reduced` to the booking, but to no reduction. Raises NotPossible, NotBookable.
        """
        now, town = self._process.clock(), await self.town()

        def approved(case: Case) -> Case:
            booking = case.booking
            wait = min(timedelta(days=2), max(booking.span.start - now, timedelta(minutes=15)))
            full = None if reduced else fee(town.space(booking.space).prices, booking.span)
            return machine.approved(case, now, wait, by, full)

        return await self._process.change(booking_id, approved)

    async def reject(self, booking_id: str, by: str) -> Case:
        """Refuse a booking that was asked for. Raises NotPossible."""
        now = self._process.clock()
        return await self._process.change(booking_id, lambda case: machine.rejected(case, now, by))

    async def close(self, space_id: str, span: Span, reason: str) -> None:
        """Close a space for once. Bookings in that time are then suspended: see `sweep`.

        Raises NotBookable where there is no such space.
        """
        for _ in range(TRIES):
            try:
                entity, version = await self._client.retrieve_with_version(space_id)
            except NotFound as error:
                raise NotBookable("no_space") from error
            types = entity["type"]
            if TYPE not in ([types] if isinstance(types, str) else types):
                raise NotBookable("no_space")
            told = {"from": utc(span.start), "to": utc(span.end), "reason": reason}
            closures = entity.get("closures", {}).get("value", [])
            closures = closures if isinstance(closures, list) else [closures]
            if told in closures:
                return
            attributes = {"closures": {"type": "Property", "value": [*closures, told]}}
            guard = {"op": "append", "id": space_id, "attrs": attributes, "ifMatch": version}
            if await self._tried(guard):
                return
        raise Busy(space_id)

    async def sweep(self, space_id: str) -> list[str]:
        """Suspend the bookings that closures of a space leave no room for; return their ids."""
        town = await self.town()
        if space_id not in town.spaces:
            return []
        suspended = []
        for space in town.related(town.spaces[space_id]):
            hours = town.hours(space)
            for booking in await self.bookings(space.id, since=self._process.clock()):
                closure = hours.closure(booking.span)
                if closure is not None and booking.status in HOLDING:
                    reason = closure.reason or "closure"
                    await self._suspend(booking.id, reason)
                    suspended.append(booking.id)
        return suspended

    async def suspend(self, booking_id: str, reason: str) -> Case:
        """Take a booking back for the town's reasons; everything is given back."""
        return await self._suspend(booking_id, reason)

    async def bookings(self, space_id: str, since: datetime) -> list[Booking]:
        """Return the bookings of a space that end after a time."""
        q = f'refSpace=="{space_id}";endAt>"{utc(since)}"'
        try:
            found = await self._client.query(type=BOOKING, q=q)
        except NotFound:
            found = []
        return [booking_from(one) for one in found]

    async def _suspend(self, booking_id: str, reason: str) -> Case:
        def suspended(case: Case) -> Case:
            if case.booking.status not in HOLDING:
                return case
            return machine.suspended(case, self._process.clock(), reason)

        return await self._process.change(booking_id, suspended)

    async def _tried(self, operation: Operation) -> bool:
        try:
            await self._process.write([operation])
        except Stale:
            return False
        return True

    async def _known(self, wish: Wish, space: Space) -> Case | None:
        """Return the booking that an earlier repetition made. Raises OtherRequest."""
        try:
            case, _ = await self._process.load(booking_id(wish, space.city))
        except NotFound:
            return None
        if case.booking.request_digest != wish.digest:
            raise OtherRequest
        return case

    async def _place(self, wish: Wish, city: str) -> str | None:
        """Return a free place among the few bookings that a citizen may have without having paid.

        It is taken by the booking's own transaction, or not at all. None where all are taken, ""
        for staff, who need none.
        """
        if wish.channel != "web":
            return ""
        places = [place_of(wish.holder, city, number) for number in range(MOST_OPEN)]
        try:
            found = await self._client.query(type=PLACE, id=",".join(places))
        except NotFound:
            found = []
        taken = {one["id"] for one in found}
        return next((one for one in places if one not in taken), None)

    async def _new(self, town: Town, space: Space, wish: Wish, place: str) -> Case:
        now = self._process.clock()
        self._check(town, space, wish.span, wish.channel)
        known = booking_id(wish, space.city)
        booking = Booking(
            id=known,
            number=booking_number(known),
            space=space.id,
            span=wish.span,
            status=Status.AWAITING_PAYMENT,
            holder=wish.holder,
            fee=fee(space.prices, wish.span, wish.reduction or None),
            channel=wish.channel,
            reduction=wish.reduction,
            language=wish.language,
            party=wish.party,
            claims=tuple(claims(space, wish.span, town.spaces)),
            locks=town.locks(space),
            idempotency_key=hashlib.sha256(wish.key.encode()).hexdigest()[:32],
            request_digest=wish.digest,
            ledger_id=wish.ledger_id,
            place=place,
        )
        await self._openable(booking)
        web = wish.channel == "web"
        hold = space.rules.hold if web else COUNTER_HOLD
        asked = space.rules.approval or needs_approval(space.prices, wish.reduction)
        return machine.begun(booking, now, hold=hold, approval=web and asked)

    def _check(self, town: Town, space: Space, span: Span, channel: str) -> None:
        hours, now = town.hours(space), self._process.clock()
        if channel == "web":
            check(space.rules, hours, space.slot, span, now)
        elif channel != "import":
            check_place(hours, span)

    async def _openable(self, booking: Booking) -> None:
        """Ask, before money is taken, whether the locks can ever open in this time."""
        for key in machine.with_keys(booking).keys[len(booking.keys) :]:
            wanted = Wanted(
                key.key, key.lock, booking.holder, booking.span.start, booking.span.end, booking.id
            )
            try:
                await self._process.locks.operations(wanted)
            except CannotGrant as error:
                if booking.channel == "web":
                    raise NotBookable(f"lock_{error.reason}") from error

    async def _guards(self, town: Town, space: Space) -> list[Operation]:
        """Return checks that nothing a booking depends on changes until it commits."""
        found = []
        for one in town.related(space):
            entity, version = await self._client.retrieve_with_version(one.id)
            if read_space(entity) != one:
                raise GuardFailed(one.id)
            found.append({"op": "check", "id": one.id, "ifMatch": version})
        return found
