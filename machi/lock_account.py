"""The town's account at the demo's simulated RemoteLOCK."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

import orjson

from machi.settings import HOST

FILE: Final = "remotelock.json"
"""File in the data folder with the account at the simulated cloud, made anew at each start."""


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
