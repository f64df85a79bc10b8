"""Who may do what in one town: its identity book, its policies, the pinned context's names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson

from broker.clock import now
from consent.guard import PolicyGuard
from consent.identity.book import IdentityBook
from consent.identity.passwords import Argon2
from consent.identity.secret import read_secret, secret_beside
from consent.identity.signing_in import SigningIn
from consent.log.file import LogFile
from consent.log.log import SEALS, DisclosureLog
from consent.log.written import Written
from consent.policies.document import Expand
from consent.policies.load import default_policies, expander, read_policies, rules
from consent.vault.master import derived, master_key
from smart_data_models.vocabulary import pinned


@dataclass(frozen=True, slots=True)
class Access:
    """What a broker is given to ask."""

    guard: PolicyGuard
    accounts: SigningIn
    disclosures: Written


def expand() -> Expand:
    """Return what gives the IRIs of names in policies and keys: the pinned context."""
    return expander(orjson.loads(pinned())["@context"])


def town_access(data: Path, policies: Path | None = None) -> Access:
    """Return the access to a data folder. `policies` takes the place of those that come along.

    Raises IdentityError, PolicyError, VaultError, Unusable.
    """
    documents = default_policies() if policies is None else read_policies(policies)
    found = rules(documents, expand())
    book = IdentityBook(data)
    accounts = SigningIn(book.people, Argon2(), read_secret(secret_beside(data)))
    guard = PolicyGuard(book, found, now)
    log = DisclosureLog(LogFile(data), derived(master_key(data), SEALS))
    return Access(guard, accounts, Written(guard, log))
