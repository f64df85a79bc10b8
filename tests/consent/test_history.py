"""History behind a guard: what is shown whole is counted by the store, the rest as it is seen."""

import pytest

from broker.guard import ANYONE, Action, Caller
from broker.model.entity import DEFAULT
from broker.query.ast import HasType
from broker.store.history import Entry, Fact, TimeProperty, Window
from broker.store.memory import MemoryStore
from broker.temporal.render import Format, Look
from broker.temporal.service import Asked, Past, Query
from consent.guard import PolicyGuard
from consent.identity.model import Client as Known
from consent.policies.rule import Rule
from tests.broker.store.helpers import LEVEL, NAME, RIVER, SHELTER
from tests.support.asgi import Ticking
from tests.support.policies import Known as Clients

READ = frozenset((Action.READ,))
OPEN = Rule("open", actions=READ, types=frozenset((RIVER,)))
LEVELS = Rule("levels", actions=READ, types=frozenset((RIVER,)), attributes=frozenset((LEVEL,)))
SECRET = Rule("secret", permits=False, actions=READ, attributes=frozenset((NAME,)))
FOR_STAFF = Rule("staff", actions=READ, assignees=frozenset(("role:staff",)))
FIGURES = Asked(window=Window(TimeProperty.OBSERVED), bare=True)
LOOK = Look(Format.AGGREGATED, methods=("max", "totalCount"))
AT = "2020-07-03T21:00:00Z"


async def past(*rules: Rule) -> Past:
    """Return the history of a river and of a shelter, with a level and a name each."""
    store = MemoryStore(clock=Ticking())
    await store.open()
    facts = tuple(
        Fact(iri, {"type": "Property", "value": value, "observedAt": AT}, DEFAULT)
        for iri, value in ((LEVEL, 4.2), (NAME, 7))
    )
    entries = [Entry("urn:river", (RIVER,), 1, facts), Entry("urn:shelter", (SHELTER,), 1, facts)]
    await store.history.record("", entries, create_tenant=True)
    guard = PolicyGuard(Clients(Known("office", frozenset({"staff"}))), rules, Ticking())

    async def caught_up() -> None:
        return None

    return Past(store, guard, Ticking(), caught_up)


async def counted(history: Past, caller: Caller = ANYONE) -> tuple[bool, set[str]]:
    """Return whether the store was asked for figures, and of which attributes there are any."""
    found = await history.retrieve(caller, "", "urn:river", FIGURES)
    (figures,) = await history.figures("", [found], FIGURES, LOOK)
    return found.bare, set(figures)


async def test_figures_of_what_is_open_whole_come_from_the_store():
    assert await counted(await past(OPEN)) == (True, {LEVEL, NAME})


@pytest.mark.parametrize("rules", [(LEVELS,), (OPEN, SECRET)])
async def test_figures_of_what_is_open_in_part_are_of_what_is_seen(rules: tuple[Rule, ...]):
    assert await counted(await past(*rules)) == (False, {LEVEL})


async def test_query_of_what_is_open_whole_finds_nothing_else():
    history = await past(OPEN, FOR_STAFF)
    for where in (HasType(RIVER), HasType(SHELTER)):
        page = await history.query(ANYONE, "", Query(where, 10, count=True), FIGURES)
        assert page.total == len(page.evolutions) == (where == HasType(RIVER))
    everything = await history.query(Caller("office", roles=frozenset({"staff"})), "",
                                     Query(HasType(SHELTER), 10), FIGURES)  # fmt: skip
    assert [one.head.id for one in everything.evolutions] == ["urn:shelter"]
