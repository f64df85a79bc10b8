"""`machi audit verify` finds what was changed in the disclosure log, and its cut-off end."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from consent.log.entry import Deed, Entry
from consent.log.file import FILE, LogFile
from consent.log.log import SEALS, DisclosureLog
from consent.vault.master import derived, master_key
from machi.cli import main
from machi.errors import DataFaulty

ENGLISH = {"LC_ALL": "C.UTF-8"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a data folder with a log of three entries."""
    data = tmp_path / "data"

    async def fill() -> None:
        log = DisclosureLog(LogFile(data), derived(master_key(data, {}), SEALS))
        for number in range(3):
            at, target = "2026-11-27T00:00:00Z", f"urn:x:{number}"
            log.add(Entry(at, "", "urn:h", "app", None, None, Deed.READ, target, (), "urn:c"))
            await log.settled()
        await log.close()

    asyncio.run(fill())
    return data


def verify(folder: Path, *more: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["audit", "verify", "--data", str(folder), *more], env=ENGLISH)


def test_sound_log_is_said_to_be_sound(folder: Path):
    found = verify(folder, "--json")
    assert found.exit_code == 0
    assert json.loads(found.output)["entries"] == 3


def test_changed_byte_is_found_with_its_line(folder: Path):
    path = folder / FILE
    path.write_bytes(path.read_bytes().replace(b"urn:x:1", b"urn:x:9"))
    found = verify(folder)
    assert found.exit_code == DataFaulty.exit_code
    assert "line 3, from byte" in found.output


def test_cut_off_end_is_found_by_an_earlier_head(folder: Path):
    head = json.loads(verify(folder, "--json").output)["head"]
    assert verify(folder, "--head", head).exit_code == 0
    path = folder / FILE
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:4]))
    assert verify(folder).exit_code == 0
    assert verify(folder, "--head", head).exit_code == DataFaulty.exit_code


def test_check_makes_no_master_key_where_there_is_none(folder: Path):
    master = folder.with_name("data.master")
    master.unlink()
    assert verify(folder).exit_code == DataFaulty.exit_code
    assert not master.exists()


def test_broker_does_not_go_on_after_a_damaged_line(folder: Path):
    with (folder / FILE).open("ab") as file:
        file.write(b"something else\n")
    command = ["broker", "--auth", "embedded", "--data", str(folder)]
    found = CliRunner().invoke(main, command, env=ENGLISH)
    assert found.exit_code == DataFaulty.exit_code
    assert "machi audit verify" in found.output


def test_folder_without_a_log_is_told(tmp_path: Path):
    assert verify(tmp_path).exit_code == DataFaulty.exit_code
