"""A query under observation: the way it takes, and how many entities it looks at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from broker.query.plan import GeoTerm
from broker.store.explanation import Explanation, Probed, Way
from broker.store.sqlite.budget import Budget
from broker.store.sqlite.candidates import Offer
from broker.store.sqlite.conditions import Conditions
from broker.store.sqlite.connection import runner
from broker.store.sqlite.costs import most_probed
from broker.store.sqlite.plan import Plan, Row

LOOKED: Final = "machi_looked"


@dataclass(slots=True)
class Observed(Plan):
    """A plan that counts the entities it tests, and notes its steps."""

    way: Way = field(default="nothing", init=False)
    looked: int = field(default=0, init=False)
    best: Offer | None = field(default=None, init=False)
    entities: int = field(default=0, init=False)
    runs: int = field(default=0, init=False)

    def run(self, budget: Budget) -> tuple[list[Row], int | None]:
        """Run the plan; as often as it is run, only the last time counts."""
        self.runs += 1
        self.looked, self.way = 0, "nothing"
        self.conditions = Conditions(self.where, self.types, self.numbers, f"{LOOKED}()")
        budget.connection.create_scalar_function(LOOKED, self._count_one, 0)
        try:
            rows, total = Plan.run(self, budget)
            self.entities = self._entities(runner(budget.connection))
            if not self.looked:
                self.looked = len(rows)
            return rows, total
        finally:
            budget.connection.create_scalar_function(LOOKED, None, 0)

    def told(self, found: int, total: int | None) -> Explanation:
        """Return what was noted."""
        return Explanation(
            way=self.way,
            entities=self.entities,
            looked=self.looked,
            found=found,
            total=total,
            served=tuple(probe.term.attribute for probe in self.probes),
            best=None if self.best is None else _probed(self.best),
            offloaded=self.runs > 1,
        )

    def _count_one(self, *nothing: Any) -> int:
        self.looked += 1
        return 1

    def _best(self, *given: Any) -> Offer | None:
        self.best = Plan._best(self, *given)
        return self.best

    def _by_ids(self, *given: Any) -> Any:
        self.way = "ids"
        return Plan._by_ids(self, *given)

    def _by_few(self, *given: Any) -> Any:
        self.way = "few"
        return Plan._by_few(self, *given)

    def _by_index(self, *given: Any) -> Any:
        self.way = "walk and index" if self.way == "walk and index" else "index"
        return Plan._by_index(self, *given)

    def _ordered(self, *given: Any) -> Any:
        self.way = "order"
        return Plan._ordered(self, *given)

    def _in_order(self, *given: Any) -> Any:
        self.way = "order"
        return Plan._in_order(self, *given)

    def _by_order_index(self, *given: Any) -> Any:
        met = Plan._by_order_index(self, *given)
        self.way = "order" if met is None else "order index"
        return met

    def _walk_whole(self, *given: Any) -> Any:
        self.way = "walk"
        return Plan._walk_whole(self, *given)

    def _walk_then_index(self, *given: Any) -> Any:
        self.way = "walk and index"
        return Plan._walk_then_index(self, *given)


def _probed(offer: Offer) -> Probed:
    term = offer.probe.term
    if isinstance(term, GeoTerm):
        return Probed(term.attribute, "boxes", offer.count, most_probed(term), exact=False)
    kind = "numbers" if term.kind == "num" else "texts"
    return Probed(term.attribute, kind, offer.count, most_probed(term), offer.exact)  # type: ignore[arg-type]
