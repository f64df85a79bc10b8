"""Who may do what in `machi up`: keys for its own processes, and what its owner is shown.

Keys of processes are made anew at each start and handed over by environment; what they may do is
said by the policies that come along (`consent/policies/town.json`), by their names.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from broker.clock import now
from consent.identity.at_hand import keep_at_hand, new_key
from consent.identity.book import IdentityBook
from consent.identity.model import Account, Client, Role
from consent.identity.passwords import Argon2
from consent.identity.secret import read_secret, secret_beside
from consent.identity.signing_in import handle_of
from machi.process import Role as Process

HANDED: Final[dict[str, tuple[str, ...]]] = {
    "adapters": ("river_gauge", "bridge_light", "zigbee_lock", "key_box", "remotelock"),
    "alerts": ("alerts",),
    "portal": ("portal",),
    "staff": ("staff",),
    "bookings": ("bookings", "kijiko"),
    "kijiko": ("kijiko",),
}
"""The clients whose keys each process is handed."""
OPERATOR: Final = Client("operator", frozenset({Role.ADMINISTRATOR}))
"""Whoever is at this machine: `machi tail`, `machi replay` and the other commands."""
SEED: Final = Client("seed", frozenset({Role.ADMINISTRATOR}))
DEMO: Final = Client("demo", frozenset({Role.DEVELOPER}), tenants=frozenset({""}), rate=50)
"""Whoever tries the README's lines."""
PEOPLE: Final[tuple[tuple[str, str], ...]] = (
    ("citizen", "citizen"),
    ("guardian", "guardian"),
    ("disaster-1", "staff:disaster"),
    ("disaster-2", "staff:disaster"),
    ("river", "staff:river"),
    ("facilities", "staff:facilities"),
    ("treasury-1", "staff:finance"),
    ("treasury-2", "staff:finance"),
    ("developer", "developer"),
    ("officer", "officer:privacy"),
    ("ethics", "officer:ethics"),
    ("administrator", "administrator"),
)
"""The demo's accounts: name and role."""
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Handed:
    """Keys by client, for the town's processes and its planting; `demo` is for its owner."""

    keys: dict[str, str] = field(repr=False)
    demo: str = field(repr=False)

    def to(self, process: Process) -> Process:
        """Return a process that is handed its keys by its environment too."""
        clients = HANDED.get(process.name, ())
        handed = {f"MACHI_KEY_{name.upper()}": self.keys[name] for name in clients}
        return replace(process, environment={**process.environment, **handed})


def hand_out(data: Path) -> Handed:
    """Make the keys of this run. Raises IdentityError."""
    moment, token = now(), secrets.token_bytes
    book = IdentityBook(data)
    try:
        clients = [
            Client(name, frozenset({Role.DEVICE if process == "adapters" else Role.APP}))
            for name, process in {n: p for p, names in HANDED.items() for n in names}.items()
        ]
        keys = {each.name: new_key(book, each, moment, token) for each in (SEED, *clients)}
        keep_at_hand(data, book, OPERATOR, moment, token)
        return Handed(keys, keep_at_hand(data, book, DEMO, moment, token))
    finally:
        book.close()


def settle(data: Path) -> list[tuple[str, str, str]]:
    """Make the demo's accounts where there are none; return (name, role, password) of each made.

    Takes about a tenth of a second of processor time for each. Raises IdentityError.
    """
    secret, hasher = read_secret(secret_beside(data)), Argon2()
    book = IdentityBook(data)
    try:
        if book.people.accounts():
            return []
        made = []
        for name, role in PEOPLE:
            password = "-".join(_word() for _ in range(4))
            kept = hasher.hash(password)
            account = f"u-{secrets.token_hex(8)}"
            handle = handle_of(name, secret)
            book.people.add(Account(account, handle, kept, frozenset({role})))
            made.append((name, role, password))
        return made
    finally:
        book.close()


def _word() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(4))
