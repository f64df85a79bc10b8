"""Matching by index finds what a loop over all subscriptions would find."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.subscriptions.conditions import Conditions
from broker.subscriptions.matching import Matching
from broker.subscriptions.stored import load
from broker.subscriptions.triggers import Event
from tests.broker.subscriptions.changes import change, gauge, stored

IDS = ["urn:a", "urn:b"]
TYPES = ["Gauge", "River", "Device"]
SELECTIONS = ["*", *TYPES, "Gauge|River", "(Gauge;Device)", "(River;Device)|Gauge"]
NAMES = ["level", "name", "flow"]
TRIGGERS = [
    *("entityCreated", "entityUpdated", "entityDeleted"),
    *("attributeCreated", "attributeUpdated", "attributeDeleted"),
]

_selectors = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["*", *TYPES, "Gauge|River", "(Gauge;Device)", "(River;Device)|Gauge"]
        )
    },
    optional={
        "id": st.one_of(st.sampled_from(IDS), st.just(IDS)),
        "idPattern": st.sampled_from(["a$", "^urn", "c"]),
    },
)
_subscriptions = st.fixed_dictionaries(
    {"entities": st.lists(_selectors, min_size=1, max_size=3)},
    optional={
        "watchedAttributes": st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True),
        "notificationTrigger": st.lists(st.sampled_from(TRIGGERS), min_size=1, max_size=3),
        "q": st.sampled_from(["level>1", "!name", "flow==1|level==0", "level!=1"]),
        "isActive": st.booleans(),
    },
)
_entities = st.builds(
    lambda id, types, attributes: gauge(id, *types, **attributes),
    st.sampled_from(IDS),
    st.lists(st.sampled_from(TYPES), min_size=1, max_size=2, unique=True),
    st.dictionaries(st.sampled_from(NAMES), st.integers(0, 2), max_size=3),
)


@st.composite
def _changes(draw: st.DrawFn) -> Any:
    before = draw(st.none() | _entities)
    after = draw(_entities if before is None else st.none() | _entities)
    if before is not None and after is not None:
        after = {**after, "id": before["id"]}
    return change(
        before, after, seq=draw(st.integers(1, 9)), tenant=draw(st.sampled_from(["", "t"]))
    )


@settings(max_examples=300)
@given(st.data(), st.lists(_subscriptions, max_size=8), st.lists(_changes(), max_size=4))
def test_the_index_finds_what_a_loop_finds(
    data: st.DataObject, subscriptions: list[dict[str, Any]], changes: list[Any]
) -> None:
    matching = Matching()
    kept = {}
    for sid, members in enumerate(subscriptions):
        tenant, since = data.draw(st.sampled_from(["", "t"])), data.draw(st.integers(0, 3))
        kept[sid] = stored(sid, tenant=tenant, since=since, **members)
        matching.keep(kept[sid])
    for sid in data.draw(st.sets(st.sampled_from(list(kept)), max_size=3)) if kept else ():
        if data.draw(st.booleans()):
            matching.drop(sid)
            del kept[sid]
        else:
            members = data.draw(_subscriptions)
            kept[sid] = stored(sid, tenant=kept[sid].tenant, since=kept[sid].since, **members)
            matching.keep(kept[sid])
    found = {
        (due.sid, index) for index, each in enumerate(changes) for due in matching.match([each]).due
    }
    expected = {
        (sid, index)
        for sid, one in kept.items()
        for index, each in enumerate(changes)
        if each.change.tenant == one.tenant
        and each.change.seq > one.since
        and load(one.document).is_active
        and Conditions(load(one.document)).hold(Event(each))
    }
    assert found == expected
