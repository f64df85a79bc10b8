"""A booked time opens the door, whatever the lock: inside it and not a second before or after."""

from datetime import timedelta
from pathlib import Path

import pytest

from apps.keys.contract import CannotGrant, Kind, RevokeReason, Status, Wanted
from apps.keys.grants import code_kind
from broker.client import value
from tests.apps.keys.town import (
    END,
    GRACE,
    HOLDER,
    KINDS,
    SECOND,
    START,
    Town,
    lock_id,
    town,
)

every_kind = pytest.mark.parametrize("kind", KINDS)


async def pin_of(made: Town, grant_id: str) -> str:
    """Return the PIN its holder is told."""
    pin = await made.locks.code(grant_id)
    assert pin is not None
    return pin


@every_kind
async def test_pin_opens_in_the_booked_time_and_its_grace_and_not_a_second_before_or_after(
    kind: str, tmp_path: Path
):
    async with town(tmp_path, kind) as made:
        grant = await made.book(kind)
        assert (grant.valid_from, grant.valid_to) == (START - GRACE, END + GRACE)
        await made.at(START - timedelta(hours=1))
        pin = await pin_of(made, grant.id)
        for moment, wanted in (
            (START - GRACE - SECOND, False),
            (START - GRACE, True),
            (START, True),
            (END + GRACE - SECOND, True),
            (END + GRACE, False),
        ):
            await made.at(moment)
            assert await made.opens(kind, pin) is wanted, moment
        await made.at(END + GRACE + timedelta(minutes=1))
        assert (await made.stands(grant)).status is Status.EXPIRED
        assert await made.locks.code(grant.id) is None
        assert made.vault.kept == {}
        assert pin.encode() not in made.everything()


@every_kind
async def test_grant_that_is_taken_back_before_its_pin_is_issued_is_revoked_at_once(
    kind: str, tmp_path: Path
):
    async with town(tmp_path, kind) as made:
        grant = await made.book(kind)
        revoked = await made.locks.revoke(grant.id, RevokeReason.CANCELLED)
        assert revoked is not None
        assert revoked.status is Status.REVOKED
        await made.at(START)
        assert not made.cloud.persons
        assert made.vault.kept == {}


async def test_pin_that_is_taken_back_before_its_lock_learns_it_is_forgotten(tmp_path: Path):
    async with town(tmp_path, "zigbee_lock") as made:
        grant = await made.book("zigbee_lock")
        await made.at(START - timedelta(days=1))
        await pin_of(made, grant.id)
        await made.locks.revoke(grant.id, RevokeReason.CANCELLED)
        await made.at(START - timedelta(days=1))
        assert (await made.stands(grant)).status is Status.REVOKED
        assert made.vault.kept == {}


@pytest.mark.parametrize("kind", ["remotelock", "zigbee_lock"])
async def test_pin_that_is_taken_back_in_its_time_opens_no_more(kind: str, tmp_path: Path):
    async with town(tmp_path, kind) as made:
        grant = await made.book(kind)
        await made.at(START)
        pin = await pin_of(made, grant.id)
        assert await made.opens(kind, pin)
        await made.locks.revoke(grant.id, RevokeReason.MISUSE)
        await made.at(START + SECOND)
        await made.at(START + timedelta(minutes=1))
        assert (await made.stands(grant)).status is Status.REVOKED
        assert not await made.opens(kind, pin)


async def test_box_that_has_its_pin_says_that_it_cannot_be_taken_back(tmp_path: Path):
    async with town(tmp_path, "key_box") as made:
        grant = await made.book("key_box")
        await made.at(START - timedelta(hours=1) - SECOND)
        assert await made.locks.code(grant.id) is None
        await made.at(START - timedelta(hours=1))
        pin = await pin_of(made, grant.id)
        revoked = await made.locks.revoke(grant.id, RevokeReason.CANCELLED)
        assert revoked is not None
        assert revoked.status is Status.CANNOT_REVOKE
        await made.at(START)
        assert await made.opens("key_box", pin)
        await made.at(END + GRACE)
        assert (await made.stands(grant)).status is Status.EXPIRED


async def test_who_books_the_same_hours_after_a_cancellation_has_another_pin(tmp_path: Path):
    async with town(tmp_path, "key_box") as made:
        first = await made.book("key_box")
        await made.at(START - timedelta(minutes=50))
        pin = await pin_of(made, first.id)
        await made.locks.revoke(first.id, RevokeReason.CANCELLED)
        second = await made.book("key_box", "B-2")
        await made.at(START - timedelta(minutes=40))
        assert await pin_of(made, second.id) != pin


async def test_zigbee_pin_is_told_at_once_and_is_at_the_lock_only_in_its_time(tmp_path: Path):
    async with town(tmp_path, "zigbee_lock") as made:
        grant = await made.book("zigbee_lock")
        await made.worker.step()
        assert await pin_of(made, grant.id)
        assert made.zigbee.codes == {}
        await made.at(START - GRACE)
        assert list(made.zigbee.codes.values()) == [int(await pin_of(made, grant.id))]
        assert (await made.stands(grant)).status is Status.ACTIVE


async def test_opening_the_door_marks_the_grant_as_used(tmp_path: Path):
    async with town(tmp_path, "remotelock") as made:
        grant = await made.book("remotelock")
        await made.at(START - timedelta(hours=1))
        await made.at(START + SECOND)
        assert await made.opens("remotelock", await pin_of(made, grant.id))
        (line,) = await made.logged(1)
        assert value(line, "refGrant") == grant.id
        await made.at(START + timedelta(minutes=1))
        assert (await made.stands(grant)).first_used == START + SECOND


async def test_asking_twice_gives_one_grant_and_one_pin(tmp_path: Path):
    async with town(tmp_path, "remotelock") as made:
        grant = await made.book("remotelock")
        await made.at(made.now)
        pin = await pin_of(made, grant.id)
        again = await made.book("remotelock")
        await made.at(made.now)
        assert (again.id, await pin_of(made, again.id)) == (grant.id, pin)
        assert len(made.cloud.persons) == 1


async def test_grant_comes_with_the_app_s_own_transaction_or_not_at_all(tmp_path: Path):
    async with town(tmp_path, "key_box") as made:
        wanted = Wanted("B-7", lock_id("key_box"), HOLDER, START, END)
        operations = await made.locks.operations(wanted)
        booking = {"id": "urn:ngsi-ld:FacilityBooking:1", "type": "FacilityBooking"}
        await made.client.transactions([{"op": "create", "entity": booking}, *operations])
        assert (await made.book("key_box", "B-7")).kind is Kind.ALGORITHMIC_PIN


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"start": START + timedelta(minutes=30)}, "offTheHour"),
        ({"end": START + timedelta(hours=13)}, "tooLong"),
        ({"start": START - timedelta(days=9), "end": END - timedelta(days=9)}, "past"),
        ({"lock": lock_id("none")}, "unknownLock"),
        ({"key": "a b"}, "badKey"),
    ],
)
async def test_what_a_lock_can_never_do_is_refused_before_anything_is_written(
    change: dict, reason: str, tmp_path: Path
):
    async with town(tmp_path) as made:
        await made.plant("key_box", connectivity="offlineAlgorithmic")
        given = {"key": "B-1", "lock": lock_id("key_box"), "start": START, "end": END, **change}
        with pytest.raises(CannotGrant, match=reason):
            await made.locks.provision(Wanted(holder=HOLDER, **given))


async def test_area_leader_opens_at_any_time_and_it_is_logged(tmp_path: Path):
    async with town(tmp_path, "remotelock") as made:
        grant = await made.locks.provision_leader("leader-3", lock_id("remotelock"), HOLDER)
        await made.at(made.now)
        await made.at(made.now + timedelta(minutes=1))
        assert (await made.stands(grant)).status is Status.ACTIVE
        pin = made.vault.kept[HOLDER, code_kind(grant.id)]
        await made.at(START + timedelta(days=400))
        assert await made.opens("remotelock", pin)
        assert grant.kind is Kind.EMERGENCY
