"""The conditions of one subscription, compiled: which entities and changes it is about (pure)."""

from __future__ import annotations

from functools import lru_cache

from broker.model.entity import Entity
from broker.query.ast import And, HasType, IdIn, IdMatches, Node, Or
from broker.query.linked import follows, unlinked
from broker.query.predicate import Find, Predicate, compile_predicate
from broker.store.contract import Committed
from broker.subscriptions.model import Selector, Subscription
from broker.subscriptions.triggers import Event, bits_of

_compiled = lru_cache(maxsize=4096)(compile_predicate)
"""Subscribers often ask the same; what they ask is then compiled, and kept in memory, once."""


def _alone(node: Node, far: Find | None) -> Predicate:
    if not follows(node):
        return _compiled(node)
    return _compiled(unlinked(node)) if far is None else _compiled(node, far)


class Conditions:
    """Tests in the order in which a notification would fail them.

    `selects` tests `entities`; `queries` are q, geoQ and scopeQ by name, each a test on the
    entity after the change, before it for a deletion. `mask` has the bits of the triggers,
    `tests` all tests of the entity, `found_tests` those that are left where the index found it;
    subscriptions that ask alike share the latter. `far` finds the linked entities that `q` looks
    at; without it the tests are for who looks at a change again later, and leave to the judgement
    that was made then what linked entities have to be like.
    """

    __slots__ = (
        "_bits", "found_tests", "linked", "mask", "queries", "selects", "tests", "watched",
    )  # fmt: skip

    def __init__(self, subscription: Subscription, far: Find | None = None) -> None:
        self.linked = subscription.q is not None and follows(subscription.q)
        self._bits = bits_of(subscription.triggers)
        self.mask = sum(self._bits)
        self.watched = subscription.watched
        self.selects = _selection(subscription.entities)
        self.queries: tuple[tuple[str, Predicate], ...] = tuple(
            (name, _alone(node, far))
            for name, node in (
                ("q", subscription.q),
                ("geoQ", subscription.geo),
                ("scopeQ", subscription.scope),
            )
            if node is not None
        )
        asked = tuple(test for _, test in self.queries)
        self.tests = (self.selects, *asked)
        self.found_tests = _shared((*_left(subscription.entities, self.selects), *asked))

    def triggered(self, event: Event) -> bool:
        """Tell whether what happened is among the triggers."""
        return bool(self.mask & event.happened)

    def watches(self, event: Event) -> bool:
        """Tell whether one of the triggers happened to a watched attribute."""
        watched = self.watched
        if watched is None:
            return True
        happened = event.happened
        for bit in self._bits:
            if bit & happened and not watched.isdisjoint(event.kinds[bit]):
                return True
        return False

    def hold(self, event: Event) -> bool:
        """Tell whether the subscription is about a change."""
        if not self.mask & event.happened:
            return False
        if self.watched is not None and not self.watches(event):
            return False
        entity = event.entity
        for test in self.tests:  # noqa: SIM110 - faster than a generator, and hot
            if not test(entity):
                return False
        return True

    def concerns(self, committed: Committed) -> bool:
        """Tell whether the subscription is about a change, for who has no event at hand."""
        return self.hold(Event(committed))

    def wants(self, entity: Entity) -> bool:
        """Tell whether an entity is what the subscription asks for."""
        return all(test(entity) for test in self.tests)


def selector_node(selector: Selector) -> Node:
    """Return a selector as a condition; a pattern counts only where there is no id."""
    nodes: list[Node] = []
    if selector.ids:
        nodes.append(IdIn(selector.ids))
    elif selector.pattern is not None:
        nodes.append(IdMatches(selector.pattern))
    if selector.types is not None:
        nodes.append(selector.types)
    return nodes[0] if len(nodes) == 1 else And(tuple(nodes))


@lru_cache(maxsize=4096)
def _shared(tests: tuple[Predicate, ...]) -> tuple[Predicate, ...]:
    return tests


def _left(selectors: tuple[Selector, ...], selects: Predicate) -> tuple[Predicate, ...]:
    """Return what is left to test of `entities` where one of a selector's ids or types was found.

    A single selector by id leaves its types, one by types alone leaves nothing.
    """
    if len(selectors) != 1:
        return (selects,) if selectors else ()
    (selector,) = selectors
    if selector.ids:
        return () if selector.types is None else (_compiled(selector.types),)
    return () if selector.pattern is None and _is_choice(selector.types) else (selects,)


def _is_choice(types: Node | None) -> bool:
    """Tell whether having one of the types is enough."""
    match types:
        case None | HasType():
            return True
        case Or(nodes):
            return all(map(_is_choice, nodes))
    return False


def _selection(selectors: tuple[Selector, ...]) -> Predicate:
    if not selectors:
        return lambda entity: True
    tests = [_compiled(selector_node(each)) for each in selectors]
    if len(tests) == 1:
        return tests[0]
    return lambda entity: any(test(entity) for test in tests)
