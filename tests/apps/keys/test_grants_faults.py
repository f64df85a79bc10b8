"""Faults on the way to a lock: the grant says what is wrong and tries again."""

from datetime import timedelta
from pathlib import Path

import pytest

from adapters.remotelock.fake import Fault
from apps.keys.contract import RevokeReason, Status
from apps.keys.grants import code_kind
from broker.client import value
from tests.apps.keys.town import END, GRACE, HOLDER, START, lock_id, town

MINUTE = timedelta(minutes=1)
PIN_TAKEN = {"errors": [{"attribute": "pin", "full_messages": ["Pin has already been taken"]}]}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(500), "vendorAway"),
        (Fault(429, {"Retry-After": "120"}), "rateLimited"),
    ],
    ids=["500", "429"],
)
async def test_vendor_that_is_away_is_said_and_tried_again_until_it_answers(
    fault: Fault, reason: str, tmp_path: Path
):
    async with town(tmp_path, "remotelock") as made:
        grant = await made.book("remotelock")
        made.cloud.faults.extend([fault] * 2)
        await made.worker.step()
        told = await made.stands(grant)
        assert (told.status, told.reason, told.issued) == (Status.REQUESTED, reason, False)
        made.cloud.faults.clear()
        await made.at(made.now + 5 * MINUTE)
        await made.at(made.now + MINUTE)
        told = await made.stands(grant)
        assert (told.status, told.reason, told.issued) == (Status.ACTIVE, "", True)


async def test_wait_that_the_vendor_asks_for_is_kept(tmp_path: Path):
    async with town(tmp_path, "remotelock") as made:
        await made.book("remotelock")
        made.cloud.faults.append(Fault(429, {"Retry-After": "120"}))
        await made.worker.step()
        asked = len(made.cloud.asked)
        await made.at(made.now + timedelta(seconds=119))
        assert len(made.cloud.asked) == asked
        await made.at(made.now + timedelta(seconds=1))
        assert len(made.cloud.asked) > asked


async def test_half_an_hour_before_the_start_a_grant_that_is_not_at_the_lock_is_failed(
    tmp_path: Path,
):
    async with town(tmp_path, "remotelock") as made:
        grant = await made.book("remotelock")
        made.cloud.locks["lock-1"].deaf = True
        await made.at(START - timedelta(minutes=31))
        assert (await made.stands(grant)).status is Status.SENT
        await made.at(START - timedelta(minutes=30))
        told = await made.stands(grant)
        assert (told.status, told.reason) == (Status.FAILED, "notConfirmed")
        made.cloud.locks["lock-1"].deaf = False
        made.cloud.sync()
        await made.at(START - timedelta(minutes=10))
        assert (await made.stands(grant)).status is Status.ACTIVE


async def test_lock_that_does_not_take_the_pin_is_failed_at_once(tmp_path: Path):
    async with town(tmp_path, "remotelock") as made:
        grant = await made.book("remotelock")
        made.cloud.locks["lock-1"].refuses = True
        await made.at(made.now)
        await made.at(made.now + MINUTE)
        told = await made.stands(grant)
        assert (told.status, told.reason) == (Status.FAILED, "syncFailed")


async def test_pin_that_is_taken_is_exchanged_before_anybody_is_told_it(tmp_path: Path):
    async with town(tmp_path, "remotelock") as made:
        grant = await made.book("remotelock")
        made.cloud.persons["other"] = {
            "type": "access_guest",
            "name": "other",
            "pin": "5821357",
            "status": "current",
        }
        await made.worker.step()
        assert made.vault.kept[HOLDER, code_kind(grant.id)] == "5821358"
        assert await made.locks.code(grant.id) is None
        await made.worker.step()
        assert await made.locks.code(grant.id) == "5821358"


async def test_adapter_that_is_away_is_said(tmp_path: Path):
    async with town(tmp_path) as made:
        await made.plant("remotelock", vendorDeviceId="lock-1")
        grant = await made.book("remotelock")
        await made.at(START - timedelta(hours=1))
        told = await made.stands(grant)
        assert (told.status, told.reason) == (Status.REQUESTED, "adapterAway")
        await made.at(START)
        assert (await made.stands(grant)).status is Status.FAILED


async def test_lock_without_an_adapter_is_failed(tmp_path: Path):
    async with town(tmp_path) as made:
        await made.plant("remotelock", adapter="")
        grant = await made.book("remotelock")
        await made.worker.step()
        told = await made.stands(grant)
        assert (told.status, told.reason) == (Status.FAILED, "unknownLock")


async def test_taking_back_is_tried_until_the_lock_confirms(tmp_path: Path):
    async with town(tmp_path, "remotelock") as made:
        grant = await made.book("remotelock")
        await made.at(START)
        made.cloud.locks["lock-1"].deaf = True
        await made.locks.revoke(grant.id, RevokeReason.STAFF)
        await made.at(START + MINUTE)
        assert (await made.stands(grant)).status is Status.EXPIRING
        made.cloud.locks["lock-1"].deaf = False
        made.cloud.sync()
        await made.at(START + 5 * MINUTE)
        assert (await made.stands(grant)).status is Status.REVOKED


async def test_answer_that_was_lost_leaves_one_guest_and_one_pin(tmp_path: Path):
    async with town(tmp_path, "remotelock") as made:
        grant = await made.book("remotelock")
        made.cloud.faults.extend([Fault(200, body={"access_token": "x"}, after=True)])
        await made.worker.step()
        for _ in range(3):
            await made.at(made.now + 10 * MINUTE)
        assert (await made.stands(grant)).status is Status.ACTIVE
        assert len(made.cloud.persons) == len(made.cloud.accesses) == 1


async def test_guest_removed_at_the_vendors_page_is_put_anew(tmp_path: Path):
    async with town(tmp_path, "remotelock") as made:
        grant = await made.book("remotelock")
        await made.worker.step()
        made.cloud.persons.clear()
        made.cloud.accesses.clear()
        made.now += MINUTE
        await made.worker.step()
        told = await made.stands(grant)
        assert (told.status, told.reason) == (Status.REQUESTED, "removedThere")
        await made.at(made.now + 2 * MINUTE)
        await made.at(made.now + 5 * MINUTE)
        assert (await made.stands(grant)).status is Status.ACTIVE


async def test_work_that_was_cut_off_is_taken_up_where_it_was(tmp_path: Path):
    """The lock learnt the PIN, and the worker stopped before it could say so."""
    async with town(tmp_path, "remotelock") as made:
        grant = await made.book("remotelock")
        entity = await made.client.retrieve(grant.id)
        await made.worker.step()
        before = {name: entity[name] for name in ("status", "attempts")}
        await made.client.append(grant.id, before)
        made.cloud.sync()
        await made.at(made.now + MINUTE)
        assert (await made.stands(grant)).status is Status.ACTIVE
        assert len(made.cloud.persons) == 1


async def test_a_grant_nobody_could_carry_out_ends_with_its_time(tmp_path: Path):
    async with town(tmp_path) as made:
        await made.plant("remotelock", adapter="")
        grant = await made.book("remotelock")
        await made.worker.step()
        await made.at(END + GRACE)
        assert (await made.stands(grant)).status is Status.EXPIRED


async def test_door_is_opened_at_once_and_the_log_says_who_and_why(tmp_path: Path):
    async with town(tmp_path, "remotelock") as made:
        opened = await made.locks.open_now(lock_id("remotelock"), "shelter", "7")
        assert (opened.done, opened.reason) == (True, "")
        (line,) = await made.logged(1)
        shown = [value(line, n) for n in ("eventType", "note", "refOperator")]
        assert shown == ["remoteUnlock", "shelter", "urn:ngsi-ld:Staff:7"]


async def test_door_that_cannot_be_opened_from_afar_says_why(tmp_path: Path):
    async with town(tmp_path, "remotelock") as made:
        await made.plant("key_box", connectivity="offlineAlgorithmic")
        assert (await made.locks.open_now(lock_id("key_box"), "x", "7")).reason == "offlineBox"
        assert (await made.locks.open_now(lock_id("none"), "x", "7")).reason == "unknownLock"
        made.cloud.locks["lock-1"].deaf = True
        told = await made.locks.open_now(lock_id("remotelock"), "x", "7")
        assert (told.done, told.reason) == (False, "locked")


async def test_grant_that_names_no_time_holds_up_no_other(tmp_path: Path):
    async with town(tmp_path, "remotelock") as made:
        grant = await made.book("remotelock")
        odd = {**await made.client.retrieve(grant.id), "id": f"{grant.id}-odd"}
        odd["validTo"] = {"type": "Property", "value": "later"}
        await made.client.create(odd)
        await made.at(made.now)
        assert (await made.stands(grant)).status is Status.SENT
