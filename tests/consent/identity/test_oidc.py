"""Callers by tokens of a provider that serves its keys over HTTP."""

import hashlib
import hmac
import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.guard import Action
from broker.store.memory import MemoryStore
from consent.guard import PolicyGuard
from consent.identity.book import IdentityBook
from consent.identity.oidc import OidcClients
from consent.identity.provider import PAUSE, Provider, ProviderFaulty
from consent.identity.tokens import LEEWAY, RoleMap, read_mapping, roles_of
from consent.policies.rule import Rule
from tests.support.asgi import Client, Ticking, running
from tests.support.provider import AUDIENCE
from tests.support.provider import Provider as Real

NOW = 1_800_000_000.0
ENTITIES = "/ngsi-ld/v1/entities?type=T"
ROLES = RoleMap(("realm_access", "roles"), {"river-team": "staff:river"})
RIVER: dict[str, Any] = {"realm_access": {"roles": ["river-team", "tennis"]}}


class Moment:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def real() -> Iterator[Real]:
    made = Real()
    made.make("first")
    made.make("curve", "ES256")
    with made.running():
        yield made


class Town:
    """What decides on tokens, and the clock it looks at."""

    def __init__(self, real: Real, folder: Path) -> None:
        self.real = real
        self.clock = Moment()
        self.provider = Provider(real.issuer, monotonic=self.clock)
        self.provider.read()
        self.clients = OidcClients(
            IdentityBook(folder), self.provider, AUDIENCE, ROLES, b"s" * 32, self.clock
        )

    def known(self, token: str) -> bool:
        """Tell whether a token stands for somebody."""
        return self.clients.holder(token, "2027-01-15T08:00:00.000000Z") is not None

    def renewed(self) -> None:
        """Wait until no keys are being read."""
        for thread in threading.enumerate():
            if thread.name == "oidc-keys":
                thread.join(30)


@pytest.fixture
def town(real: Real, tmp_path: Path) -> Town:
    return Town(real, tmp_path)


@pytest.mark.parametrize(
    ("key", "alg"), [("first", "RS256"), ("first", "PS256"), ("curve", "ES256")]
)
def test_token_of_the_provider_stands_for_a_person(town: Town, key: str, alg: str):
    client = town.clients.holder(town.real.token(NOW, key, alg, **RIVER), "")
    assert client is not None
    assert client.roles == {"staff:river"}
    assert client.user is not None
    assert "hanako" not in repr(client)
    assert town.clients.client(client.name) == client


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": None},
        {"sub": None},
        {"exp": None},
        {"exp": NOW - LEEWAY - 1},
        {"nbf": NOW + LEEWAY + 1},
    ],
)
def test_token_of_others_for_others_or_of_another_time_opens_nothing(town: Town, claims: Any):
    assert not town.known(town.real.token(NOW, "first", **claims))


@pytest.mark.parametrize("claims", [{"exp": int(NOW) - LEEWAY + 1}, {"nbf": int(NOW) + LEEWAY}])
def test_clocks_may_differ_a_little(town: Town, claims: Any):
    assert town.known(town.real.token(NOW, "first", **claims))


def encoded(value: Any) -> str:
    """Return a part of a token."""
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def claims(town: Town) -> dict[str, Any]:
    """Return claims that would do."""
    return {"iss": town.real.issuer, "aud": AUDIENCE, "sub": "hanako", "exp": NOW + 300}


def test_token_without_a_signature_opens_nothing(town: Town):
    for alg in ("none", "None", ""):
        assert not town.known(f"{encoded({'alg': alg, 'kid': 'first'})}.{encoded(claims(town))}.")


def test_token_signed_with_the_public_key_as_a_secret_opens_nothing(town: Town):
    public = town.real.keys["first"].as_pem(private=False)
    signed = f"{encoded({'alg': 'HS256', 'kid': 'first'})}.{encoded(claims(town))}"
    digest = hmac.new(public, signed.encode(), hashlib.sha256).digest()
    assert not town.known(f"{signed}.{urlsafe_b64encode(digest).rstrip(b'=').decode()}")


def test_token_with_a_key_of_its_own_opens_nothing(town: Town):
    other = Real()
    other.issuer = town.real.issuer
    other.make("first")
    own = other.keys["first"].as_dict(private=False)
    assert not town.known(other.token(NOW, "first", header={"jwk": own}))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_token_changed_anywhere_opens_nothing(town: Town, place: int):
    parts = town.real.token(NOW, "first").split(".")
    letter = "A" if parts[place][5] != "A" else "B"
    parts[place] = parts[place][:5] + letter + parts[place][6:]
    assert not town.known(".".join(parts))


def test_what_goes_on_ends_with_the_token(town: Town):
    token = town.real.token(NOW, "first", exp=int(NOW) + 600)
    assert town.known(token)
    shown = town.clients.credential(token)
    assert token not in shown
    for later, opens in ((599, True), (600 + LEEWAY, False)):
        town.clock.now = NOW + later
        assert town.clients.opens("account:o-1", shown, "") is opens


def test_new_key_is_found_and_the_provider_is_asked_no_more_than_now_and_then(town: Town):
    town.clock.now += PAUSE
    town.real.make("second")
    token = town.real.token(town.clock.now, "second")
    asked = town.real.asked
    assert not town.known(token)
    town.renewed()
    assert town.known(token)
    for number in range(20):
        town.real.make("stranger")
        forged = town.real.token(town.clock.now, "stranger", header={"kid": f"no-{number}"})
        del town.real.keys["stranger"]
        assert not town.known(forged)
    town.renewed()
    assert town.real.asked == asked + 1


def test_key_that_the_provider_gave_up_opens_nothing_once_keys_are_read_again(town: Town):
    town.real.make("old")
    town.provider.read()
    token = town.real.token(NOW, "old")
    assert town.known(token)
    del town.real.keys["old"]
    town.provider.read()
    assert not town.known(token)


def test_provider_that_is_away_leaves_the_keys_as_they_were(town: Town):
    town.real.away = True
    try:
        with pytest.raises(ProviderFaulty):
            town.provider.read()
    finally:
        town.real.away = False
    assert town.known(town.real.token(NOW, "first"))


@pytest.mark.parametrize("issuer", ["http://id.example", "file:///etc/passwd", "https://", "id"])
def test_issuer_without_tls_elsewhere_is_refused(issuer: str):
    with pytest.raises(ProviderFaulty):
        Provider(issuer)


@pytest.mark.parametrize(
    ("mapping", "claims", "roles"),
    [
        ({}, {"roles": ["citizen", "king"]}, {"citizen"}),
        ({}, {"roles": "staff:river"}, {"staff:river"}),
        (
            {"claim": "groups", "roles": {"g1": "officer"}},
            {"groups": ["g1", "citizen"]},
            {"officer"},
        ),
        ({"claim": "a.b"}, {"a": {"b": ["app"]}}, {"app"}),
        ({"claim": "a.b"}, {"a": ["app"]}, set()),
        ({}, {"roles": [1, None, {}]}, set()),
    ],
)
def test_claims_become_roles_as_the_mapping_says(mapping: Any, claims: Any, roles: set[str]):
    assert roles_of(claims, read_mapping(mapping)) == roles


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ([], "/:"),
        ({"x": 1}, "/:"),
        ({"claim": 1}, "/claim"),
        ({"roles": []}, "/roles"),
        ({"roles": {"g1": "king"}}, "/roles/g1"),
    ],
)
def test_mapping_that_cannot_be_read_says_where(told: Any, place: str):
    with pytest.raises(ValueError, match=place):
        read_mapping(told)


@pytest.fixture
async def client(town: Town) -> AsyncIterator[Client]:
    """Give a broker with an entity that the river's staff see."""
    rules = [
        Rule("river", assignees=frozenset({"role:staff:river"})),
        Rule("anybody", actions=frozenset({Action.CREATE})),
    ]
    guard = PolicyGuard(town.clients, rules, Ticking())
    async with running(MemoryStore(clock=Ticking()), guard=guard) as made:
        await made.post("/ngsi-ld/v1/entities", {"id": "urn:x:1", "type": "T"})
        yield made


async def seen(client: Client, token: str) -> int:
    """Return how many entities a token's bearer sees."""
    answer = await client.get(ENTITIES, {"authorization": f"Bearer {token}"})
    return len(answer.json()) if answer.status == 200 else -answer.status


async def test_request_with_a_token_is_decided_by_its_roles(town: Town, client: Client):
    cases: list[tuple[dict[str, Any], int]] = [(RIVER, 1), ({}, 0), ({"aud": "another"}, -401)]
    for given, count in cases:
        assert await seen(client, town.real.token(NOW, "first", **given)) == count


async def test_roles_of_the_newest_token_count(town: Town, client: Client):
    assert await seen(client, town.real.token(NOW, "first", **RIVER)) == 1
    assert await seen(client, town.real.token(NOW, "first", iat=int(NOW) + 1)) == 0
