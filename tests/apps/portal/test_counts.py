"""The page of counts: a table of a day, without what would tell of a small group, and its CSV."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from apps.portal.app import PortalSettings, portal
from broker.client import Client
from broker.clock import now
from broker.jsonld.core import CORE_CONTEXT
from consent.guard import PolicyGuard
from consent.identity.model import Client as Caller
from consent.log.file import LogFile
from consent.log.log import DisclosureLog
from consent.log.written import Written
from consent.policies.load import rules
from consent.releases.counting import JAPAN, Counting
from consent.releases.file import Place, Releases
from tests.consent.releases.test_counting import BRIDGE, CASTLE, FLOW, PUBLIC_COUNT
from tests.support.live import live_broker, serve
from tests.support.persons import KEY, TAG, policy
from tests.support.policies import Known

DAY = ((datetime.now(UTC) - timedelta(days=2)).astimezone(JAPAN)).date().isoformat()
CELLS = [(BRIDGE, 8, 25), (BRIDGE, 9, None), (CASTLE, 8, 10), (CASTLE, 9, 40)]
TOLD = {
    "id": PUBLIC_COUNT["id"],
    "type": TAG,
    "rows": "r",
    "columns": "c",
    "stepSeconds": 3600,
    "purposes": [FLOW],
    "minimumGroupSize": 10,
    "rounding": 5,
    "day": DAY,
    "counts": [
        {"row": row, "from": f"{DAY}T{hour:02}:00:00+09:00", "people": people}
        for row, hour, people in CELLS
    ],
}

NAMED = [CORE_CONTEXT.expand(name) for name in ("PrivacyObject", "DataPurpose")]
NOTICE = {
    "id": "urn:ngsi-ld:PrivacyObject:castle",
    "type": "PrivacyObject",
    "refDevice": {"type": "Property", "value": CASTLE},
    "name": {
        "type": "LanguageProperty",
        "languageMap": {"ja": "人吉城跡", "en": "Castle ruins"},
    },
}
PURPOSE = {
    "id": FLOW,
    "type": "DataPurpose",
    "name": {
        "type": "LanguageProperty",
        "languageMap": {"ja": "人の流れの統計", "en": "Counts of people"},
    },
}


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """Give the portal of a town that has counted one day."""
    releases = Releases(tmp_path)
    await releases.keep(Place("", TAG, DAY), PUBLIC_COUNT["id"], TOLD)
    policies = [
        PUBLIC_COUNT,
        policy("notices", "publicOpen", {"types": NAMED}),
        policy("town", "internal", {}, assignee=["client:town"], actions=["create"]),
    ]
    guard = PolicyGuard(Known(Caller("town")), rules(policies, str), now)
    log = DisclosureLog(LogFile(tmp_path), KEY, now)
    written = Written(guard, log, Counting(guard, releases, now))
    async with (
        live_broker(tmp_path, guard=guard, disclosures=written) as url,
        serve(portal(PortalSettings(url, "drill"))) as at,
        aiohttp.ClientSession(at) as session,
        Client(url, key="town") as town,
    ):
        for one in (NOTICE, PURPOSE):
            await town.create(one)
        yield session


async def test_table_shows_what_is_released_and_a_dash_for_the_rest(page: aiohttp.ClientSession):
    async with page.get(f"/counts?day={DAY}&lang=ja") as answer:
        shown = await answer.text()
    assert answer.status == 200
    assert shown.count("<td>") == 4
    for told in (*("<td>25</td>", "<td>10</td>", "<td>40</td>"), "非表示", "bridge", "10人未満"):
        assert told in shown


@pytest.mark.parametrize(
    ("language", "place", "purpose"),
    [("ja", "人吉城跡", "人の流れの統計"), ("en", "Castle ruins", "Counts of people")],
)
async def test_places_are_called_as_their_detectors_notices_and_counts_as_their_purposes(
    page: aiohttp.ClientSession, language: str, place: str, purpose: str
):
    async with page.get(f"/counts?day={DAY}&lang={language}") as answer:
        shown = await answer.text()
    assert re.findall('<th scope="row">(.*?)</th>', shown) == ["bridge", place]
    assert f">{purpose} – {DAY}</h2>" in shown
    assert f">{purpose}</option>" in shown


async def test_day_that_nobody_names_is_the_last_of_which_there_is_something_to_show(
    page: aiohttp.ClientSession,
):
    async with page.get("/counts?lang=en") as answer:
        shown = await answer.text()
    assert "<td>25</td>" in shown
    assert f'type="date" value="{DAY}"' in shown
    assert f"day%3D{DAY}" in shown or f"day={DAY}" in shown


async def test_table_can_be_taken_along_as_csv(page: aiohttp.ClientSession):
    async with page.get("/counts.csv", params={"of": PUBLIC_COUNT["id"], "day": DAY}) as answer:
        lines = (await answer.text()).splitlines()
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert lines[0] == "row,from,people"
    assert lines[1:3] == [
        f"{BRIDGE},{DAY}T08:00:00+09:00,25",
        f"{BRIDGE},{DAY}T09:00:00+09:00,",
    ]


@pytest.mark.parametrize(
    ("asked", "status"),
    [("", 200), ("?day=tomorrow", 400), ("?of=urn:x:none", 404)],
    ids=["the last day", "no day", "no such count"],
)
async def test_what_is_not_counted_is_said_so(page: aiohttp.ClientSession, asked: str, status: int):
    for path in ("/counts",) if status == 200 else ("/counts", "/counts.csv"):
        of = "" if "of=" in asked else f"&of={PUBLIC_COUNT['id']}"
        async with page.get(f"{path}{asked or '?'}{of}&lang=en") as answer:
            assert answer.status == status
