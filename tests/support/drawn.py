"""Random policies about persons' data, and a plain model of what they and consents allow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import strategies as st

from consent.identity.model import Client
from consent.records.model import NS
from smart_data_models.own import iri
from tests.support.persons import FEW, POLICIES, RESCUE, RSSI, SHOPS, TAG, WRITES, people, policy

GRANT: Final = NS + "AccessGrant"
REGISTRATION: Final = NS + "EvacueeRegistration"
RIVER: Final = NS + "RiverLevelStation"
PERSONAL: Final = (TAG, GRANT, REGISTRATION)
OTHER: Final = iri("tagRef")
ATTRIBUTES: Final = (RSSI, OTHER)
PEOPLE: Final = ("hana", "taro")

SCOPES: Final[dict[str, tuple[str, ...]]] = {RESCUE: PERSONAL, SHOPS: (GRANT,), FEW: (TAG, GRANT)}
SHARED: Final[dict[str, tuple[str, ...]]] = {RESCUE: ATTRIBUTES, SHOPS: ATTRIBUTES, FEW: (RSSI,)}
RECIPIENT: Final = {RESCUE: "rescue", FEW: "rescue", SHOPS: "shops"}
"""What a consent to a purpose is about, what of it is shared, and with whom."""

CALLERS: Final = (
    ("", ""),
    ("app", ""),
    ("office", ""),
    ("admin", ""),
    ("rescue", RESCUE),
    ("rescue", FEW),
    ("shops", SHOPS),
    ("shops", RESCUE),
    ("tags", ""),
    ("account:hana", ""),
)


@dataclass(frozen=True)
class Drawn:
    """One policy: of a kind, to some callers, about some types and one attribute or all."""

    kind: str
    permits: bool
    types: frozenset[str]
    attribute: str | None
    assignee: str | None
    transform: str | None
    person: str | None

    def document(self, number: int) -> dict[str, Any]:
        """Return it as a `DataUsePolicy`."""
        target: dict[str, Any] = {"types": sorted(self.types)}
        if self.attribute is not None:
            target["attributes"] = [self.attribute]
        if self.person is not None:
            target["ids"] = [entity_id(kind, self.person) for kind in PERSONAL]
        more: dict[str, Any] = {}
        if self.assignee is not None:
            more["assignee"] = [self.assignee]
        if self.transform is not None:
            more["transform"] = [{"op": self.transform, "attribute": RSSI}]
        told = policy(f"drawn-{number}", self.kind, target, **more)
        if not self.permits:
            told["odrl"] = {"@type": "Set", "prohibition": [{"action": ["read", "subscribe"]}]}
        return told

    def is_about(self, caller: Client, kind: str, person: str, attribute: str | None) -> bool:
        """Tell whether it is about a caller and an entity, or an attribute of one."""
        named = self.assignee is None or _names(caller, self.assignee)
        there = kind in self.types and self.person in (None, person)
        return named and there and (attribute is None or self.attribute in (None, attribute))


def entity_id(kind: str, person: str) -> str:
    """Return the id of the entity of a kind that is about a person."""
    return f"urn:ngsi-ld:{kind.rpartition('#')[2]}:{person}"


def _names(caller: Client, assignee: str) -> bool:
    kind, _, name = assignee.partition(":")
    return caller.name == name if kind == "client" else caller.has(name)


def _policy_of(kind: str, assignee: str) -> st.SearchStrategy[Drawn]:
    return st.builds(
        Drawn,
        kind=st.just(kind),
        permits=st.sampled_from([True, True, False]),
        types=st.frozensets(st.sampled_from(PERSONAL), min_size=1),
        attribute=st.sampled_from([None, *ATTRIBUTES]),
        assignee=st.none() if kind == "publicOpen" else st.just(assignee),
        transform=st.sampled_from([None, None, "drop", "hash"]),
        person=st.sampled_from([None, None, *PEOPLE]),
    )


ASSIGNEES: Final = (
    *("role:app", "role:staff", "role:developer", "role:citizen"),
    *("client:rescue", "client:shops", "client:app"),
)
KINDS: Final = ("publicOpen", "internal", "contractBound", "contractBound")
DRAWN: Final = st.lists(
    st.tuples(st.sampled_from(KINDS), st.sampled_from(ASSIGNEES)).flatmap(
        lambda given: _policy_of(*given)
    ),
    max_size=4,
)


@dataclass
class Policies:
    """Those a town has: what every town needs, consent to each personal type, and drawn ones.

    `split` are the types of which just one attribute is personal.
    """

    split: frozenset[str]
    drawn: list[Drawn]

    def documents(self) -> list[dict[str, Any]]:
        """Return all of them as documents."""
        base = [one for one in POLICIES if not one["id"].endswith((":tags", ":tag-service"))]
        service = {"assignee": ["client:tags"], "actions": WRITES}
        return [
            *base,
            *(self._bound(number, kind) for number, kind in enumerate(PERSONAL)),
            policy("service", "contractBound", {"types": list(PERSONAL)}, **service),
            *(one.document(number) for number, one in enumerate(self.drawn)),
        ]

    def _bound(self, number: int, kind: str) -> dict[str, Any]:
        target: dict[str, Any] = {"types": [kind]}
        if kind in self.split:
            target["attributes"] = [RSSI]
        return policy(
            f"bound-{number}",
            "consentBound",
            target,
            assignee=["client:rescue", "client:shops"],
            purposes=[RESCUE, SHOPS, FEW],
        )


@dataclass
class Model:
    """Who may see what, said plainly."""

    policies: Policies
    agreed: set[tuple[str, str]] = field(default_factory=set)
    suspended: set[str] = field(default_factory=set)
    _callers: dict[str, Client] = field(
        default_factory=lambda: {"": Client(""), **{one.name: one for one in people()}}
    )

    def shows(
        self, name: str, purpose: str, kind: str, person: str, attribute: str | None, *, raw: bool
    ) -> bool:
        """Tell whether a caller may see an attribute of a person, or with None the entity.

        `raw` asks for the attribute as it is; else it may also be transformed.
        """
        caller = self._callers[name]

        def about(one: Drawn) -> bool:
            return one.is_about(caller, kind, person, attribute)

        if any(about(one) for one in self.policies.drawn if _hides(one, attribute)):
            return False
        if name == "tags" or (caller.user == person):
            return True
        if self._agreed_to(name, purpose, kind, person, attribute):
            return True
        open_too = kind in self.policies.split and attribute != RSSI
        permitted: Iterable[Drawn] = (
            one
            for one in self.policies.drawn
            if one.permits and (one.kind == "contractBound" or open_too)
        )
        changed: Callable[[Drawn], bool] = lambda one: (  # noqa: E731
            raw and attribute == RSSI and one.transform is not None
        )
        if any(about(one) and not changed(one) for one in permitted):
            return True
        return open_too and name in ("app", "office", "admin")

    def _agreed_to(
        self, name: str, purpose: str, kind: str, person: str, attribute: str | None
    ) -> bool:
        return (
            (person, purpose) in self.agreed
            and purpose not in self.suspended
            and RECIPIENT[purpose] == name
            and kind in SCOPES[purpose]
            and (attribute is None or attribute in SHARED[purpose])
            and (attribute is None or kind not in self.policies.split or attribute == RSSI)
        )


def _hides(one: Drawn, attribute: str | None) -> bool:
    """Tell whether a policy is a prohibition that takes an attribute, or an entity, away whole."""
    return not one.permits and (attribute is not None or one.attribute is None)
