"""Whatever fails on the way to a lock: staff read what to do, and whoever booked is told."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.remotelock.fake import Fault
from apps.bookings.core.when import Span
from apps.bookings.desk import Desk
from apps.bookings.edge.mail import TEXTS
from apps.bookings.process.case import Status
from apps.bookings.process.runner import Process
from apps.keys.grants import read
from tests.apps.bookings.stage import Postbox, space, wish
from tests.apps.keys.test_page import MINUTE, desk
from tests.apps.keys.town import END, START, Town, lock_id, town

ROOT = Path(__file__).parents[3]
SPACE = "urn:ngsi-ld:BookableSpace:432148:hall"
MANY = 200
NEVER_A_STATE = {"past", "badKey"}
"""What is refused before there is a grant."""


def reasons() -> set[str]:
    """Return the words by which adapters and keys say why a grant is not further."""
    told = re.compile(r'(?:GrantRefused\(|CannotGrant\(|reason=)"([A-Za-z]+)"')
    files = [*(ROOT / "adapters").rglob("*.py"), *(ROOT / "apps" / "keys").rglob("*.py")]
    return {word for file in files for word in told.findall(file.read_text())} - NEVER_A_STATE


def test_every_reason_has_a_sentence_for_staff_in_both_languages_and_a_line_in_the_docs():
    known = reasons()
    assert {"vendorAway", "rateLimited", "syncFailed", "lockUnreachable"} <= known
    docs = (ROOT / "docs" / "access.md").read_text()
    for language in ("ja", "en"):
        words = orjson.loads((ROOT / "apps/keys/words" / f"{language}.json").read_bytes())
        assert {one for one in known if f"why_{one}" not in words} == set()
    assert {one for one in known if f"`{one}`" not in docs} == set()


class Hall:
    """A hall behind a lock of the vendor, with the process of its bookings."""

    def __init__(self, made: Town) -> None:
        self.made, self.post = made, Postbox()
        # Free of charge: no provider is ever asked.
        nobody: Any = None
        self.process = Process(made.client, made.locks, nobody, self.post, lambda: made.now)

    async def books(self) -> str:
        """Book the morning; return the booking's id."""
        entity = space(SPACE) | {"refLock": {"type": "Relationship",
                                             "object": [lock_id("remotelock")]}}  # fmt: skip
        entity["priceRules"] = {"type": "Property", "value": [{"amountJPY": 0}]}
        await self.made.client.create(entity)
        span = Span(START, END)
        case = await Desk(self.process).hold(wish(span, space=SPACE))
        return case.booking.id


@pytest.mark.parametrize(
    ("fault", "reason", "said"),
    [
        (Fault(401), "vendorRefusesUs", "Renew them"),
        (Fault(404), "unknownAtVendor", "vendorDeviceId"),
        (Fault(422), "vendorRefused", "Look at the vendor"),
        (Fault(429, {"Retry-After": "60"}), "rateLimited", "tried again by itself"),
        (Fault(500), "vendorAway", "hand out the physical key"),
        (Fault(503, {"Retry-After": "60"}), "vendorAway", "hand out the physical key"),
        ("deaf", "notConfirmed", "hand out the physical key"),
        ("refuses", "syncFailed", "hand out the physical key"),
    ],
    ids=["401", "404", "422", "429", "500", "503", "lock away", "lock refuses"],
)
async def test_staff_read_what_to_do_and_the_holder_is_told_before_the_time(
    fault: Fault | str, reason: str, said: str, tmp_path: Path
):
    async with town(tmp_path, "remotelock") as made, desk(made) as page:
        hall = Hall(made)
        booking = await hall.books()
        if isinstance(fault, Fault):
            made.cloud.faults.extend([fault] * MANY)
        else:
            setattr(made.cloud.locks["lock-1"], fault, True)
        for minutes in (60, 29, 28):
            await made.at(START - minutes * MINUTE)
        await hall.process.settle(booking)
        [grant] = [read(one) for one in await made.client.query(type="AccessGrant")]
        assert (grant.status.value, grant.reason) == ("failed", reason)
        assert said in await page.page()
        case, _ = await hall.process.load(booking)
        assert case.booking.status is Status.CONFIRMED
        assert "trouble" in hall.post.kinds()
        assert "call the city hall" in TEXTS["en"]["trouble_body"]
