"""What history is kept, and for how long: the operator's file of rules by type and attribute.

    {"raw": "P90D", "then": [{"period": "PT1H", "for": "P10Y"}],
     "types": {"Mowing": {"off": true},
               "RiverLevelStation": {"raw": "P1Y", "attributes": {"battery": {"raw": "P7D"}}}}}

`raw` is how long what was told is kept as it was told, for ever where it is left out. `then` says
what it is resampled to afterwards, and for how long that is kept, for ever where `for` is left out;
without `then` it is forgotten. Types and attributes are IRIs, or names that an IRI ends with; they
take the place of what is said above them. A type that is `off` has no history.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from broker.errors import BadRequestData
from broker.store.keeping import Keeping, Step
from broker.temporal.duration import SECOND, parse_duration

_MONTH: Final = 2_629_746 * SECOND
"""A twelfth of a year of the Gregorian calendar."""

_RULE: Final = frozenset(("raw", "then", "off", "attributes"))


class UnusablePolicy(Exception):
    """The file of rules cannot be used; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is kept of a type: `keeping` is None where nothing is said."""

    off: bool = False
    keeping: Keeping | None = None
    attributes: Mapping[str, Keeping] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of all types. Of several types that have one, the first in order counts.

    A history is off where any of an entity's types is.
    """

    keeping: Keeping | None = None
    types: Mapping[str, Rule] = field(default_factory=dict)

    def keeps(self, tenant: str, types: Sequence[str]) -> bool:
        """Tell whether entities of these types have history."""
        if not self.types:
            return True
        return not any(rule.off for rule in self._rules(types))

    def of(self, types: Sequence[str], attribute: str) -> Keeping | None:
        """Return how long an attribute of entities of these types is kept, None for ever."""
        for rule in self._rules(types):
            for name, keeping in rule.attributes.items():
                if _names(name, attribute):
                    return keeping
            if rule.keeping is not None:
                return rule.keeping
        return self.keeping

    @property
    def forgets(self) -> bool:
        """Whether there is anything that is not kept for ever."""
        rules = self.types.values()
        return self.keeping is not None or any(r.keeping or r.attributes for r in rules)

    def _rules(self, types: Sequence[str]) -> list[Rule]:
        return [
            rule
            for name, rule in self.types.items()
            if any(_names(name, type_iri) for type_iri in types)
        ]


def read_policy(path: Path) -> Policy:
    """Return the policy in a file; raises UnusablePolicy."""
    try:
        return parse_policy(orjson.loads(path.read_bytes()))
    except (OSError, orjson.JSONDecodeError) as error:
        raise UnusablePolicy(f"{path} cannot be read as JSON: {error}.") from error
    except UnusablePolicy as error:
        raise UnusablePolicy(f"{path}: {error}") from error


def parse_policy(value: Any) -> Policy:
    """Return the policy a document describes; raises UnusablePolicy."""
    _object(value, "", frozenset(("raw", "then", "types")))
    types = value.get("types", {})
    _object(types, "types")
    return Policy(
        _keeping(value, ""),
        {name: _rule(rule, f"types/{name}") for name, rule in types.items()},
    )


def _rule(value: Any, at: str) -> Rule:
    _object(value, at, _RULE)
    off = value.get("off", False)
    if type(off) is not bool:
        raise UnusablePolicy(f"{at}/off must be true or false.")
    attributes = value.get("attributes", {})
    _object(attributes, f"{at}/attributes")
    keepings = {}
    for name, each in attributes.items():
        place = f"{at}/attributes/{name}"
        _object(each, place, frozenset(("raw", "then")))
        keeping = _keeping(each, place)
        keepings[name] = Keeping() if keeping is None else keeping
    return Rule(off, _keeping(value, at), keepings)


def _keeping(value: Mapping[str, Any], at: str) -> Keeping | None:
    if "raw" not in value:
        if "then" in value:
            raise UnusablePolicy(f"{at or 'the document'} has `then` without `raw`.")
        return None
    then = value.get("then", [])
    if type(then) is not list:
        raise UnusablePolicy(f"{at}/then must be a list.")
    steps: list[Step] = []
    raw = before = _duration(value["raw"], f"{at}/raw")
    for number, each in enumerate(then):
        place = f"{at}/then/{number}"
        _object(each, place, frozenset(("period", "for")))
        period = _duration(each.get("period"), f"{place}/period")
        keep = _duration(each["for"], f"{place}/for") if "for" in each else None
        last = number == len(then) - 1
        if period % (steps[-1].period if steps else SECOND):
            raise UnusablePolicy(f"{place}/period must be a multiple of the period before it.")
        if (keep is None and not last) or (keep is not None and keep <= before):
            raise UnusablePolicy(f"{place}/for must be longer than what is kept before it.")
        steps.append(Step(period, keep))
        before = keep or before
    return Keeping(raw, tuple(steps))


def _duration(value: Any, at: str) -> int:
    """Return a duration in microseconds; a month is a twelfth of a year."""
    try:
        duration = parse_duration(value, place=at) if type(value) is str else None
    except BadRequestData:
        duration = None
    if duration is None or duration.whole:
        raise UnusablePolicy(f"{at} must be a duration such as PT1H, P90D or P10Y.")
    return duration.months * _MONTH + duration.micros


def _object(value: Any, at: str, members: frozenset[str] | None = None) -> None:
    place = at or "the document"
    if type(value) is not dict:
        raise UnusablePolicy(f"{place} must be an object.")
    for name in value:
        if members is not None and name not in members:
            known = ", ".join(sorted(members))
            raise UnusablePolicy(f"{place} has the member {name}; known are {known}.")


def _names(name: str, iri: str) -> bool:
    return iri == name or (":" not in name and re.split(r"[/#]", iri)[-1] == name)
