"""What the supervisor starts, and what each process is given."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from machi import planting, supervisor
from machi.access import Handed
from machi.process import Child, Role
from machi.settings import TownSettings
from machi.supervisor import (
    HERE_ALONE,
    Supervisor,
    independent,
    patient,
    servers,
    services,
    workers,
)
from tests.support.patience import PATIENCE

SETTINGS = TownSettings(data=Path("town"))
ALL = (servers, patient, independent, workers, services)
OUTWARD = {"broker", "mqtt", "adapters", "alerts", "bookings"}
"""Who may call others, or never reads a certificate."""


def roles() -> dict[str, Role]:
    return {role.name: role for group in ALL for role in group(SETTINGS)}


def test_who_calls_nobody_but_this_machine_trusts_no_authority() -> None:
    alone = {name for name, role in roles().items() if role.environment == HERE_ALONE}
    assert alone == roles().keys() - OUTWARD


def test_keys_are_handed_beside_what_a_process_is_given_anyway() -> None:
    handed = Handed({"portal": "mk_1"}, "mk_2").to(roles()["portal"])
    assert handed.environment == {**HERE_ALONE, "MACHI_KEY_PORTAL": "mk_1"}


async def test_a_process_on_its_own_knows_no_authority() -> None:
    count = "import ssl; print(len(ssl.create_default_context().get_ca_certs()))"
    said: list[str] = []
    role = Role("known", "timeit", ("-n", "1", "-r", "1", count), HERE_ALONE)
    child = Child(role, lambda name, text: said.append(text))
    await child.start()
    await asyncio.wait_for(child.wait(), PATIENCE)
    assert said[0] == "0"


async def test_what_was_started_is_stopped_whatever_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*given: Any) -> None:
        raise OSError("on purpose")

    said: list[tuple[str, str]] = []
    wait = "import signal; print('ready: it waits'); signal.pause()"
    waiting = Role("waiting", "timeit", ("-n", "1", "-r", "1", wait))
    monkeypatch.setattr(planting, "planted", full)
    monkeypatch.setattr(supervisor, "require_free", lambda *given: None)
    monkeypatch.setattr(supervisor, "servers", lambda settings: [waiting])
    monkeypatch.setattr(supervisor, "patient", lambda settings: [])
    monkeypatch.setattr(supervisor, "independent", lambda settings: [])
    town = Supervisor(TownSettings(data=tmp_path, auth="off"), lambda *line: said.append(line))
    with pytest.raises(OSError, match="on purpose"):
        await asyncio.wait_for(town.run(), PATIENCE)
    assert ("waiting", "ready: it waits") in said
    assert said[-1] == ("machi", "stopped")
