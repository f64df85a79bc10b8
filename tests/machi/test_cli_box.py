"""`machi box-key` and `machi box-simulator`: a box that knows its key and the clock."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from adapters.key_box.master import MASTER, master_key
from adapters.key_box.offline_pin import Window, block_pin, box_key, emergency_pin, pin
from machi.cli import main

BOX = "urn:ngsi-ld:SmartLock:432148:ground"
NINE = datetime(2026, 12, 5, 0, tzinfo=UTC)
HOURS = Window(int(NINE.timestamp()) // 3600, 2)


def machi(*arguments: str, typed: str = "", code: int = 0) -> Result:
    """Run the command and want an exit code."""
    done = CliRunner().invoke(main, arguments, input=typed, env={"LC_ALL": "C.UTF-8"})
    assert done.exit_code == code, done.output
    return done


@pytest.fixture
def key(tmp_path: Path) -> tuple[Path, bytes]:
    """Write the key of a box as `machi box-key` does; give file and key."""
    master = master_key(tmp_path / "data" / "adapters" / "key_box" / MASTER)
    file = tmp_path / "box.key"
    machi("box-key", BOX, "--out", str(file), "--data", str(tmp_path / "data"))
    return file, box_key(master, BOX)


def test_key_is_written_for_its_owner_only(key: tuple[Path, bytes]):
    file, expected = key
    assert bytes.fromhex(file.read_text()) == expected
    assert file.stat().st_mode & 0o777 == 0o600


def test_no_key_is_made_where_there_is_no_town(tmp_path: Path):
    done = machi("box-key", BOX, "--out", "x", "--data", str(tmp_path / "none"), code=6)
    assert "no master key" in done.output


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-12-05T08:49:59+09:00", False),
        ("2026-12-05T08:50:00+09:00", True),
        ("2026-12-05T11:09:59+09:00", True),
        ("2026-12-05T11:10:00+09:00", False),
    ],
)
def test_pin_opens_in_its_time_and_not_a_second_before_or_after(
    at: str, opens: bool, key: tuple[Path, bytes]
):
    file, secret = key
    code = 0 if opens else 1
    done = machi("box-simulator", str(file), "--at", at, "--pin", pin(secret, HOURS), code=code)
    assert ("It opens." in done.output) is opens


def test_one_pin_after_another_is_taken_until_an_empty_line(key: tuple[Path, bytes]):
    file, secret = key
    wrong = ["000000000"] * 6
    first = [pin(secret, HOURS), block_pin(secret, HOURS), pin(secret, HOURS), "shut"]
    typed = "\n".join([*first, emergency_pin(secret, 0), *wrong, ""])
    done = machi("box-simulator", str(file), "--at", NINE.isoformat(), typed=typed + "\n")
    said = [line for line in done.output.splitlines()[1:] if not line.startswith("PIN:")]
    assert said[0] == "It opens."
    assert "blocked PIN no more" in said[1]
    assert "have blocked" in said[2]
    assert said[3].startswith("Receipt: ")
    assert "area leader" in said[4]
    assert said[9] == "Wrong. It takes no PIN for 300 s."
    assert said[10] == "It takes no PIN for another 300 s."


def test_what_is_no_key_and_no_time_is_refused(tmp_path: Path, key: tuple[Path, bytes]):
    bad = tmp_path / "bad.key"
    bad.write_text("xyz")
    assert "no key of a box" in machi("box-simulator", str(bad), code=6).output
    bad.write_text("00")
    assert "no key of a box" in machi("box-simulator", str(bad), code=6).output
    file = str(key[0])
    assert "offset" in machi("box-simulator", file, "--at", "2026-12-05T09:00", code=2).output
    assert "not a time" in machi("box-simulator", file, "--at", "noon", code=2).output
