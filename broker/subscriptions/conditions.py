"""The conditions of one subscription, compiled: which entities and changes it is about (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from broker.model.entity import Entity
from broker.query.ast import And, IdIn, IdMatches, Node
from broker.query.predicate import Predicate, compile_predicate
from broker.store.contract import Committed
from broker.subscriptions.model import Selector, Subscription
from broker.subscriptions.triggers import Event


class Conditions:
    """Tests in the order in which a notification would fail them.

    `queries` are q, geoQ and scopeQ by name, each a test on the entity after the change, before
    it for a deletion.
    """

    __slots__ = ("_triggers", "_watched", "queries", "selects", "subscription")

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self._triggers = subscription.triggers
        self._watched = subscription.watched
        selectors = [compile_predicate(selector_node(each)) for each in subscription.entities]
        self.selects: Predicate = _any(selectors) if selectors else lambda entity: True
        self.queries: tuple[tuple[str, Predicate], ...] = tuple(
            (name, compile_predicate(node))
            for name, node in (
                ("q", subscription.q),
                ("geoQ", subscription.geo),
                ("scopeQ", subscription.scope),
            )
            if node is not None
        )

    def triggered(self, event: Event) -> bool:
        """Tell whether what happened is among the triggers."""
        kinds = event.kinds
        for trigger in self._triggers:  # noqa: SIM110 - faster than a generator, and hot
            if trigger in kinds:
                return True
        return False

    def watches(self, event: Event) -> bool:
        """Tell whether one of the triggers happened to a watched attribute."""
        watched = self._watched
        if watched is None:
            return True
        kinds = event.kinds
        for trigger in self._triggers:
            attributes = kinds.get(trigger)
            if attributes is not None and not watched.isdisjoint(attributes):
                return True
        return False

    def hold(self, event: Event) -> bool:
        """Tell whether the subscription is about a change."""
        return self.triggered(event) and self.watches(event) and self.wants(event.entity)

    def concerns(self, committed: Committed) -> bool:
        """Tell whether the subscription is about a change, for who has no event at hand."""
        return self.hold(Event(committed))

    def wants(self, entity: Entity) -> bool:
        """Tell whether an entity is what the subscription asks for."""
        if not self.selects(entity):
            return False
        for _, holds in self.queries:  # noqa: SIM110 - faster than a generator, and hot
            if not holds(entity):
                return False
        return True


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


def query_nodes(subscription: Subscription) -> Iterator[Node]:
    """Yield q, geoQ and scopeQ, as far as they are given."""
    for node in (subscription.q, subscription.geo, subscription.scope):
        if node is not None:
            yield node


def _any(tests: list[Predicate]) -> Predicate:
    if len(tests) == 1:
        return tests[0]
    return lambda entity: any(test(entity) for test in tests)
