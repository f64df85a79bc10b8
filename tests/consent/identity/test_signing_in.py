"""How people sign in, and what holds back those who guess."""

import asyncio
from pathlib import Path

import pytest

from broker.errors import MachiError, TooManyRequests, Unauthorized
from consent.identity.addresses import MOST_FAILURES, SPAN
from consent.identity.book import IdentityBook
from consent.identity.model import Account, Attempts
from consent.identity.passwords import Argon2
from consent.identity.signing_in import FREE, LONGEST_WAIT, SigningIn, handle_of, next_wait
from tests.support.asgi import Ticking

SECRET = b"s" * 32
STAFF = frozenset({"staff:river"})


class Quick:
    """Hashes in no time; remembers what was tried."""

    def __init__(self) -> None:
        self.tried: list[str] = []

    def hash(self, password: str) -> str:
        """Return the password turned round."""
        return password[::-1]

    def fits(self, kept: str, password: str) -> bool:
        """Compare with the password turned round."""
        self.tried.append(password)
        return kept == password[::-1]


class Desk:
    """An account of hanako, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.book = IdentityBook(folder)
        self.hasher = Quick()
        self.clock = Ticking("2026-11-26T00:00:00+00:00")
        self.now = 0.0
        self.desk = SigningIn(self.book.people, self.hasher, SECRET, self.clock, lambda: self.now)
        handle = handle_of("hanako", SECRET)
        self.book.people.add(Account("u-1", handle, self.hasher.hash("right"), STAFF))

    async def refused(self, name: str = "hanako", password: str = "wrong") -> MachiError:
        """Want a refusal and return it."""
        with pytest.raises(MachiError) as caught:
            await self.desk.sign_in(name, password)
        return caught.value

    def known(self, token: str) -> str | None:
        """Return the account that a token stands for now."""
        self.book.refresh()
        client = self.book.holder(token, self.clock())
        return None if client is None else client.user


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Give a desk."""
    return Desk(tmp_path)


async def test_name_and_password_open_a_session_with_the_roles(desk: Desk):
    session = await desk.desk.sign_in("hanako", "right")
    assert (session.user, session.roles) == ("u-1", STAFF)
    assert desk.known(session.token) == "u-1"


async def test_name_is_the_same_in_whatever_case_and_with_spaces_around(desk: Desk):
    assert (await desk.desk.sign_in(" Hanako ", "right")).user == "u-1"


async def test_session_ends_after_twelve_hours(desk: Desk):
    token = (await desk.desk.sign_in("hanako", "right")).token
    desk.clock.advance(hours=11, minutes=59)
    assert desk.known(token) == "u-1"
    desk.clock.advance(minutes=1)
    assert desk.known(token) is None


async def test_session_ends_by_signing_out(desk: Desk):
    token = (await desk.desk.sign_in("hanako", "right")).token
    await desk.desk.sign_out(token)
    assert desk.known(token) is None


async def test_session_ends_when_the_password_changes_or_the_account_goes(desk: Desk):
    token = (await desk.desk.sign_in("hanako", "right")).token
    desk.book.people.change_password("u-1", desk.hasher.hash("other"))
    assert desk.known(token) is None
    token = (await desk.desk.sign_in("hanako", "other")).token
    desk.book.people.remove("u-1")
    assert desk.known(token) is None


async def test_unknown_name_is_answered_as_a_wrong_password_is_and_costs_a_hash_too(desk: Desk):
    wrong = await desk.refused()
    unknown = await desk.refused("nobody")
    assert wrong.problem() == unknown.problem()
    assert desk.hasher.tried == ["wrong", "wrong"]


@pytest.mark.parametrize("name", ["hanako", "nobody"])
async def test_sixth_failure_in_a_row_makes_the_name_wait(desk: Desk, name: str):
    for _ in range(FREE + 1):
        assert isinstance(await desk.refused(name), Unauthorized)
    tried = len(desk.hasher.tried)
    assert isinstance(await desk.refused(name, "right"), TooManyRequests)
    assert len(desk.hasher.tried) == tried
    desk.now += 2
    assert isinstance(await desk.refused(name), Unauthorized)


async def test_success_forgets_the_failures(desk: Desk):
    for _ in range(FREE):
        await desk.refused()
    await desk.desk.sign_in("hanako", "right")
    for _ in range(FREE):
        assert isinstance(await desk.refused(), Unauthorized)
    assert (await desk.desk.sign_in("hanako", "right")).user == "u-1"


async def test_failures_count_across_a_restart(desk: Desk):
    for _ in range(FREE + 1):
        await desk.refused()
    again = SigningIn(desk.book.people, desk.hasher, SECRET, desk.clock, lambda: desk.now)
    with pytest.raises(TooManyRequests):
        await again.sign_in("hanako", "right")


async def test_tries_at_once_wait_as_tries_in_a_row_do(desk: Desk):
    await asyncio.gather(*(desk.refused() for _ in range(50)))
    assert len(desk.hasher.tried) <= FREE + 3


@pytest.mark.parametrize("address", ["8.8.8.8", "::ffff:8.8.8.8", "2001:4860:4860::8888"])
async def test_many_names_tried_from_one_address_make_it_wait(desk: Desk, address: str):
    for number in range(MOST_FAILURES):
        with pytest.raises(Unauthorized):
            await desk.desk.sign_in(f"name-{number}", "spring", address)
    with pytest.raises(TooManyRequests):
        await desk.desk.sign_in("hanako", "right", address)
    assert (await desk.desk.sign_in("hanako", "right", "8.8.4.4")).user == "u-1"
    assert (await desk.desk.sign_in("hanako", "right", "10.0.0.7")).user == "u-1"
    for number in range(MOST_FAILURES):
        await desk.refused(f"other-{number}")
    desk.now += SPAN
    assert (await desk.desk.sign_in("hanako", "right", address)).user == "u-1"


def test_wait_doubles_up_to_a_quarter_of_an_hour():
    attempts, waits = Attempts(), []
    for _ in range(20):
        attempts = next_wait(attempts, 0.0)
        waits.append(attempts.until)
    assert waits[:8] == [0, 0, 0, 0, 0, 2, 4, 8]
    assert waits[-1] == LONGEST_WAIT


def test_argon2_knows_a_password_again_and_no_other():
    argon2 = Argon2()
    kept = argon2.hash("correct horse")
    assert kept.startswith("$argon2id$")
    assert argon2.fits(kept, "correct horse")
    assert not argon2.fits(kept, "correct house")
