"""Who may do what in one town: its identity book, its policies, the pinned context's names."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson

from broker.clock import now
from consent.guard import Clients, PolicyGuard
from consent.identity.book import IdentityBook
from consent.identity.file import IdentityError
from consent.identity.key_ring import KeyRing
from consent.identity.passwords import Argon2
from consent.identity.secret import read_secret, secret_beside
from consent.identity.signing_in import SigningIn
from consent.identity.usage import Usage
from consent.log.file import LogFile
from consent.log.log import SEALS, DisclosureLog
from consent.log.written import Written
from consent.policies.document import Expand
from consent.policies.living import LivingPolicies
from consent.policies.load import default_policies, expander, read_policies
from consent.releases.counting import Counting
from consent.releases.file import Releases
from consent.transform.pseudonyms import PSEUDONYMS
from consent.vault.master import derived, master_key
from consent.vault.opening import open_vault
from consent.vault.records import FILE
from smart_data_models.pinned import pinned

log = logging.getLogger("machi.broker")


@dataclass(frozen=True, slots=True)
class Access:
    """What a broker is given to ask."""

    guard: PolicyGuard
    accounts: SigningIn | None
    disclosures: Written


@dataclass(frozen=True, slots=True)
class Oidc:
    """An OpenID Connect provider: its issuer, whom its tokens are for, the file of roles."""

    issuer: str
    audience: str
    roles: Path | None = None


def expand() -> Expand:
    """Return what gives the IRIs of names in policies and keys: the pinned context."""
    return expander(orjson.loads(pinned())["@context"])


def town_access(
    data: Path,
    policies: Path | None = None,
    oidc: Oidc | None = None,
    shared: Path | None = None,
) -> Access:
    """Return the access to a data folder. `policies` takes the place of those that come along.

    Keys, accounts and secrets are in the folder `shared` where several brokers share them; what
    was shown to whom, and the sums that were released, are of each broker. With `oidc` people come
    with tokens of a provider instead of names and passwords. Raises IdentityError, PolicyError,
    VaultError, Unusable.
    """
    documents = default_policies() if policies is None else read_policies(policies)
    common = shared or data
    book = IdentityBook(common)
    secret = read_secret(secret_beside(common))
    clients = _with_provider(book, oidc, secret) if oidc else book
    usage = Usage(data)
    ring = KeyRing(book, usage)
    accounts = None if oidc else SigningIn(book.people, Argon2(), secret, keys=ring)
    guard = PolicyGuard(clients, (), now, usage=usage)
    guard.policies = LivingPolicies(documents, expand(), guard.decide_by)
    master = master_key(common)
    guard.key = derived(master, PSEUDONYMS)
    log = DisclosureLog(LogFile(data), derived(master, SEALS))
    counting = Counting(guard, Releases(data), now)
    return Access(guard, accounts, Written(guard, log, counting, partial(shred, data)))


async def shred(data: Path, subject: str) -> None:
    """Make what the vault of a data folder keeps of somebody unreadable, where it has one."""
    if not (data / FILE).exists():
        return
    vault = open_vault(data)
    try:
        await vault.shred(subject)
    finally:
        vault.close()


def _with_provider(book: IdentityBook, oidc: Oidc, secret: bytes) -> Clients:
    """Return the callers by tokens and keys. A provider that is away is asked again later."""
    from consent.identity.oidc import OidcClients
    from consent.identity.provider import Provider, ProviderFaulty
    from consent.identity.tokens import RoleMap, read_mapping

    try:
        roles = (
            RoleMap() if oidc.roles is None else read_mapping(orjson.loads(oidc.roles.read_bytes()))
        )
    except (OSError, ValueError) as error:
        raise IdentityError(f"{oidc.roles}: {error}. See docs/identity.md.") from error
    try:
        provider = Provider(oidc.issuer)
    except ProviderFaulty as error:
        raise IdentityError(str(error)) from error
    try:
        provider.read()
    except ProviderFaulty as error:
        log.warning("nobody can come with a token yet: %s", error)
    return OidcClients(book, provider, oidc.audience, roles, secret)
