"""Keys at hand: files beside the data folder, not in it, for who works at this machine.

They spare the owner of a town from naming a key with each command. Only the owner can read them.
"""

from __future__ import annotations

import os
from pathlib import Path

from consent.identity.book import IdentityBook
from consent.identity.keys import Token, make
from consent.identity.model import Client, Key


def folder_beside(data: Path) -> Path:
    """Return where the keys at hand of a data folder are: a folder of its name with `.keys`."""
    whole = data.resolve()
    return whole.with_name(whole.name + ".keys")


def at_hand(data: Path, name: str) -> str | None:
    """Return the key of a client that is at hand, None where there is none to be read."""
    try:
        return (folder_beside(data) / name).read_text().strip() or None
    except OSError:
        return None


def new_key(book: IdentityBook, client: Client, now: str, token: Token) -> str:
    """Make a key for a client in place of all it had, and return its text."""
    key_id, text, digest = make(token)
    book.renew(client, Key(key_id, client.name, digest, now))
    return text


def keep_at_hand(data: Path, book: IdentityBook, client: Client, now: str, token: Token) -> str:
    """Return the key of a client that is at hand and valid; where there is none, make one."""
    book.refresh()
    known = at_hand(data, client.name)
    if known is not None and book.holder(known, now) == client:
        return known
    text = new_key(book, client, now, token)
    folder = folder_beside(data)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / client.name
    path.unlink(missing_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, f"{text}\n".encode())
        os.fsync(file)
    finally:
        os.close(file)
    return text
