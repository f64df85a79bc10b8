"""The page of a gauge's level over any period."""

from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from broker.client import timestamp
from tests.apps.portal.conftest import Page

HITOYOSHI = "urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi"


@pytest.fixture
async def measured(broker: str, town: None) -> None:
    """Levels of every hour of the last two days, and of one hour of 2020."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    levels = [[1 + n / 100, timestamp(hour - timedelta(hours=n))] for n in range(48)]
    levels.append([4.07, "2020-07-03T21:00:00Z"])
    body = {"id": HITOYOSHI, "type": "RiverLevelStation",
            "waterLevel": {"type": "Property", "values": levels}}  # fmt: skip
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{broker}/ngsi-ld/v1/temporal/entities", json=body) as answer,
    ):
        assert answer.status == 204


async def shown(page: Page, **asked: str) -> tuple[int, str]:
    await page.ready.wait()
    async with page.session.get("/levels", params={"lang": "en", **asked}) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize(("period", "rows"), [("day", 24), ("week", 48), ("month", 24)])
async def test_each_period_has_its_figures(measured: None, page: Page, period: str, rows: int):
    status, text = await shown(page, period=period)
    assert status == 200
    assert abs(text.count('<th scope="row">') - rows) <= 1
    assert "3.40 m flood danger" in text
    assert f'value="{period}" checked' in text


async def test_any_two_moments_make_a_period(measured: None, page: Page):
    asked = {"of": f"real/{HITOYOSHI}", "from": "2020-07-04T00:00", "to": "2020-07-05T00:00"}
    status, text = await shown(page, period="own", **asked)
    assert status == 200
    assert "at most 4.07 m" in text
    assert "from=2020-07-05T00:00" in text


async def test_period_without_levels_says_so(town: None, page: Page):
    _, text = await shown(page, period="day")
    assert "There is no record of this gauge" in text


async def test_drills_gauge_is_marked_as_one(town: None, page: Page):
    _, text = await shown(page, of=f"drill/{HITOYOSHI}")
    assert "This is what drills have played." in text
    assert "【訓練】DRILL Hitoyoshi" in text


async def test_unknown_gauge_is_not_found(town: None, page: Page):
    assert (await shown(page, of="real/urn:ngsi-ld:RiverLevelStation:nowhere"))[0] == 404


async def test_unclear_period_is_refused_with_a_sentence(town: None, page: Page):
    status, text = await shown(page, period="own")
    assert status == 400
    assert "A period of your own needs a beginning." in text
