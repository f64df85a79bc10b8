"""`machi leader-pin`: a PIN that opens at any time, given through a real adapter."""

import asyncio
from pathlib import Path

from click.testing import CliRunner, Result

from apps.keys.contract import Kind, Status
from machi.cli import main
from tests.apps.keys.town import START, lock_id, town

EN = {"LC_ALL": "C.UTF-8"}


async def machi(*arguments: str) -> Result:
    """Run the command beside the town."""
    return await asyncio.to_thread(CliRunner().invoke, main, arguments, env=EN)


async def test_leader_is_given_a_pin_that_opens_the_box_at_any_time(tmp_path: Path):
    data = tmp_path / "state"
    async with town(tmp_path, "key_box") as made:
        (data / "adapters").symlink_to(data)
        where = ("--broker", made.client.url, "--data", str(data))
        done = await machi("leader-pin", lock_id("key_box"), "kuroda", *where)
        assert done.exit_code == 0, done.output
        pin = done.output.strip().rpartition(" ")[2]
        made.now = START.replace(year=2031)
        assert await made.opens("key_box", pin)
        grant = await made.locks.grant("urn:ngsi-ld:AccessGrant:432148:leader-kuroda-key_box")
        assert grant is not None
        assert (grant.kind, grant.status) == (Kind.EMERGENCY, Status.ACTIVE)
        again = await machi("leader-pin", lock_id("key_box"), "kuroda", *where)
        assert pin in again.output
        none = await machi("leader-pin", lock_id("none"), "kuroda", *where)
        assert (none.exit_code, "There is no lock" in none.output) == (7, True)
        assert (await machi("leader-pin", lock_id("key_box"), "a b", *where)).exit_code == 2
