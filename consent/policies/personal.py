"""Rules about persons' data: what consent, ownership and emergencies permit a caller (pure).

A type that a `consentBound` policy names is personal: policies of the kinds `publicOpen` and
`internal` say nothing about its entities. They are seen by the persons they are about, by whom a
`contractBound` policy names, and for a purpose by those to whom the persons agreed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from broker.guard import Action
from broker.query.ast import And, Compare, HasType, Node, Not, Op, Or, Path
from broker.query.rewrite import EVERYTHING
from consent.identity.model import Client, Role
from consent.policies.rule import Rule
from consent.records.model import (
    CONSENT,
    GUARDIAN,
    GUARDIANSHIP,
    HOLDER,
    OVERRIDE,
    PRINCIPAL,
    RECIPIENTS,
    STATE,
    Consent,
    Names,
)
from consent.records.register import Known

LOOKING: Final = frozenset((Action.READ, Action.SUBSCRIBE))
ALWAYS: Final = frozenset((CONSENT, GUARDIANSHIP, OVERRIDE))
"""Types that are personal whatever the policies say."""
_OPEN: Final = ("publicOpen", "internal")
_ONCE_GIVEN: Final = ("given", "withdrawn", "invalidated")
"""States of a consent that its recipients are told of: what was refused is nobody's business."""
_OWN: Final = LOOKING | {Action.CREATE, Action.UPDATE}


def holder_of(client: Client | None) -> str | None:
    """Return the holder id of a person who is signed in."""
    if client is None or client.user is None:
        return None
    return f"urn:ngsi-ld:Holder:{client.user}"


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, for what purpose, what for, where, and when."""

    client: Client | None
    purpose: str | None
    action: Action
    tenant: str
    now: str


class PersonalData:
    """What the policies say is personal: types, and attributes of further types."""

    def __init__(self, bound: Iterable[Rule]) -> None:
        """`bound` are the permissions of policies of the kind `consentBound`."""
        self._bound = tuple(bound)
        whole = [rule for rule in self._bound if rule.attributes is None]
        self.types = ALWAYS.union(*(rule.types or () for rule in whole))
        self.split = frozenset(iri for rule in self._bound for iri in rule.types or ())
        """Types of which something is personal."""
        self._parts = [rule for rule in self._bound if rule.attributes is not None]

    def rules(self, base: Iterable[Rule], asking: Asking, known: Known) -> list[Rule]:
        """Return what a caller may do: `base`, without what is personal, and what is permitted."""
        looks = asking.action in LOOKING
        rules = [one for rule in base for one in self._opened(rule)] if looks else list(base)
        rules += (rule for rule in self._own(asking, known) if asking.action in rule.actions)
        if looks:
            rules += self._agreed(asking, known)
            rules += _emergencies(asking, known, self.split)
        return rules

    def _opened(self, rule: Rule) -> list[Rule]:
        """Return what a permission of an open kind is without all that is personal."""
        if rule.kind not in _OPEN or not rule.permits:
            return [rule]
        rule = self._without(rule)
        hit = [part for part in self._parts if _meet(part.types, rule.types)]
        if not hit:
            return [rule]
        beside = Not(Or(tuple(part.rows for part in hit)))
        return [_where(rule, beside), *(_veiled(rule, part, hit) for part in hit)]

    def _without(self, rule: Rule) -> Rule:
        """Return a permission without the types that are personal."""
        hit = self.types if rule.types is None else self.types & rule.types
        if not hit:
            return rule
        return _where(rule, Not(Or(tuple(HasType(iri) for iri in sorted(hit)))))

    def _own(self, asking: Asking, known: Known) -> list[Rule]:
        """Return what persons may do with what is theirs, and officers with their tools."""
        client, rules = asking.client, []
        if client is None:
            return []
        own = holder_of(client)
        if own is not None:
            people = (own, *known.wards(own, asking.now))
            mine = Or((_is(PRINCIPAL, people), _is(GUARDIAN, (own,))))
            rules += [
                Rule("own", types=self.split, where=_is(HOLDER, people), kind="own"),
                Rule("own", types=frozenset((CONSENT,)), where=mine, actions=_OWN, kind="own"),
                Rule(
                    "own",
                    types=frozenset((GUARDIANSHIP,)),
                    where=Or((_is(HOLDER, (own,)), _is(GUARDIAN, (own,)))),
                    kind="own",
                ),
            ]
        if client.has(Role.OFFICER):
            tools = frozenset((OVERRIDE, GUARDIANSHIP))
            rules.append(Rule("officers", types=tools, actions=_OWN, kind="office"))
        where = And((_is(RECIPIENTS, _names(client)), _is(STATE, _ONCE_GIVEN)))
        rules.append(Rule("recipients", types=frozenset((CONSENT,)), where=where, kind="told"))
        return rules

    def _agreed(self, asking: Asking, known: Known) -> list[Rule]:
        """Return what persons agreed to, for this purpose and this recipient."""
        if asking.purpose is None or asking.client is None:
            return []
        groups: dict[tuple[frozenset[str], Names], list[str]] = defaultdict(list)
        names = frozenset(_names(asking.client))
        for consent in known.given(asking.purpose, asking.now):
            if not names.isdisjoint(consent.recipients):
                groups[consent.types, consent.attributes].append(consent.principal)
        found = []
        for rule in self._bound:
            if not rule.applies(asking.client, asking.purpose, asking.tenant, asking.now):
                continue
            for (types, attributes), holders in groups.items():
                shared = types if rule.types is None else types & rule.types
                if shared:
                    found.append(_covered(rule, shared, attributes, holders))
        return found


def basis(known: Known, purpose: str | None, holder: str, now: str) -> Consent | None:
    """Return the consent of a person to a purpose that holds, None where there is none."""
    if purpose is None:
        return None
    return next((one for one in known.given(purpose, now) if one.principal == holder), None)


def _where(rule: Rule, condition: Node) -> Rule:
    """Return a rule about those entities only for which a condition holds too."""
    where = condition if rule.where == EVERYTHING else And((rule.where, condition))
    return replace(rule, where=where)


def _meet(one: Names, other: Names) -> bool:
    return one is None or other is None or not one.isdisjoint(other)


def _veiled(rule: Rule, part: Rule, parts: Iterable[Rule]) -> Rule:
    """Return a rule about the entities of a part, without the attributes that are personal."""
    veiled = frozenset[str]().union(
        *(each.attributes or () for each in parts if _meet(each.types, part.types))
    )
    shown = None if rule.attributes is None else rule.attributes - veiled
    return replace(_where(rule, part.rows), attributes=shown, veiled=veiled)


def _covered(rule: Rule, types: frozenset[str], attributes: Names, holders: list[str]) -> Rule:
    if rule.attributes is None or attributes is None:
        shown = attributes if rule.attributes is None else rule.attributes
    else:
        shown = rule.attributes & attributes
    if shown is not None:
        shown |= {HOLDER}
    where = And((rule.where, _is(HOLDER, tuple(sorted(set(holders))))))
    return replace(rule, types=types, attributes=shown, where=where, assignees=None, purposes=None)


def _emergencies(asking: Asking, known: Known, types: frozenset[str]) -> list[Rule]:
    if asking.client is None or not asking.client.has(Role.OFFICER):
        return []
    name = asking.client.user or asking.client.name
    return [
        Rule(
            one.id,
            types=one.types & types,
            where=EVERYTHING if one.holders is None else _is(HOLDER, tuple(sorted(one.holders))),
            kind="override",
        )
        for one in known.open_overrides(name, asking.now)
        if one.types & types
    ]


def _names(client: Client) -> tuple[str, ...]:
    """Return the names by which a recipient is told: as those of policies' assignees."""
    found = {f"client:{client.name}"}
    for role in client.roles:
        found |= {f"role:{role}", f"role:{role.partition(':')[0]}"}
    return tuple(sorted(found))


def _is(iri: str, people: tuple[str, ...]) -> Node:
    return Compare(Path((iri,)), Op.EQ, people)
