"""`machi accounts`: people, on the data folder."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from consent.identity.book import IdentityBook
from consent.identity.passwords import Argon2
from consent.identity.secret import read_secret, secret_beside
from consent.identity.signing_in import SigningIn
from machi.cli import main

LONG = "four words are better"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Give a data folder that is still to be made."""
    return tmp_path / "data"


def machi(data: Path, *arguments: str, typed: str | None = None, code: int = 0) -> Result:
    """Run the command on a data folder and want an exit code."""
    english = {"LC_ALL": "C.UTF-8"}
    done = CliRunner().invoke(
        main, ["accounts", *arguments, "--data", str(data)], input=typed, env=english
    )
    assert done.exit_code == code, done.output
    return done


def desk(data: Path) -> SigningIn:
    """Return where people of the folder sign in."""
    return SigningIn(IdentityBook(data).people, Argon2(), read_secret(secret_beside(data)))


async def test_account_made_with_a_typed_password_can_sign_in(data: Path):
    done = machi(data, "create", "hanako", "--role", "staff:river", typed=f"{LONG}\n{LONG}\n")
    assert LONG not in done.output
    session = await desk(data).sign_in("hanako", LONG)
    assert session.roles == {"staff:river"}


async def test_password_is_changed(data: Path):
    machi(data, "create", "hanako", "--password", LONG)
    machi(data, "password", "hanako", "--password", LONG + "!")
    assert (await desk(data).sign_in("hanako", LONG + "!")).user.startswith("u-")


def test_short_password_is_refused(data: Path):
    done = machi(data, "create", "hanako", "--password", "short", code=2)
    assert "12 characters" in done.output


def test_name_is_taken_once(data: Path):
    machi(data, "create", "hanako", "--password", LONG)
    assert "Choose another" in machi(data, "create", "Hanako", "--password", LONG, code=1).output


def test_account_listed_by_its_id_is_removed(data: Path):
    data.mkdir()
    assert "no accounts yet" in machi(data, "list").output
    machi(data, "create", "hanako", "--role", "officer", "--password", LONG)
    (one,) = json.loads(machi(data, "list", "--json").stdout)
    assert one["roles"] == ["officer"]
    assert one["id"] in machi(data, "list").output
    machi(data, "remove", one["id"])
    assert "no accounts yet" in machi(data, "list").output
    assert "machi accounts list" in machi(data, "remove", one["id"], code=1).output


def test_unknown_name_has_no_password_to_change(data: Path):
    data.mkdir()
    assert "no account" in machi(data, "password", "nobody", "--password", LONG, code=1).output


def test_nothing_in_the_data_folder_has_the_name_the_password_or_the_secret(data: Path):
    machi(data, "create", "hanako", "--password", LONG)
    secret = read_secret(secret_beside(data))
    for file in data.iterdir():
        for kept in (b"hanako", LONG.encode(), secret):
            assert kept not in file.read_bytes()


def test_secret_that_is_no_secret_is_said(data: Path):
    secret_beside(data).write_bytes(b"short")
    assert "backup" in machi(data, "create", "hanako", "--password", LONG, code=1).output
