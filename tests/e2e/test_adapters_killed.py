"""The adapters killed while the flood rises: the chain ends where it would have ended."""

import asyncio
import os
import signal
from pathlib import Path

from broker.client import Client, value
from tests.e2e.town import Town

STATION = "urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi"
LIGHT = "urn:ngsi-ld:IlluminationControl:432032:mizunote"


def adapters_of(town: Town) -> list[int]:
    """Return the process ids of a town's adapters."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"river_gauge" in words and town.broker.encode() in words:
            found.append(int(path.parent.name))
    return found


async def shows(client: Client, entity_id: str, **values: object) -> None:
    """Wait until an entity shows values."""
    async with asyncio.timeout(60):
        while True:
            entity = await client.retrieve(entity_id)
            if all(value(entity, name) == part for name, part in values.items()):
                return
            await asyncio.sleep(0.1)


async def test_light_ends_in_the_right_look_although_the_adapters_were_killed_twice(town: Town):
    replay = await asyncio.create_subprocess_exec(
        *town.replay_command("--speed", "600", "--from", "03:50", "--until", "06:00"),
        stdout=asyncio.subprocess.PIPE,
        env=town.environment,
    )
    async with Client(town.broker, tenant="drill", key=town.key) as drill:
        for step in ("caution", "danger"):
            async with asyncio.timeout(60):
                while value(await drill.retrieve(LIGHT), "step") != step:
                    await asyncio.sleep(0.05)
            for pid in adapters_of(town):
                os.kill(pid, signal.SIGKILL)
        await replay.communicate()
        assert replay.returncode == 0
        await shows(drill, STATION, stageStep="designHighWater")
        await shows(
            drill,
            LIGHT,
            commandStatus="confirmed",
            reportedColour="#FF0000",
            reportedEffect="blink",
        )
