"""Folders and files that commands are given: one that is not there, or cannot be used, is named."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.machi.test_cli import machi, write_something


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    """Return a place below a file, where nothing can be."""
    (tmp_path / "file").touch()
    return tmp_path / "file" / "below"


def refused(*arguments: str) -> str:
    done = machi(*arguments)
    assert done.exit_code == 6, done.output
    assert done.stderr.count("\n") == 2
    return done.stderr


def test_a_backup_that_cannot_be_written_is_named(nowhere: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    asyncio.run(write_something(data))
    for target in (nowhere, tmp_path / "no" / "folder.machi"):
        assert str(target) in refused("backup", str(data), str(target))


def test_a_folder_that_cannot_be_restored_to_is_named(nowhere: Path, tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "town.machi"
    asyncio.run(write_something(data))
    assert machi("backup", str(data), str(copy)).exit_code == 0
    assert str(nowhere) in refused("restore", str(copy), "--data", str(nowhere))


def test_a_book_that_cannot_be_made_is_named(nowhere: Path) -> None:
    assert str(nowhere) in refused("keys", "create", "app", "--role", "app", "--data", str(nowhere))


@pytest.mark.parametrize(
    "command",
    [
        ("keys", "list"),
        ("keys", "revoke", "1f2e3d4c"),
        ("keys", "remove", "app"),
        ("accounts", "list"),
        ("accounts", "password", "hanako", "--password", "a long password"),
        ("accounts", "remove", "u-1f2e3d4c5b6a7980"),
    ],
    ids=" ".join,
)
def test_what_is_looked_for_in_a_folder_that_is_not_there_makes_none(
    command: Sequence[str], tmp_path: Path
) -> None:
    data = tmp_path / "mistyped"
    assert str(data) in refused(*command, "--data", str(data))
    assert not data.exists()


def test_a_key_can_be_made_before_the_first_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert machi("keys", "create", "app", "--role", "app", "--data", str(data)).exit_code == 0
    assert "app" in machi("keys", "list", "--data", str(data)).stdout


def test_a_backup_says_which_files_are_not_in_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    asyncio.run(write_something(data))
    assert machi("keys", "create", "app", "--role", "app", "--data", str(data)).exit_code == 0
    (tmp_path / "data.master").touch()
    (tmp_path / "data2").mkdir()
    done = machi("backup", str(data), str(tmp_path / "town.machi"))
    said = f"copy them too: {data}/identity.sqlite {tmp_path}/data.master\n"
    assert said in done.stderr


def test_a_backup_of_all_there_is_names_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    asyncio.run(write_something(data))
    for copy in ("data.machi", "data.copy"):
        done = machi("backup", str(data), str(tmp_path / copy))
        assert (done.exit_code, done.stderr) == (0, "")
