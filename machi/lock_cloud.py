"""The demo's simulated RemoteLOCK: the vendor's cloud and its locks."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

from adapters.remotelock.account import read
from adapters.remotelock.fake import FakeCloud
from machi.seed.facilities import simulated_locks

ADAPTER: Final = "remotelock"
AWAKE: Final = 3.0
"""Seconds between two times at which the locks ask their cloud for what is new."""


async def run_cloud(account: Path, port: int) -> None:
    """Serve the cloud until cancelled. It forgets everything at a stop.

    Its numbers go on from the clock, so that none is given twice.
    """
    cloud, known = FakeCloud(first=int(time.time())), read(account)
    cloud.client = (known.client_id, known.client_secret)
    for name in simulated_locks(ADAPTER):
        cloud.lock(name)
    async with cloud.running(port):
        while True:
            cloud.sync()
            await asyncio.sleep(AWAKE)
