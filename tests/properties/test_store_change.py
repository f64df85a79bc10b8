"""Changes lead from one state of an entity to the other, and back (`broker.model.change`)."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from broker.model.change import apply, changed_attributes, diff, reconstruct, revert
from tests.support.strategies import entities


@dataclass
class Row:
    kind: str
    delta: Any
    before: Any


def text(entity: Any) -> bytes:
    """Return the entity as JSON, where 1, 1.0 and true differ."""
    return orjson.dumps(entity, option=orjson.OPT_SORT_KEYS)


@st.composite
def pairs(draw: st.DrawFn) -> Any:
    """Two states of one entity that share some attributes, some instances among them."""
    before, other = draw(entities()), draw(entities())
    after = {**other, "id": before["id"], "attrs": dict(other["attrs"])}
    for iri, instances in before["attrs"].items():
        choice = draw(st.integers(0, 2))
        if choice == 0:
            after["attrs"][iri] = instances
        elif choice == 1:
            after["attrs"][iri] = {**instances, **after["attrs"].get(iri, {})}
    return before, after


@given(pairs())
def test_a_delta_leads_forth_and_a_prior_back(pair: Any) -> None:
    before, after = pair
    kept = text(before), text(after)
    delta, prior = diff(before, after)
    assert text(apply(before, delta)) == kept[1]
    assert text(revert(after, prior)) == kept[0]
    assert (text(before), text(after)) == kept


@given(pairs())
def test_a_delta_is_empty_only_where_nothing_changed(pair: Any) -> None:
    before, after = pair
    delta, prior = diff(before, after)
    assert (not delta) == (text(before) == text(after))
    assert delta.keys() == prior.keys()


@given(pairs())
def test_changed_attributes_are_those_that_differ(pair: Any) -> None:
    before, after = pair
    change = Row("update", *diff(before, after))
    iris = before["attrs"].keys() | after["attrs"].keys()
    differing = {
        iri for iri in iris if text(before["attrs"].get(iri)) != text(after["attrs"].get(iri))
    }
    assert set(changed_attributes(change)) == differing


@given(st.lists(entities(), min_size=1, max_size=4), st.booleans())
def test_a_walk_back_meets_every_state(states: list[Any], deleted: bool) -> None:
    states = [{**state, "id": "urn:a"} for state in states]
    rows = [Row("create", states[0], None)]
    rows += [Row("update", *diff(old, new)) for old, new in pairwise(states)]
    met = [*states]
    if deleted:
        rows.append(Row("delete", None, states[-1]))
        met.append(None)
    walked = list(reconstruct(met[-1], reversed(rows)))
    assert [text(after) for _, _, after in reversed(walked)] == [text(state) for state in met]
    assert [text(before) for _, before, _ in walked] == [
        text(state) for state in [*reversed(met[:-1]), None]
    ]
