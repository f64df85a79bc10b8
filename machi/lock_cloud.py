"""The demo's simulated RemoteLOCK: the vendor's cloud, its locks, the town's account there."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from pathlib import Path
from typing import Final

import orjson

from adapters.remotelock.account import read
from adapters.remotelock.fake import FakeCloud
from machi.seed.facilities import simulated_locks
from machi.settings import HOST

FILE: Final = "remotelock.json"
"""File in the data folder with the account at the simulated cloud, made anew at each start."""
ADAPTER: Final = "remotelock"
AWAKE: Final = 3.0
"""Seconds between two times at which the locks ask their cloud for what is new."""


def write_account(data: Path, port: int) -> Path:
    """Write the account at a cloud on a port of this machine; return its file, for its owner only.

    Raises OSError.
    """
    path, url = data / FILE, f"http://{HOST}:{port}"
    told = {
        "clientId": "demo",
        "clientSecret": secrets.token_urlsafe(24),
        "api": url,
        "oauth": url,
    }
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(orjson.dumps({"remotelock": told}))
    return path


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
