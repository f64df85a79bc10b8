"""A dump of the data folder tells nobody who the demo's citizens are, or how to act as them."""

import os
from pathlib import Path

import pytest

from broker.guard import Caller
from broker.store.sqlite import SqliteStore
from consent.identity.book import IdentityBook
from consent.identity.key_ring import KeyRing
from consent.identity.model import Account
from consent.identity.passwords import Argon2
from consent.identity.secret import read_secret, secret_beside
from consent.identity.signing_in import SigningIn, handle_of
from consent.identity.usage import Usage
from consent.vault import open_vault
from machi.access import PEOPLE, hand_out, settle
from tests.support.asgi import Ticking
from tests.support.persons import holder, town

NAME, PASSWORD = "yamada-hanako", "four words are better"
PERSONAL = {
    "name": "山田 花子",
    "mail": "hanako.yamada@example.jp",
    "phone": "090-1234-5678",
    "pin:urn:ngsi-ld:AccessGrant:1": "48392017",
}


@pytest.fixture
async def secrets_of_the_town(tmp_path: Path) -> dict[str, str]:
    """Run a town for a while; return by its name each thing that must be in no file of it."""
    data = tmp_path / "data"
    handed = hand_out(data)
    known = {f"key of {name}": key for name, key in handed.keys.items()}
    known |= {f"password of {name}": word for name, _, word in settle(data)}
    book, secret = IdentityBook(data), read_secret(secret_beside(data))
    kept = Argon2().hash(PASSWORD)
    book.people.add(Account("hana", handle_of(NAME, secret), kept, frozenset({"citizen"})))
    session = await SigningIn(book.people, Argon2(), secret).sign_in(NAME, PASSWORD)
    known |= {"token": session.token, "account": NAME, "password": PASSWORD, "demo": handed.demo}
    developer = Caller("account:dora", "dora", frozenset({"developer"}))
    known["key of a developer"] = KeyRing(book, Usage(data)).make(developer)["key"]
    book.close()
    vault = open_vault(data, {})
    for kind, value in PERSONAL.items():
        await vault.put(holder("hana"), kind, value, f"for {value}")
    vault.close()
    async with town(SqliteStore(data, clock=Ticking()), data) as made:
        await made.open_up()
        await made.make(made.detection(1, "hana"), "tags")
        await made.make(made.consent("hana"), "account:hana")
        await made.found("rescue", "urn:ngsi-ld:DataPurpose:rescue")
    return known | PERSONAL


async def test_nothing_that_tells_a_citizen_is_in_the_data_folder(
    tmp_path: Path, secrets_of_the_town: dict[str, str]
):
    assert len(secrets_of_the_town) > len(PEOPLE) + len(PERSONAL)
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert {"machi.sqlite", "identity.sqlite", "vault.sqlite", "disclosures.log"} <= {
        path.name for path in files
    }
    for path in files:
        content = path.read_bytes()
        for what, text in secrets_of_the_town.items():
            assert os.fsencode(text) not in content, (path.name, what)
