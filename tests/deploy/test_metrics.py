"""What dashboards, alarms and the operator's guide name is in /metrics."""

import json
import re
from pathlib import Path

import aiohttp
import pytest

from tests.deploy.composed import ROOT
from tests.support.live import live_broker

NAMED = [
    *sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")),
    ROOT / "deploy" / "alerts.yml",
    ROOT / "docs" / "operate.md",
]
METRIC = re.compile(r"\bmachi_[a-z0-9_]+")


@pytest.mark.parametrize("page", NAMED, ids=lambda page: page.name)
async def test_every_metric_that_is_named_exists(page: Path, tmp_path: Path) -> None:
    async with live_broker(tmp_path) as url, aiohttp.ClientSession() as session:
        await (await session.get(f"{url}/metrics")).read()
        told = set(METRIC.findall(await (await session.get(f"{url}/metrics")).text()))
    named = set(METRIC.findall(page.read_text()))
    assert named
    assert named <= told


@pytest.mark.parametrize("page", [each for each in NAMED if each.suffix == ".json"])
def test_a_dashboard_shows_each_panel_apart(page: Path) -> None:
    panels = json.loads(page.read_text())["panels"]
    assert len({(each["gridPos"]["x"], each["gridPos"]["y"]) for each in panels}) == len(panels)
    assert {each["datasource"]["uid"] for each in panels} == {"town"}
