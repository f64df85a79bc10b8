"""The account at the vendor: where its cloud is, and its secrets, in a file for its owner only.

{"remotelock": {"clientId": "…", "clientSecret": "…", "zone": "Asia/Tokyo",
                "webhookSecret": "…", "webhookPort": 7897}}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from adapters.contract import CannotRun

API: Final = "https://api.remotelock.jp"
OAUTH: Final = "https://connect.remotelock.jp"


@dataclass(frozen=True, slots=True)
class Account:
    """The account. `zone` is the time zone its locks are set to.

    Without a `webhook_port` events are only asked for, every minute.
    """

    client_id: str
    client_secret: str = field(repr=False)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Tokyo"))
    api: str = API
    oauth: str = OAUTH
    webhook_secret: str = field(default="", repr=False)
    webhook_port: int = 0


def read(path: Path | None) -> Account:
    """Return the account in a file. Raises CannotRun."""
    if path is None:
        raise CannotRun('remotelock needs --config FILE with {"remotelock": {"clientId", …}}')
    try:
        if path.stat().st_mode & 0o077:
            raise CannotRun(f"{path} holds secrets and must be for its owner only: chmod 600")
        told = orjson.loads(path.read_bytes())["remotelock"]
        account = Account(
            client_id=told["clientId"],
            client_secret=told["clientSecret"],
            zone=ZoneInfo(told.get("zone", "Asia/Tokyo")),
            api=told.get("api", API).rstrip("/"),
            oauth=told.get("oauth", OAUTH).rstrip("/"),
            webhook_secret=told.get("webhookSecret", ""),
            webhook_port=int(told.get("webhookPort", 0)),
        )
    except OSError as error:
        raise CannotRun(f"{path} cannot be read: {error.strerror}") from error
    except ZoneInfoNotFoundError as error:
        raise CannotRun(f"{path}: there is no such time zone") from error
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CannotRun(f"{path} is not as docs/adapters.md says for remotelock") from error
    if account.webhook_port and not account.webhook_secret:
        raise CannotRun(
            f"{path}: a webhookPort needs a webhookSecret, or anybody could post events"
        )
    return account
