"""`DataUsePolicy` documents: JSON → rules, in a small closed profile of ODRL 2.2.

A policy is a flat (key-values) `DataUsePolicy`:

    {"id": uri, "type": "DataUsePolicy", "status": "active" | "draft" | "retired",
     "policyKind": "publicOpen" | "internal" | "contractBound" | "consentBound" | "aggregateOnly",
     "odrl": {"@type": "Set", "permission" or "prohibition":
              [{"action": ["read", …], "constraint": [dateTime or purpose]?}, …]},
     "target": {"types": [name, …]?, "attributes": [name, …]?, "ids": [uri, …]?, "q": q?,
                "scope": scopeQ?, "area": GeoJSON polygon?, "tenants": [name, …]?},
     "assignee": ["role:staff" | "role:staff:river" | "client:portal", …]?,
     "purposes": [uri of a DataPurpose, …]?}

Closed: what the profile does not know is refused, for a condition that is read over would open
more than was meant. Only `publicOpen` and `aggregateOnly` go without assignees. `consentBound`
permits what persons agreed to, and takes its target out of the other kinds but `contractBound`
(`consent.policies.personal`). `aggregateOnly` shows no entity: it lets people be counted
(`consent.releases`) by two `transform`s of the op `count`, an attribute and a time with its step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NoReturn, TypeAlias

from broker.errors import MachiError
from broker.guard import Action
from broker.model.times import is_datetime, sortable
from broker.query.ast import And, Geo, Node
from broker.query.geo import parse_geo
from broker.query.q import parse_q
from broker.query.scopes import parse_scope_query
from consent.identity.model import Role
from consent.policies.rule import Rule
from consent.transform.apply import Op, Transform
from consent.transform.counts import PARTNERS

Expand: TypeAlias = Callable[[str], str]
"""From the name of a type or attribute to its IRI."""

LOCATION: Final = "https://uri.etsi.org/ngsi-ld/location"
KINDS: Final = ("publicOpen", "internal", "contractBound", "consentBound", "aggregateOnly")
_OPEN: Final = ("publicOpen", "aggregateOnly")
"""Kinds that may go without assignees."""
MEMBERS: Final = {
    *("@context", "id", "type", "status", "policyKind", "odrl", "target", "assignee", "purposes"),
    *("minimumGroupSize", "transform", "name", "description"),
}
_STEPS: Final = (3600, 7200, 10_800, 14_400, 21_600, 28_800, 43_200, 86_400)
"""Steps of time in seconds that people may be counted by: parts of a day, an hour at least."""
_TARGET: Final = {"types", "attributes", "ids", "q", "scope", "area", "tenants"}
_ASSIGNEE = re.compile(r"client:[\w.:-]{1,200}|role:([a-z]+)(:[\w-]{1,100})?")


class PolicyError(Exception):
    """A policy cannot be read. The text names the policy, the place in it and the remedy."""

    def __init__(self, policy: str, place: str = "", detail: str = "", remedy: str = "") -> None:
        super().__init__(f"{policy}, {place}: {detail}. {remedy}" if detail else policy)
        self.place = place
        self.detail = detail or policy
        self.remedy = remedy or "See docs/identity.md for the form of a policy."


def rules_of(document: Any, expand: Expand) -> list[Rule]:
    """Return the rules of an active policy; of others there are none. Raises PolicyError."""
    policy = _Policy(document)
    rules = list(policy.rules(expand))
    return rules if policy.active else []


class _Policy:
    def __init__(self, document: Any) -> None:
        if not isinstance(document, dict) or document.get("type") != "DataUsePolicy":
            raise PolicyError("A policy is a JSON object of the type DataUsePolicy.")
        self._id = document.get("id")
        if not isinstance(self._id, str) or not self._id.startswith("urn:"):
            raise PolicyError("A policy needs an id, such as urn:ngsi-ld:DataUsePolicy:open-data.")
        self._document = document
        self._closed("", document, MEMBERS)
        self._one_of("/status", document.get("status"), ("active", "draft", "retired"))
        self.active = document["status"] == "active"
        self._kind = document.get("policyKind")
        self._one_of("/policyKind", self._kind, KINDS)

    def rules(self, expand: Expand) -> Iterator[Rule]:
        target = self._object("/target", self._document.get("target"))
        self._closed("/target", target, _TARGET)
        odrl = self._object("/odrl", self._document.get("odrl"))
        self._closed(
            "/odrl", odrl, {"@type", "@context", "uid", "profile", "permission", "prohibition"}
        )
        common: dict[str, Any] = {
            "policy": self._id,
            "types": self._names(target, "types", expand),
            "attributes": self._names(target, "attributes", expand),
            "ids": self._names(target, "ids", str),
            "tenants": self._names(target, "tenants", str),
            "where": self._where(target, expand),
            "assignees": self._assignees(),
            "purposes": self._names(self._document, "purposes", str, ""),
            "kind": self._kind,
            "transform": tuple(self._transforms(expand)),
            "group": self._group(),
        }
        if self._kind == "aggregateOnly" and odrl.get("permission"):
            self._counts(common)
        agreed = self._kind == "consentBound" and bool(odrl.get("permission"))
        if agreed and not (common["types"] and common["purposes"]):
            self._refuse("", "consent is to types and purposes", "Name both.")
        for member, permits in (("permission", True), ("prohibition", False)):
            for at, each in enumerate(self._array(f"/odrl/{member}", odrl.get(member, []))):
                place = f"/odrl/{member}/{at}"
                rule = self._rule(place, self._object(place, each), common, permits)
                yield rule

    def _rule(
        self, place: str, told: dict[str, Any], common: dict[str, Any], permits: bool
    ) -> Rule:
        self._closed(place, told, {"action", "constraint"})
        actions = told.get("action", [])
        actions = [actions] if isinstance(actions, str) else self._array(f"{place}/action", actions)
        known = [str(action) for action in Action]
        for at, action in enumerate(actions):
            self._one_of(f"{place}/action/{at}", action, known)
        if not actions:
            self._refuse(
                f"{place}/action", "a rule needs an action", f"Name some of {', '.join(known)}."
            )
        times: dict[str, Any] = {}
        constraints = self._array(f"{place}/constraint", told.get("constraint", []))
        for at, each in enumerate(constraints):
            times.update(self._time(f"{place}/constraint/{at}", each))
        return Rule(permits=permits, actions=frozenset(map(Action, actions)), **common, **times)

    def _time(self, place: str, told: Any) -> dict[str, str]:
        constraint = self._object(place, told)
        self._closed(place, constraint, {"leftOperand", "operator", "rightOperand"})
        self._one_of(f"{place}/leftOperand", constraint.get("leftOperand"), ("dateTime",))
        operator = constraint.get("operator")
        self._one_of(f"{place}/operator", operator, ("gteq", "lt"))
        right = constraint.get("rightOperand")
        if not isinstance(right, str) or not is_datetime(right):
            self._refuse(f"{place}/rightOperand", "this is no time", "Write 2026-04-01T00:00:00Z.")
        return {"since" if operator == "gteq" else "until": sortable(right)}

    def _transforms(self, expand: Expand) -> Iterator[Transform]:
        for at, each in enumerate(self._array("/transform", self._document.get("transform", []))):
            place = f"/transform/{at}"
            told = self._object(place, each)
            self._closed(place, told, {"op", "attribute", "param"})
            counts = self._kind == "aggregateOnly"
            ops = [Op.COUNT] if counts else [op for op in Op if op is not Op.COUNT]
            self._one_of(f"{place}/op", told.get("op"), ops)
            names = self._names({"attribute": [told.get("attribute")]}, "attribute", expand, place)
            param = told.get("param")
            if param is not None and not (isinstance(param, int | float) and param > 0):
                self._refuse(f"{place}/param", "this is no size", "Write metres or seconds.")
            for name in names or ():
                yield Transform(Op(told["op"]), name, param)

    def _group(self) -> int | None:
        size = self._document.get("minimumGroupSize")
        if size is not None and not (isinstance(size, int) and size >= PARTNERS):
            self._refuse("/minimumGroupSize", "this is no group", f"Write {PARTNERS} or more.")
        return size

    def _counts(self, common: dict[str, Any]) -> None:
        """Refuse a policy of counts that does not say who is counted by what."""
        one = common["types"] is not None and len(common["types"]) == 1
        if not (one and common["purposes"]):
            self._refuse("", "people of one type and for a purpose are counted", "Name both.")
        counts = [how for how in common["transform"] if how.op is Op.COUNT]
        if len(counts) != 2 or len(common["transform"]) != 2 or counts[1].param not in _STEPS:
            self._refuse(
                "/transform",
                "people are counted by an attribute and by a time",
                f"Write two of the op count; the second has a param of {_STEPS} seconds.",
            )

    def _where(self, target: dict[str, Any], expand: Expand) -> Node:
        nodes: list[Node] = []
        try:
            if "q" in target:
                nodes.append(parse_q(str(target["q"]), expand, place="/target/q"))
            if "scope" in target:
                nodes.append(parse_scope_query(str(target["scope"]), place="/target/scope"))
            if "area" in target:
                area = self._object("/target/area", target["area"])
                nodes.append(self._area(area))
        except MachiError as error:
            self._refuse(error.place, error.detail, error.remedy)
        return nodes[0] if len(nodes) == 1 else And(tuple(nodes))

    def _area(self, area: dict[str, Any]) -> Geo:
        kind, coordinates = str(area.get("type")), area.get("coordinates")
        return parse_geo(
            "within", kind, coordinates, None, lambda name: LOCATION, place="/target/area/"
        )

    def _assignees(self) -> frozenset[str] | None:
        given = self._names(self._document, "assignee", str, "")
        if given is None:
            if self._kind not in _OPEN:
                self._refuse(
                    "/assignee",
                    f"only {' and '.join(_OPEN)} are for everybody",
                    "Name clients or roles.",
                )
            return None
        for name in given:
            found = _ASSIGNEE.fullmatch(name)
            if found is None or (found[1] is not None and found[1] not in list(Role)):
                self._refuse(
                    "/assignee",
                    f"{name} names nobody",
                    "Write client:NAME, role:ROLE or role:ROLE:SECTION, with a role of "
                    f"{', '.join(Role)}.",
                )
        return given

    def _names(
        self, told: Mapping[str, Any], member: str, expand: Expand, at: str = "/target"
    ) -> frozenset[str] | None:
        if member not in told:
            return None
        names = self._array(f"{at}/{member}", told[member])
        if not names or not all(isinstance(name, str) for name in names):
            self._refuse(
                f"{at}/{member}", "this is no list of names", "Name one or more, or none of it."
            )
        try:
            return frozenset(map(expand, names))
        except MachiError as error:
            self._refuse(f"{at}/{member}", error.detail, error.remedy)

    def _object(self, place: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._refuse(
                place, "this is no object", "See docs/identity.md for the form of a policy."
            )
        return value

    def _array(self, place: str, value: Any) -> list[Any]:
        if not isinstance(value, list):
            self._refuse(place, "this is no array", "Put it into square brackets.")
        return value

    def _one_of(self, place: str, value: Any, known: Any) -> None:
        if value not in known:
            self._refuse(place, f"{value!r} is not known here", f"Write one of {', '.join(known)}.")

    def _closed(self, place: str, value: dict[str, Any], known: set[str]) -> None:
        for member in value:
            if member not in known:
                self._refuse(
                    f"{place}/{member}",
                    "the profile has no such member",
                    f"Take it out, or write one of {', '.join(sorted(known))}.",
                )

    def _refuse(self, place: str, detail: str, remedy: str) -> NoReturn:
        raise PolicyError(str(self._id), place, detail, remedy)
