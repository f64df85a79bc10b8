"""The guard of one town: its identity book, its policies, the pinned context's names."""

from __future__ import annotations

from pathlib import Path

import orjson

from broker.clock import now
from consent.guard import PolicyGuard
from consent.identity.book import IdentityBook
from consent.policies.document import Expand
from consent.policies.load import default_policies, expander, read_policies, rules
from smart_data_models.vocabulary import pinned


def expand() -> Expand:
    """Return what gives the IRIs of names in policies and keys: the pinned context."""
    return expander(orjson.loads(pinned())["@context"])


def town_guard(data: Path, policies: Path | None = None) -> PolicyGuard:
    """Return the guard of a data folder. `policies` takes the place of those that come with Machi.

    Raises IdentityError, PolicyError.
    """
    documents = default_policies() if policies is None else read_policies(policies)
    return PolicyGuard(IdentityBook(data), rules(documents, expand()), now)
