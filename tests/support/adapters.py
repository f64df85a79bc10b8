"""Adapters in processes of their own, as the supervisor starts them."""

import asyncio
import sys
from pathlib import Path

from tests.support.patience import PATIENCE


async def adapter_process(
    name: str, url: str, mqtt_port: int, folder: Path
) -> asyncio.subprocess.Process:
    """Start an adapter; return when it is ready. What it said is in the error where it is not."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "adapters", name, "--broker", url),
        *("--mqtt-port", str(mqtt_port), "--state", str(folder)),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    said: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while "ready:" not in "".join(said):
                line = await process.stderr.readline()
                assert line, f"the adapter ended: {said}"
                said.append(line.decode())
    except TimeoutError as error:
        process.kill()
        raise AssertionError(f"the adapter is not ready: {said}") from error
    return process
