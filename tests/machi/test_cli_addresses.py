"""Addresses among the options of `machi broker`: what could never work is refused at the start."""

from pathlib import Path

import pytest

from machi.commands import addresses
from tests.machi.test_cli import machi, process
from tests.support import free_port


@pytest.mark.parametrize(
    ("option", "value", "example"),
    [
        ("--public-url", "town.example", "https://api.town.example"),
        ("--public-url", "ftp://town.example", "https://api.town.example"),
        ("--public-url", "https://town.example/api", "https://api.town.example"),
        ("--public-url", "https://town.example:port", "https://api.town.example"),
        ("--allow-origin", "town.example", "https://town.example"),
        ("--allow-origin", "https://town.example/page", "https://town.example"),
        ("--allow-host", "https://town.example", "api.town.example"),
        ("--allow-host", "town.example:1026", "api.town.example"),
        ("--allow-host", "*.town.example", "api.town.example"),
        ("--store", "http://db1/town", "mongodb://db1"),
        ("--store", "mongodb://db1:port/town", "mongodb://db1"),
        ("--store", "mongodb://", "mongodb://db1"),
    ],
)
def test_an_address_that_cannot_work_is_wrong_usage(
    option: str, value: str, example: str, tmp_path: Path
) -> None:
    done = machi("broker", option, value, "--data", str(tmp_path / "data"))
    assert done.exit_code == 2
    assert option in done.stderr
    assert example in done.stderr
    assert not (tmp_path / "data").exists()


def test_addresses_that_work_are_taken() -> None:
    assert addresses.public_url("") == ""
    assert addresses.public_url("https://api.town.example:8443/") == "https://api.town.example:8443"
    assert addresses.origins(("https://Town.example/", "*")) == ("https://town.example", "*")
    assert addresses.hosts(("Town.example", "[2001:db8::1]")) == ("town.example", "[2001:db8::1]")
    assert addresses.database("mongodb://a,b/town?replicaSet=town").startswith("mongodb://a,b/")


def test_a_database_that_is_away_ends_with_a_remedy_and_no_traceback(tmp_path: Path) -> None:
    port = free_port()
    away = f"mongodb://127.0.0.1:{port}/town?serverSelectionTimeoutMS=200"
    given = ["--store", away, "--port", str(free_port()), "--data", str(tmp_path / "data")]
    done = process("broker", *given)
    assert done.returncode == 4
    assert "did not answer" in done.stderr
    assert "--store" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Topology" not in done.stderr
