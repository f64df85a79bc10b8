"""The page of facility staff on a real broker and real adapters: what it shows and does."""

import contextlib
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from apps.keys.contract import Status
from apps.staff.app import StaffSettings, staff
from broker.client import value
from tests.apps.keys.town import END, GRACE, START, Town, lock_id, town
from tests.support.live import serve

MINUTE = timedelta(minutes=1)


class Desk:
    """A browser at the page, as far as forms go."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def page(self) -> str:
        async with self.session.get("/keys?lang=en") as answer:
            assert answer.status == 200
            return await answer.text()

    async def send(self, deed: str, **fields: str) -> tuple[int, str]:
        """Send a form as the page does; return the status and what the page then says."""
        token = re.findall('name="token" value="([0-9a-f]+)"', await self.page())[0]
        form = {"token": token, "staff": "7", **fields}
        async with self.session.post(f"/keys/{deed}?lang=en", data=form) as answer:
            html = await answer.text()
        told = re.findall('class="told.*?>(.*?)</div>', html, re.DOTALL)
        return answer.status, " ".join(re.sub("<[^>]+>", " ", told[0]).split())


@contextlib.asynccontextmanager
async def desk(made: Town) -> AsyncIterator[Desk]:
    settings = StaffSettings(
        made.client.url, "drill", made.folder / "state", clock=lambda: made.now
    )
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        serve(staff(settings)) as url,
        aiohttp.ClientSession(url, cookie_jar=jar) as session,
    ):
        yield Desk(session)


async def test_chosen_locks_open_at_once_and_a_box_says_that_it_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("apps.keys.locks.PATIENCE", 30.0)
    async with town(tmp_path, "remotelock") as made, desk(made) as page:
        await made.plant("key_box", connectivity="offlineAlgorithmic")
        chosen = {f"lock {lock_id(kind)}": "on" for kind in ("remotelock", "key_box")}
        status, told = await page.send("open", reason="shelter", **chosen)
        assert (status, "be sure" in told or "Confirm" in told) == (403, True)
        status, told = await page.send("open", reason="shelter", sure="yes", **chosen)
        assert status == 200
        assert "remotelock: open" in told
        assert "physical key" in told
        assert made.cloud.locks["lock-1"].state == "unlocked"
        lock = await made.client.retrieve(lock_id("remotelock"))
        assert value(lock, "emergencyMode") == "heldOpen"
        html = await page.page()
        assert "opened as a shelter" in html
        assert "(Staff number 7)" in html
        assert (await page.send("shut", id=lock_id("remotelock")))[0] == 200
        lock = await made.client.retrieve(lock_id("remotelock"))
        assert value(lock, "emergencyMode") == "none"


async def test_grant_that_failed_says_what_to_do_and_can_be_tried_again(tmp_path: Path):
    async with town(tmp_path, "remotelock") as made, desk(made) as page:
        grant = await made.book("remotelock")
        made.cloud.locks["lock-1"].deaf = True
        await made.at(START - 20 * MINUTE)
        html = await page.page()
        assert "failed: somebody must act" in html
        assert "hand out the physical key" in html
        made.cloud.locks["lock-1"].deaf = False
        made.cloud.sync()
        assert (await page.send("try-again", id=grant.id))[0] == 200
        await made.worker.step()
        assert (await made.stands(grant)).status is Status.ACTIVE
        assert (await page.send("take-back", id=grant.id))[0] == 200
        await made.at(made.now + MINUTE)
        await made.at(made.now + 5 * MINUTE)
        assert (await made.stands(grant)).status is Status.REVOKED


async def test_visit_is_noted_and_a_pin_of_a_simulated_box_is_tried(tmp_path: Path):
    async with town(tmp_path, "key_box") as made, desk(made) as page:
        box = lock_id("key_box")
        await made.client.append(box, {"simulated": {"type": "Property", "value": True}})
        assert (await page.send("visit", id=box, battery="15", drift="-12"))[0] == 200
        html = await page.page()
        assert "15 % (change soon)" in html
        assert "-12 s (good)" in html
        grant = await made.book("key_box")
        await made.at(START - 30 * MINUTE)
        pin = await made.locks.code(grant.id)
        assert pin is not None
        for at, said in (
            (START - GRACE - timedelta(seconds=1), "wrong, it stays shut"),
            (START - GRACE, "opened"),
            (END + GRACE, "wrong, it stays shut"),
        ):
            answer = await page.send("simulate", id=box, pin=pin, at=at.isoformat())
            assert answer == (200, f"The box: {said}")
        status, told = await page.send("block", id=grant.id, lock=box)
        assert re.search(r"no more: [0-9]{9}$", told)
        assert pin not in await page.page()
        assert status == 200


async def test_line_outside_a_booking_is_marked(tmp_path: Path):
    async with town(tmp_path, "remotelock") as made, desk(made) as page:
        await made.cloud.happens("lock-1", "unlocked", at=START, method="card")
        await made.logged(1)
        made.now = START + MINUTE
        html = await page.page()
        assert "outside a booking" in html
        assert "Lines that look like misuse: 1" in html


async def test_form_that_makes_no_sense_is_refused_with_a_word(tmp_path: Path):
    async with town(tmp_path) as made, desk(made) as page:
        for deed, fields, said in (
            ("open", {"sure": "yes"}, "Choose at least one lock"),
            ("visit", {"id": "urn:ngsi-ld:SmartLock:432148:x", "battery": "no"}, "no number"),
            ("take-back", {"id": "urn:ngsi-ld:Building:1"}, "not complete"),
            ("take-back", {"id": "urn:ngsi-ld:AccessGrant:432148:x"}, "not there any more"),
            ("simulate", {"id": "urn:ngsi-ld:SmartLock:432148:x", "pin": "12a"}, "digits only"),
            ("take-back", {"staff": ""}, "staff number"),
            ("nothing", {}, "not complete"),
        ):
            status, told = await page.send(deed, **fields)
            assert status in (403, 409)
            assert said in told
