"""A broker process takes away what expires, also after it was killed in between."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from tests.support.crowding import crowding
from tests.support.patience import PATIENCE
from tests.support.server import Server, broker

LONGEST = 2.0
"""Seconds after its time that something may be there, on a machine with nothing else to do."""


def after(seconds: float) -> str:
    """Return a time from now as a DateTime."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def create(server: Server, number: int, **members: Any) -> str:
    """Create an entity; return its URL."""
    body = {"id": f"urn:ngsi-ld:Alert:{number}", "type": "Alert", **members}
    answer = requests.post(f"{server.url}/ngsi-ld/v1/entities", json=body, timeout=PATIENCE)
    assert answer.status_code == 201
    return server.url + answer.headers["Location"]


def gone(url: str) -> bool:
    """Wait until an entity is gone."""
    deadline = time.monotonic() + PATIENCE
    while requests.get(url, timeout=PATIENCE).status_code != 404:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return True


def test_what_expires_is_gone_and_what_does_not_is_left(tmp_path: Path) -> None:
    with broker(tmp_path, tmp_path / "log") as server:
        lasting = create(server, 1, level=1)
        over = create(server, 2, expiresAt=after(1))
        part = create(server, 3, level={"value": 1, "expiresAt": after(1)}, name="a")
        assert gone(over)
        assert gone(f"{part}?attrs=level")
        left = requests.get(f"{part}?format=simplified", timeout=PATIENCE).json()
        assert left.keys() == {"id", "type", "name"}
        assert requests.get(lasting, timeout=PATIENCE).status_code == 200


def test_the_brokers_own_times_are_two_seconds_apart_at_most(tmp_path: Path) -> None:
    with broker(tmp_path, tmp_path / "log") as server:
        expires = after(1)
        part = create(server, 1, level={"value": 1, "expiresAt": expires}, name="a")
        assert gone(f"{part}?attrs=level")
        left = requests.get(f"{part}?options=sysAttrs", timeout=PATIENCE).json()
    taken, made = (datetime.fromisoformat(left[name]) for name in ("modifiedAt", "createdAt"))
    due = max(datetime.fromisoformat(expires), made)
    assert 0 <= (taken - due).total_seconds() < LONGEST * crowding()


def test_what_expired_while_the_broker_was_down_is_gone_after_its_start(tmp_path: Path) -> None:
    server = broker(tmp_path, tmp_path / "log")
    server.start()
    over = create(server, 2, expiresAt=after(0.5))
    server.kill()
    server.start()
    try:
        assert gone(over)
    finally:
        server.kill()
