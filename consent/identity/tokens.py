"""Tokens of an OpenID Connect provider: JWT → claims, and claims → a caller (pure).

A token counts if a key of the provider signed it with an algorithm that has two keys (a public one
cannot sign), if its issuer and audience are the ones expected, and if it has begun and not ended.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from consent.identity.model import Client, Role

ALGORITHMS: Final = ("RS256", "PS256", "ES256")
LEEWAY: Final = 60
"""Seconds by which the provider's clock and ours may differ."""
LONGEST: Final = 16_384
"""Characters of a token."""

Claims = dict[str, Any]


class TokenRefused(Exception):
    """A token opens nothing; the text says why, without anything of the token."""


class UnknownKey(TokenRefused):
    """A token is signed with a key that is not known: the provider may have a new one."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What tokens must say: who issued them, and for whom."""

    issuer: str
    audience: str


@dataclass(frozen=True, slots=True)
class RoleMap:
    """How claims become roles: the path of the claim, and the role of each of its values.

    Without `roles` a value is a role itself if there is one of its name.
    """

    claim: tuple[str, ...] = ("roles",)
    roles: Mapping[str, str] = field(default_factory=dict)


def is_token(text: str) -> bool:
    """Tell whether a bearer token has the form of a signed JWT."""
    return text.count(".") == 2 and len(text) <= LONGEST


def verified(text: str, keys: KeySet, expected: Expected, now: float) -> Claims:
    """Return the claims of a token at a time (s since 1970). Raises TokenRefused, UnknownKey."""
    header = _header(text)
    if header.get("alg") not in ALGORITHMS:
        raise TokenRefused(f"Tokens are signed with one of {', '.join(ALGORITHMS)}.")
    key_id = header.get("kid")
    known = [key for key in keys.keys if key.kid == key_id and key.get("use", "sig") == "sig"]
    if not known:
        raise UnknownKey("The token is signed with a key that the provider does not have.")
    registry = jwt.JWTClaimsRegistry(
        now=int(now),
        leeway=LEEWAY,
        iss={"essential": True, "value": expected.issuer},
        aud={"essential": True, "value": expected.audience},
        exp={"essential": True},
        sub={"essential": True},
    )
    try:
        token = jwt.decode(text, known[0], algorithms=list(ALGORITHMS))
        registry.validate(token.claims)
    except (JoseError, ValueError, TypeError) as error:
        raise TokenRefused(f"The token does not count ({_why(error)}).") from error
    return dict(token.claims)


def client_of(claims: Claims, mapping: RoleMap, secret: bytes) -> Client:
    """Return the caller that claims stand for; of its subject only a keyed digest is told."""
    subject = f"{claims['iss']}\n{claims['sub']}".encode()
    user = "o-" + blake2b(subject, key=secret, digest_size=8).hexdigest()
    return Client(f"account:{user}", roles_of(claims, mapping), user=user)


def roles_of(claims: Claims, mapping: RoleMap) -> frozenset[str]:
    """Return the roles that claims give."""
    value: Any = claims
    for name in mapping.claim:
        value = value.get(name) if isinstance(value, dict) else None
    named = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    texts = [each for each in named if isinstance(each, str)]
    given = [mapping.roles.get(each) for each in texts] if mapping.roles else texts
    return frozenset(each for each in given if each and each.partition(":")[0] in list(Role))


def read_mapping(told: Any) -> RoleMap:
    """Return the mapping in a JSON document. Raises ValueError, which says where it is wrong.

    {"claim": "realm_access.roles", "roles": {"river-team": "staff:river"}}
    """
    if not isinstance(told, dict) or told.keys() - {"claim", "roles"}:
        raise ValueError("/: only `claim` and `roles` are known")
    claim, roles = told.get("claim", "roles"), told.get("roles", {})
    if not isinstance(claim, str) or not claim:
        raise ValueError("/claim: this is no name of a claim, such as groups or realm_access.roles")
    if not isinstance(roles, dict):
        raise ValueError("/roles: this is no object")
    for value, role in roles.items():
        if not isinstance(role, str) or role.partition(":")[0] not in list(Role):
            raise ValueError(f"/roles/{value}: no role; write one of {', '.join(Role)}")
    return RoleMap(tuple(claim.split(".")), roles)


def _header(text: str) -> dict[str, Any]:
    part = text.partition(".")[0]
    try:
        told = orjson.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError as error:
        raise TokenRefused("The token is no JWT.") from error
    if not isinstance(told, dict):
        raise TokenRefused("The token is no JWT.")
    return told


def _why(error: Exception) -> str:
    claim = getattr(error, "claim", None)
    kind = getattr(error, "error", None) or type(error).__name__
    return f"{claim}: {kind}" if claim else str(kind)
