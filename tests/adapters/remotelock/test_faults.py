"""The vendor's faults: each leaves an answer that says what is wrong, and no PIN is doubled."""

from pathlib import Path
from typing import Any

import pytest

from adapters.contract import CannotRun
from adapters.remotelock import api
from adapters.remotelock.account import read
from adapters.remotelock.fake import Fault
from broker.client import value
from tests.adapters.remotelock.hall import GRANT, HALL, START, hall

OTHER = "urn:ngsi-ld:AccessGrant:432148:B-2"
PIN_TAKEN = {"errors": [{"attribute": "pin", "full_messages": ["Pin has already been taken"]}]}


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        (Fault(500), {"status": 503, "reason": "vendorAway"}),
        (Fault(503, {"Retry-After": "30"}), {"status": 503, "reason": "vendorAway", "wait": 30}),
        (Fault(429, {"Retry-After": "7"}), {"status": 429, "reason": "rateLimited", "wait": 7}),
        (Fault(429), {"status": 429, "reason": "rateLimited", "wait": 60}),
        (Fault(422, body=PIN_TAKEN), {"status": 409, "reason": "pinTaken"}),
        (Fault(422, body={"errors": []}), {"status": 422, "reason": "vendorRefused"}),
        (Fault(404), {"status": 404, "reason": "unknownAtVendor"}),
    ],
    ids=lambda part: str(part.status) if isinstance(part, Fault) else part["reason"],
)
async def test_refusal_of_the_vendor_is_said_and_the_next_try_succeeds(
    fault: Fault, answer: dict[str, Any], tmp_path: Path
):
    async with hall(tmp_path) as town:
        await town.put(pin="7777777", grant=OTHER)
        town.cloud.faults.append(fault)
        _, told = await town.put()
        told.pop("title")
        assert told == answer
        assert (await town.put())[1]["state"] == "sent"


async def test_no_answer_in_time_is_a_vendor_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(api, "TIMEOUT", 0.5)
    async with hall(tmp_path) as town:
        await town.put(pin="7777777", grant=OTHER)
        town.cloud.faults.append(Fault(200, silent=True))
        assert (await town.put())[1]["reason"] == "vendorAway"


async def test_token_that_is_good_no_more_is_fetched_anew(tmp_path: Path):
    async with hall(tmp_path) as town:
        await town.put(pin="7777777", grant=OTHER)
        town.cloud.expire_tokens()
        assert (await town.put())[1]["state"] == "sent"


async def test_wrong_credentials_are_said(tmp_path: Path):
    async with hall(tmp_path, clientSecret="old") as town:
        status, told = await town.put()
        assert (status, told["reason"], told["wait"]) == (503, "vendorRefusesUs", 300)


async def test_answer_that_was_lost_leaves_one_person_after_the_next_try(tmp_path: Path):
    async with hall(tmp_path) as town:
        await town.put(pin="7777777", grant=OTHER)
        town.cloud.faults.append(Fault(504, after=True))
        assert (await town.put())[1]["reason"] == "vendorAway"
        assert (await town.put())[1]["state"] == "sent"
        assert (await town.put())[1]["state"] == "sent"
        assert [p["name"] for p in town.cloud.persons.values()] == ["B-2", "B-1"]
        assert len(town.cloud.accesses) == 2
        town.cloud.sync()
        assert await town.opens_at(START)


async def test_lock_that_does_not_take_the_pin_is_wrong_and_said(tmp_path: Path):
    async with hall(tmp_path) as town:
        await town.put()
        town.lock.refuses = True
        town.cloud.sync()
        told = (await town.knock("GET"))[1]
        assert (told["state"], told["reason"]) == ("failed", "syncFailed")


async def test_lock_that_is_away_stays_sent(tmp_path: Path):
    async with hall(tmp_path) as town:
        town.lock.deaf = True
        await town.put()
        town.cloud.sync()
        assert (await town.knock("GET"))[1]["state"] == "sent"


async def test_person_removed_at_the_vendors_page_is_gone(tmp_path: Path):
    async with hall(tmp_path) as town:
        await town.put()
        town.cloud.persons.clear()
        assert (await town.knock("GET"))[1]["state"] == "gone"
        assert (await town.knock("DELETE"))[1]["state"] == "gone"


async def test_door_that_does_not_open_at_once_is_an_error_with_the_reason(tmp_path: Path):
    async with hall(tmp_path) as town:
        town.lock.deaf = True
        await town.client.append(HALL, {"unlock": {"type": "Property", "value": "now"}})
        lock = await town.shows(unlock_status="ERROR")
        assert value(lock, "unlock_info") == "locked"
        town.cloud.faults.append(Fault(500))
        await town.client.append(HALL, {"unlock": {"type": "Property", "value": "again"}})
        await town.shows(unlock_status="ERROR", unlock_info="vendorAway")


async def test_grant_of_an_unknown_lock_or_without_sense_is_refused(tmp_path: Path):
    async with hall(tmp_path) as town:
        await town.client.delete(HALL)
        assert (await town.put())[1]["reason"] == "unknownLock"
        for body in ({"pin": 4829135}, {"pin": "1", "from": "2025-12-06T00:00:00Z"}, ["pin"]):
            assert (await town.knock("PUT", body, GRANT))[0] == 400


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{}", "not as docs"),
        ('{"remotelock": {"clientId": "a", "clientSecret": "b", "zone": "Asia/Aso"}}', "time zone"),
        (
            '{"remotelock": {"clientId": "a", "clientSecret": "b", "webhookPort": 7897}}',
            "webhookSecret",
        ),
    ],
)
def test_account_that_cannot_be_used_is_refused(content: str, reason: str, tmp_path: Path):
    path = tmp_path / "account.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(CannotRun, match=reason):
        read(path)


def test_account_that_others_can_read_is_refused(tmp_path: Path):
    path = tmp_path / "account.json"
    path.write_text("{}")
    path.chmod(0o644)
    with pytest.raises(CannotRun, match="chmod 600"):
        read(path)
    with pytest.raises(CannotRun, match="--config"):
        read(None)
