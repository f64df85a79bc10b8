"""A broker process takes away what expires, also after it was killed in between."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from tests.support.server import Server, broker


def after(seconds: float) -> str:
    """Return a time from now as a DateTime."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def create(server: Server, number: int, **members: Any) -> str:
    """Create an entity; return its URL."""
    body = {"id": f"urn:ngsi-ld:Alert:{number}", "type": "Alert", **members}
    answer = requests.post(f"{server.url}/ngsi-ld/v1/entities", json=body, timeout=10)
    assert answer.status_code == 201
    return server.url + answer.headers["Location"]


def gone_by(url: str, seconds: float) -> bool:
    """Tell whether an entity is gone within a time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if requests.get(url, timeout=10).status_code == 404:
            return True
        time.sleep(0.05)
    return False


def test_what_expires_is_gone_within_two_seconds(tmp_path: Path) -> None:
    with broker(tmp_path, tmp_path / "log") as server:
        lasting = create(server, 1, level=1)
        over = create(server, 2, expiresAt=after(3))
        part = create(server, 3, level={"value": 1, "expiresAt": after(3)}, name="a")
        assert requests.get(over, timeout=10).status_code == 200
        assert gone_by(over, 3 + 2)
        left = requests.get(f"{part}?format=simplified", timeout=10).json()
        assert left.keys() == {"id", "type", "name"}
        assert requests.get(lasting, timeout=10).status_code == 200


def test_what_expired_while_the_broker_was_down_is_gone_after_its_start(tmp_path: Path) -> None:
    server = broker(tmp_path, tmp_path / "log")
    server.start()
    over = create(server, 2, expiresAt=after(0.5))
    server.kill()
    server.start()
    try:
        assert gone_by(over, 2)
    finally:
        server.kill()
