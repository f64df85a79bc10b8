"""What goes on after a request, a stream or a subscription, ends with the key or the session."""

import secrets
from pathlib import Path
from typing import Any

import pytest

from broker.guard import Caller
from consent.guard import PolicyGuard
from consent.identity import keys
from consent.identity.book import IdentityBook
from consent.identity.model import Account, Client, Key
from consent.identity.signing_in import SigningIn, handle_of
from consent.policies.rule import Rule
from tests.consent.identity.test_signing_in import Quick
from tests.support.asgi import Ticking

SECRET = b"s" * 32
PORTAL = Client("portal", frozenset({"app"}))
ENTITY: Any = {"id": "urn:x:1", "type": ["T"], "attrs": {}}


class Desk:
    """A book, a guard that asks it, and an account of hanako."""

    def __init__(self, folder: Path) -> None:
        self.clock = Ticking()
        self.book = IdentityBook(folder)
        self.guard = PolicyGuard(
            self.book, [Rule("read", assignees=frozenset({"role:app"}))], self.clock
        )
        hasher = Quick()
        roles = frozenset({"app"})
        account = Account("u-1", handle_of("hanako", SECRET), hasher.hash("right"), roles)
        self.book.people.add(account)
        self.signing = SigningIn(self.book.people, hasher, SECRET, self.clock, lambda: 0.0)

    def key(self, expires: str | None = None) -> tuple[str, Caller]:
        """Make a key of the portal's; return its id, and the caller who shows it."""
        key_id, text, digest = keys.make(secrets.token_bytes)
        self.book.put(PORTAL)
        self.book.add(Key(key_id, PORTAL.name, digest, self.clock(), expires))
        return key_id, self.shown(text)

    def shown(self, text: str) -> Caller:
        """Return the caller who shows a key or a token."""
        return self.guard.identify({b"authorization": f"Bearer {text}".encode()})

    def sees(self, caller: Caller) -> bool:
        """Tell whether a caller is still shown something."""
        return self.guard.seen(caller, "", ENTITY) is not None


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Give a desk."""
    return Desk(tmp_path)


def test_stream_ends_with_its_key_and_one_of_another_key_goes_on(desk: Desk):
    (first, one), (_, other) = desk.key(), desk.key()
    assert desk.sees(one)
    desk.book.revoke(first, desk.clock())
    assert (desk.sees(one), desk.sees(other)) == (False, True)


def test_stream_ends_as_its_key_does(desk: Desk):
    moment = Ticking(desk.clock())
    moment.advance(hours=1)
    _, caller = desk.key(moment())
    assert desk.sees(caller)
    desk.clock.advance(hours=2)
    assert not desk.sees(caller)


async def test_stream_ends_with_the_session_of_its_person(desk: Desk):
    first, other = [(await desk.signing.sign_in("hanako", "right")).token for _ in range(2)]
    one, two = desk.shown(first), desk.shown(other)
    assert desk.sees(one)
    await desk.signing.sign_out(first)
    assert (desk.sees(one), desk.sees(two)) == (False, True)
    desk.clock.advance(hours=13)
    assert not desk.sees(two)


def test_subscription_is_told_of_nothing_once_no_key_of_its_client_opens_anything(desk: Desk):
    (first, _), (other, _) = desk.key(), desk.key()
    owner = Caller(PORTAL.name, None, PORTAL.roles)
    for key_id, sees in ((first, True), (other, False)):
        desk.book.revoke(key_id, desk.clock())
        assert desk.sees(owner) is sees


async def test_subscription_of_a_person_outlives_the_session(desk: Desk):
    token = (await desk.signing.sign_in("hanako", "right")).token
    shown = desk.shown(token)
    await desk.signing.sign_out(token)
    assert desk.sees(Caller(shown.client, shown.user, shown.roles))
