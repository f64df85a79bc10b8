"""The simulated cloud of a vendor of locks, as the demo's adapter meets it."""

from functools import partial
from pathlib import Path

import aiohttp
import pytest

from adapters.common.access import GrantRefused
from adapters.remotelock.account import read
from adapters.remotelock.api import Cloud
from machi import lock_cloud
from machi.lock_account import write_account
from machi.lock_cloud import ADAPTER, run_cloud
from machi.seed.facilities import simulated_locks
from tests.support import free_port
from tests.support.mqtt import background
from tests.support.until import until


async def test_the_account_reaches_the_locks_which_learn_a_pin_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lock_cloud, "AWAKE", 0.05)
    port = free_port()
    account = write_account(tmp_path, port)
    async with background(run_cloud(account, port)), aiohttp.ClientSession() as session:
        cloud = Cloud(session, read(account))
        found = await until(partial(_locks, cloud))
        assert found == simulated_locks(ADAPTER)
        guest = {"type": "access_guest", "attributes": {"name": "x", "pin": "4829135"}}
        person = (await cloud.call("POST", "/access_persons", guest))["data"]["id"]
        door = {"accessible_id": found[0], "accessible_type": "lock"}
        path = f"/access_persons/{person}/accesses"
        await cloud.call("POST", path, {"attributes": door})

        async def learned() -> bool:
            [access] = await cloud.all(path)
            return access["attributes"]["devices_synced_count"] > 0

        assert await until(learned)


async def _locks(cloud: Cloud) -> list[str]:
    """Return the ids of the cloud's locks, none while it does not answer yet."""
    try:
        return [one["id"] for one in await cloud.all("/devices")]
    except GrantRefused:
        return []


def test_each_start_has_a_secret_of_its_own_for_the_owner_only(tmp_path: Path):
    first = read(write_account(tmp_path, 8088))
    path = write_account(tmp_path, 8088)
    assert path.stat().st_mode & 0o077 == 0
    assert read(path).client_secret != first.client_secret
