"""The command line: help, exit codes, messages."""

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.client import Client
from consent.releases.file import Place, Releases
from machi.cli import main
from tests.support import free_port
from tests.support.commands import commands
from tests.support.live import live_broker
from tests.support.patience import PATIENCE


def machi(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, arguments, env={"LC_ALL": "C.UTF-8"})


def process(*arguments: str, language: str = "C.UTF-8") -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, as a terminal does."""
    command = [sys.executable, "-m", "machi", *arguments]
    environment = {**os.environ, "LC_ALL": language}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, env=environment
    )


@pytest.mark.parametrize("command", [words for words, _ in commands()], ids=" ".join)
def test_help_of_every_command_shows_examples_and_exit_codes(command: tuple[str, ...]):
    done = CliRunner().invoke(main, [*command, "--help"])
    assert done.exit_code == 0
    assert "Example" in done.output
    assert "Exit codes:" in done.output


def test_help_shows_how_to_start_the_town():
    assert "the whole demo town" in machi("--help").stdout


def test_help_is_in_japanese_where_the_terminal_is():
    done = process("tail", "--help", language="ja_JP.UTF-8")
    assert "変化をその場で" in done.stdout
    assert "終了コード:" in done.stdout
    assert "例:" in done.stdout


def test_a_command_that_is_not_there_is_answered_with_one_like_it():
    done = machi("brokr")
    assert done.exit_code == 2
    assert "Did you mean 'broker'?" in done.stderr


def test_wrong_usage_is_exit_code_2():
    assert machi("replay", "noah").exit_code == 2
    assert machi("replay", "kuma-2020", "--from", "five").exit_code == 2


def test_an_egress_network_that_is_none_is_wrong_usage():
    done = machi("broker", "--allow-egress", "10.1.2.3/16")
    assert done.exit_code == 2
    assert "10.1.0.0/16" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").touch()
    done = process("broker", "--port", str(free_port()), "--data", str(tmp_path / "file" / "data"))
    assert done.returncode == 6
    assert "give a folder" in done.stderr


def test_a_span_without_levels_is_wrong_usage():
    done = machi("replay", "kuma-2020", "--from", "09:00", "--until", "08:00")
    assert done.exit_code == 2
    assert "No level is known" in done.stderr


def test_replay_without_a_town_says_how_to_start_one():
    port = str(free_port())
    done = machi("replay", "kuma-2020", "--broker", f"http://127.0.0.1:{port}", "--mqtt-port", port)
    assert done.exit_code == 4
    assert "machi up" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("option", ["--broker-port", "--mqtt-port", "--portal-port"])
def test_up_names_the_busy_port_and_the_option_to_change_it(option: str, tmp_path: Path):
    ports = {name: str(free_port()) for name in ("--broker-port", "--mqtt-port", "--portal-port")}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports[option] = str(taken.getsockname()[1])
        given = [word for pair in ports.items() for word in pair]
        done = machi("up", *given, "--data", str(tmp_path / "data"))
    assert done.exit_code == 3
    assert ports[option] in done.stderr
    assert option in done.stderr
    assert not (tmp_path / "data").exists()


def test_broker_names_the_busy_port(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = process("broker", "--port", port, "--data", str(tmp_path))
    assert done.returncode == 3
    assert port in done.stderr
    assert "--port" in done.stderr


def test_data_are_backed_up_checked_and_restored(tmp_path: Path):
    asyncio.run(write_something(tmp_path / "data"))
    target = tmp_path / "town.machi"
    (tmp_path / "data" / "receivers.key").touch()
    done = machi("backup", str(tmp_path / "data"), str(target))
    assert (done.exit_code, "receivers.key is not in it" in done.stderr) == (0, True)
    assert machi("restore", str(target), "--data", str(tmp_path / "again")).exit_code == 0
    done = machi("check", "--data", str(tmp_path / "again"))
    assert (done.exit_code, "is whole" in done.stdout) == (0, True)


def test_released_tables_of_people_come_back_and_none_is_replaced(tmp_path: Path):
    data, again, target = (tmp_path / name for name in ("data", "again", "town.machi"))
    for folder in (data, again):
        asyncio.run(write_something(folder))
    old, new = (Place("", "urn:type:tag", day) for day in ("2026-11-25", "2026-11-26"))
    release(data, old, 10)
    assert machi("backup", str(data), str(target)).exit_code == 0
    assert target.with_name("town.machi.releases").stat().st_mode & 0o077 == 0
    release(again, new, 20)
    release(again, old, 30)
    done = machi("restore", str(target), "--data", str(again), "--force")
    assert done.exit_code == 0, done.stderr
    assert machi("restore", str(target), "--data", str(tmp_path / "third")).exit_code == 0
    assert [released(again, place) for place in (old, new)] == [30, 20]
    assert [released(tmp_path / "third", place) for place in (old, new)] == [10, None]


def release(folder: Path, place: Place, people: int) -> None:
    """Release a table."""
    with closing(Releases(folder)) as releases:
        asyncio.run(releases.keep(place, "urn:policy", {"people": people}))


def released(folder: Path, place: Place) -> int | None:
    """Return what a table tells."""
    with closing(Releases(folder)) as releases:
        found = releases.get(place)
    return None if found is None else found[1]["people"]


def test_restoring_over_data_needs_force(tmp_path: Path):
    asyncio.run(write_something(tmp_path / "data"))
    target = tmp_path / "town.machi"
    machi("backup", str(tmp_path / "data"), str(target))
    refused = machi("restore", str(target), "--data", str(tmp_path / "data"))
    assert refused.exit_code == 6
    assert "Traceback" not in refused.stderr
    assert machi("restore", str(target), "--data", str(tmp_path / "data"), "--force").exit_code == 0


def test_checking_a_folder_without_data_says_so(tmp_path: Path):
    done = machi("check", "--data", str(tmp_path))
    assert done.exit_code == 6
    assert "has no data" in done.stderr


async def write_something(data: Path) -> None:
    """Make a data folder with one entity."""
    async with live_broker(data) as url, Client(url) as client:
        await client.create({"id": "urn:a:b", "type": "A"})
