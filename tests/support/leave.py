"""Random leave to do things with a small town, and a plain model of who has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st

from broker.guard import Action, Caller
from consent.guard import PolicyGuard
from consent.identity.model import Client
from consent.policies.rule import Rule
from tests.support.asgi import Ticking
from tests.support.policies import Known

ADMIN: Final = "admin"
STRANGER: Final = "stranger"
"""Whose key is for another tenant."""
LEAVE: Final = "leave-"
NAMES: Final = ("one", "two", "three")
CALLERS: Final = (*NAMES, STRANGER)
KINDS: Final = ("Tree", "Lamp")
HEIGHT, NAME, LINK = "height", "name", "refTree"
WRITES: Final = frozenset((Action.CREATE, Action.UPDATE, Action.DELETE))


def iri(name: str) -> str:
    """Return what a name is by the core context."""
    return f"https://uri.etsi.org/ngsi-ld/default-context/{name}"


@dataclass(frozen=True)
class Leave:
    """What somebody may, or may not, do with entities of some kinds, or an attribute of them."""

    name: str
    actions: frozenset[Action]
    kinds: frozenset[str] = frozenset(KINDS)
    attribute: str | None = None
    permits: bool = True

    def rule(self, number: int) -> Rule:
        """Return it as a rule of the guard."""
        return Rule(
            f"{LEAVE}{number}",
            permits=self.permits,
            actions=self.actions,
            types=frozenset(map(iri, self.kinds)),
            attributes=None if self.attribute is None else frozenset((iri(self.attribute),)),
            assignees=frozenset((f"client:{self.name}",)),
        )


Given: TypeAlias = tuple[Leave, ...]
EVERYTHING: Final[Given] = tuple(Leave(name, frozenset(Action)) for name in NAMES)


LEAVES: Final[st.SearchStrategy[Given]] = st.lists(
    st.builds(
        Leave,
        name=st.sampled_from(NAMES),
        actions=st.frozensets(st.sampled_from(Action), min_size=1),
        kinds=st.frozensets(st.sampled_from(KINDS), min_size=1),
        attribute=st.sampled_from([None, None, HEIGHT, NAME]),
        permits=st.sampled_from([True, True, True, False]),
    ),
    max_size=6,
).map(tuple)


@dataclass(frozen=True)
class Model:
    """Who may do what, said plainly."""

    given: Given

    def may(self, name: str, action: Action, kind: str | None = None) -> bool:
        """Tell whether somebody may do something, to entities of a kind or to any at all."""
        found = list(self._of(name, action, kind))
        forbidden = any(not one.permits and one.attribute is None for one in found)
        given = any(one.permits for one in found)
        return name == ADMIN or (given and not (forbidden and kind is not None))

    def shows(self, name: str, kind: str, *attributes: str) -> bool:
        """Tell whether somebody may read entities of a kind, and of these some attributes."""
        if name == ADMIN:
            return True
        about = [
            [one for one in self._of(name, Action.READ, kind) if one.attribute in (None, each)]
            for each in attributes
        ]
        return self.may(name, Action.READ, kind) and all(
            found and all(one.permits for one in found) for found in about
        )

    def _of(self, name: str, action: Action, kind: str | None) -> Iterable[Leave]:
        return (
            one
            for one in self.given
            if one.name == name and action in one.actions and kind in (None, *one.kinds)
        )


class Strict(PolicyGuard):
    """Gives no leave but that of its rules: not even to read the consents that name a client."""

    def _about(self, caller: Caller, tenant: str, action: Action, now: str) -> list[Rule]:
        found = super()._about(caller, tenant, action, now)
        return [rule for rule in found if rule.policy == ADMIN or rule.policy.startswith(LEAVE)]


class Transparent(Strict):
    """Holds to rules that hide nothing from anybody who may read."""

    transparent = True


def guard_of(users: Mapping[str, str], *, transparent: bool = False) -> Strict:
    """Return a guard that gives no leave yet. `users` are persons behind clients, by client."""
    named = [Client(name, user=users.get(name)) for name in (ADMIN, *NAMES)]
    known = Known(*named, Client(STRANGER, tenants=frozenset(("elsewhere",))))
    return (Transparent if transparent else Strict)(known, (), Ticking())


def give(guard: PolicyGuard, given: Given) -> None:
    """Let a guard decide by leave; the administrator may do everything."""
    admin = Rule(ADMIN, actions=frozenset(Action), assignees=frozenset((f"client:{ADMIN}",)))
    guard.decide_by([admin, *(one.rule(number) for number, one in enumerate(given))])


def entity(kind: str, number: int | str = 1, **attributes: Any) -> dict[str, Any]:
    """Return an entity of a kind."""
    return {"id": f"urn:ngsi-ld:{kind}:{number}", "type": kind, **attributes}
