"""What the supervisor starts, and what each process is given."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from machi import planting, supervisor
from machi.access import Handed
from machi.errors import DataFaulty
from machi.lock_account import FILE
from machi.process import Child, Role
from machi.seed.plant import Planted
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


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TownSettings:
    """Return the settings of a town of one process, without any entities."""

    async def none(*given: Any) -> Planted:
        return Planted(0, 0)

    wait = "import signal; print('ready: it waits'); signal.pause()"
    waiting = Role("waiting", "timeit", ("-n", "1", "-r", "1", wait))
    monkeypatch.setattr(planting, "planted", none)
    monkeypatch.setattr(supervisor, "require_free", lambda *given: None)
    monkeypatch.setattr(supervisor, "servers", lambda settings: [waiting])
    monkeypatch.setattr(supervisor, "patient", lambda settings: [])
    monkeypatch.setattr(supervisor, "independent", lambda settings: [])
    return TownSettings(data=tmp_path, auth="off")


async def test_what_was_started_is_stopped_whatever_ends_the_start(
    small: TownSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*given: Any) -> Planted:
        raise RuntimeError("on purpose")

    said: list[tuple[str, str]] = []
    monkeypatch.setattr(planting, "planted", broken)
    town = Supervisor(small, lambda *line: said.append(line))
    with pytest.raises(RuntimeError, match="on purpose"):
        await asyncio.wait_for(town.run(), PATIENCE)
    assert ("waiting", "ready: it waits") in said
    assert said[-1] == ("machi", "stopped")


async def test_an_account_that_cannot_be_written_is_told_as_a_fault_of_the_data_folder(
    small: TownSettings,
) -> None:
    (small.data / FILE).mkdir()
    with pytest.raises(DataFaulty, match=FILE):
        await asyncio.wait_for(Supervisor(small, lambda *line: None).run(), PATIENCE)
