"""What the book keeps of clients and keys."""

import secrets
from pathlib import Path

import pytest

from consent.identity import keys
from consent.identity.book import IdentityBook
from consent.identity.file import FILE, IdentityError, IdentityFile
from consent.identity.model import Client, Key, Own

NOW = "2026-11-26T00:00:00.000000Z"
LATER = "2026-11-27T00:00:00.000000Z"
PORTAL = Client("portal", frozenset({"app"}), frozenset({"urn:p:1"}), frozenset({"", "drill"}))


def given(book: IdentityBook, client: Client = PORTAL, expires: str | None = None) -> str:
    """Make a key for a client and return its text."""
    key_id, text, digest = keys.make(secrets.token_bytes)
    book.put(client)
    book.add(Key(key_id, client.name, digest, NOW, expires))
    book.refresh()
    return text


def test_key_stands_for_its_client(tmp_path: Path):
    book = IdentityBook(tmp_path)
    assert book.holder(given(book), NOW) == PORTAL


def test_client_reads_back_as_it_was_written(tmp_path: Path):
    gauge = Client("gauge", frozenset({"device"}), own=(Own("urn:x:1", frozenset({"level"})),))
    book = IdentityBook(tmp_path)
    book.put(gauge)
    assert IdentityBook(tmp_path).clients() == [gauge]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1] + ("a" if text[-1] != "a" else "b"),
        lambda text: text.upper(),
        lambda text: text + "a",
        lambda text: f"mk_00000000{text[11:]}",
        lambda text: "",
    ],
)
def test_text_that_differs_anywhere_opens_nothing(tmp_path: Path, spoil):
    book = IdentityBook(tmp_path)
    assert book.holder(spoil(given(book)), NOW) is None


def test_key_opens_nothing_from_its_end_on(tmp_path: Path):
    book = IdentityBook(tmp_path)
    text = given(book, expires=LATER)
    assert book.holder(text, NOW) == PORTAL
    assert book.holder(text, LATER) is None


def test_key_revoked_by_another_process_opens_nothing_after_the_next_look(tmp_path: Path):
    book, other = IdentityBook(tmp_path), IdentityBook(tmp_path)
    text = given(book)
    other.revoke(keys.id_of(text) or "", NOW)
    before = book.generation
    assert book.refresh() > before
    assert book.holder(text, NOW) is None


def test_client_removed_takes_its_keys_along(tmp_path: Path):
    book = IdentityBook(tmp_path)
    text = given(book)
    book.remove("portal")
    book.put(PORTAL)
    book.refresh()
    assert (book.holder(text, NOW), book.keys()) == (None, [])


def test_nothing_in_the_folder_has_the_text_of_a_key(tmp_path: Path):
    text = given(IdentityBook(tmp_path))
    for file in tmp_path.iterdir():
        assert text.encode() not in file.read_bytes()
        assert text[12:].encode() not in file.read_bytes()


def test_file_is_for_its_owner_alone(tmp_path: Path):
    IdentityBook(tmp_path)
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_key_of_an_unknown_client_is_refused(tmp_path: Path):
    with pytest.raises(IdentityError, match="no client nobody"):
        IdentityBook(tmp_path).add(Key("00000000", "nobody", b"", NOW))


def test_unknown_key_and_client_are_said(tmp_path: Path):
    book = IdentityBook(tmp_path)
    with pytest.raises(IdentityError, match="no key 0123"):
        book.revoke("0123", NOW)
    with pytest.raises(IdentityError, match="no client nobody"):
        book.remove("nobody")


def test_file_of_a_newer_version_is_left_alone(tmp_path: Path):
    file = IdentityFile(tmp_path)
    file.run("PRAGMA user_version = 99")
    file.close()
    with pytest.raises(IdentityError, match="newer Machi"):
        IdentityBook(tmp_path)


def test_file_that_is_none_is_left_alone(tmp_path: Path):
    (tmp_path / FILE).write_bytes(b"something else" * 100)
    with pytest.raises(IdentityError, match="no identity file"):
        IdentityBook(tmp_path)
