"""Which subscriptions a change is due to (§5.8.6), condition by condition."""

from __future__ import annotations

from typing import Any

import pytest

from broker.guard import Caller
from broker.model.entity import DEFAULT, Entity
from broker.store.contract import Committed
from broker.store.outbox import Due
from broker.subscriptions.matching import Matching
from tests.broker.subscriptions.changes import AT, change, gauge, stored
from tests.support.tripwire import MARK, TripwireGuard

OLD = gauge(level=1, name="a")
KINDS: dict[str, tuple[Entity | None, Entity | None]] = {
    "create": (None, gauge(level=1)),
    "create bare": (None, gauge()),
    "update": (OLD, gauge(level=2, name="a")),
    "add": (OLD, gauge(level=1, name="a", extra=1)),
    "remove": (OLD, gauge(name="a")),
    "rescope": (OLD, {**OLD, "scope": ["/a"]}),
    "delete": (OLD, None),
    "delete bare": (gauge(), None),
}


def fires(kind: str | tuple[Entity | None, Entity | None], **members: Any) -> bool:
    before, after = KINDS[kind] if isinstance(kind, str) else kind
    matching = Matching()
    matching.keep(stored(**members))
    return bool(matching.match([change(before, after)]).due)


@pytest.mark.parametrize(
    ("trigger", "kinds"),
    [
        (None, {"create", "update", "add"}),
        ("entityCreated", {"create", "create bare"}),
        ("entityUpdated", {"update", "add", "remove", "rescope"}),
        ("entityDeleted", {"delete", "delete bare"}),
        ("attributeCreated", {"create", "add"}),
        ("attributeUpdated", {"update"}),
        ("attributeDeleted", {"remove", "delete"}),
    ],
)
def test_each_trigger_is_set_off_by_its_changes(trigger: str | None, kinds: set[str]) -> None:
    members = {} if trigger is None else {"notificationTrigger": [trigger]}
    assert {kind for kind in KINDS if fires(kind, **members)} == kinds


@pytest.mark.parametrize(
    ("trigger", "kinds"),
    [
        (None, {"create", "update"}),
        ("entityCreated", {"create"}),
        ("entityUpdated", {"update", "remove"}),
        ("entityDeleted", {"delete"}),
        ("attributeCreated", {"create"}),
        ("attributeUpdated", {"update"}),
        ("attributeDeleted", {"remove", "delete"}),
    ],
)
def test_a_watched_attribute_has_to_be_what_it_happened_to(
    trigger: str | None, kinds: set[str]
) -> None:
    members: dict[str, Any] = {} if trigger is None else {"notificationTrigger": [trigger]}
    members["watchedAttributes"] = ["level"]
    assert {kind for kind in KINDS if fires(kind, **members)} == kinds


def test_the_trigger_has_to_happen_to_a_watched_attribute_itself() -> None:
    both = (OLD, gauge(level=2, extra=1))
    created = {"notificationTrigger": ["attributeCreated"]}
    assert fires(both, **created)
    assert not fires(both, **created, watchedAttributes=["level"])


@pytest.mark.parametrize(
    ("before", "after", "trigger"),
    [
        ({DEFAULT: 1}, {DEFAULT: 1, "urn:d": 2}, "attributeCreated"),
        ({DEFAULT: 1, "urn:d": 2}, {DEFAULT: 1, "urn:d": 3}, "attributeUpdated"),
        ({DEFAULT: 1, "urn:d": 2}, {DEFAULT: 1}, "attributeDeleted"),
    ],
)
def test_instances_of_an_attribute_count_for_it(before: Any, after: Any, trigger: str) -> None:
    step = (gauge(level=before), gauge(level=after))
    triggers = ["attributeCreated", "attributeUpdated", "attributeDeleted"]
    assert [each for each in triggers if fires(step, notificationTrigger=[each])] == [trigger]


@pytest.mark.parametrize(
    ("entities", "found"),
    [
        ([{"type": "Gauge"}], True),
        ([{"type": "River"}], False),
        ([{"type": "*"}], True),
        ([{"type": "River"}, {"type": "Gauge"}], True),
        ([{"type": "Gauge,River"}], True),
        ([{"type": "(Gauge;Device)"}], True),
        ([{"type": "(Gauge;River)"}], False),
        ([{"type": "Gauge", "id": "urn:a"}], True),
        ([{"type": "Gauge", "id": ["urn:b", "urn:a"]}], True),
        ([{"type": "Gauge", "id": "urn:b"}], False),
        ([{"type": "River", "id": "urn:a"}], False),
        ([{"type": "Gauge", "idPattern": "^urn:[a-c]$"}], True),
        ([{"type": "Gauge", "idPattern": "^urn:b"}], False),
        ([{"type": "*", "idPattern": "a"}], True),
        ([{"type": "Gauge", "id": "urn:a", "idPattern": "nothing"}], True),
    ],
)
def test_entities_are_selected_by_id_pattern_and_type(entities: Any, found: bool) -> None:
    after = gauge("urn:a", "Gauge", "Device", level=1)
    assert fires((None, after), entities=entities) is found


def test_without_entities_the_watched_attributes_decide() -> None:
    assert fires("create", entities=None, watchedAttributes=["level"])
    assert not fires("create", entities=None, watchedAttributes=["name"])


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"q": "level>1"}, True),
        ({"q": "level>2"}, False),
        ({"scopeQ": "/a/#"}, True),
        ({"scopeQ": "/b"}, False),
        ({"geoQ": {"georel": "within", "geometry": "Point", "coordinates": [1, 2]}}, False),
    ],
)
def test_queries_are_asked_about_the_entity_after_the_change(
    members: dict[str, Any], found: bool
) -> None:
    after = {**gauge(level=2, name="a"), "scope": ["/a/b"]}
    assert fires((OLD, after), **members) is found


def test_queries_are_asked_about_the_entity_before_its_deletion() -> None:
    trigger = {"notificationTrigger": ["entityDeleted"]}
    assert fires("delete", q="level==1", **trigger)
    assert not fires("delete", q="level==2", **trigger)


def test_tenants_and_older_changes_are_none_of_its_business() -> None:
    matching = Matching()
    matching.keep(stored(1, tenant="t"))
    matching.keep(stored(2, since=1))
    matching.keep(stored(3))
    assert matching.match([change(None, gauge(level=1))]).due == [Due(3, 1)]


def test_paused_expired_and_periodic_subscriptions_are_not_told_of_changes() -> None:
    assert not fires("create", isActive=False)
    assert not fires("create", timeInterval=1)
    later = "2026-01-01T01:00:00Z"
    matching = Matching()
    matching.keep(stored(expiresAt=later))
    late = change(None, gauge(level=1), seq=2, at="2026-01-01T01:00:00.000000Z")
    assert matching.match([change(None, gauge(level=1)), late]).due == [Due(1, 1)]


def test_a_subscription_that_was_replaced_or_dropped_is_found_as_it_is_now() -> None:
    matching = Matching()
    matching.keep(stored())
    matching.keep(stored(entities=[{"type": "River"}], watchedAttributes=["flow"]))
    assert matching.match([change(None, gauge(level=1))]).due == []
    river = change(None, gauge("urn:r", "River", flow=1))
    assert matching.match([river]).due == [Due(1, 1)]
    matching.drop(1)
    assert matching.match([river]).due == []
    assert len(matching) == 0


def test_one_change_is_due_once_however_many_selectors_it_fits() -> None:
    matching = Matching()
    for sid in (2, 1):
        matching.keep(
            stored(
                sid,
                entities=[{"type": "Gauge,Device"}, {"type": "*", "id": "urn:a"}, {"type": "*"}],
                watchedAttributes=["level", "name"],
            )
        )
    both = change(None, gauge("urn:a", "Gauge", "Device", level=1, name="x"))
    assert matching.match([both]).due == [Due(1, 1), Due(2, 1)]


# What is hidden from the owner


class Veil(TripwireGuard):
    """The tripwire's guard, in the dark for whoever looks at tenant `t`."""

    def deliver(self, caller: Caller, tenant: str, committed: Committed) -> Committed | None:
        return None if tenant == "t" else super().deliver(caller, tenant, committed)


def marked(level: int, hidden: int) -> Entity:
    """Return a gauge with a hidden attribute."""
    attributes: dict[str, Any] = {"level": level, MARK: hidden}
    return gauge("urn:a", **attributes)


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({}, True),
        ({"q": f"!{MARK}"}, True),
        ({"q": MARK}, False),
        ({"watchedAttributes": [MARK]}, False),
        ({"watchedAttributes": ["level"]}, True),
    ],
)
def test_a_change_is_judged_as_its_owner_sees_it(members: dict[str, Any], found: bool) -> None:
    matching = Matching(Veil())
    matching.keep(stored(**members))
    both = change(marked(1, 1), marked(2, 2))
    assert bool(matching.match([both]).due) is found


def test_a_hidden_type_selects_nothing() -> None:
    class Typeless(Veil):
        def deliver(self, caller: Caller, tenant: str, committed: Committed) -> Committed | None:
            assert committed.after is not None
            after = {**committed.after, "type": [committed.after["type"][0]]}
            return Committed(committed.change, None, after)

    matching = Matching(Typeless())
    matching.keep(stored(1, entities=[{"type": "Secret"}]))
    matching.keep(stored(2, entities=[{"type": "Gauge"}]))
    both = change(None, gauge("urn:a", "Gauge", "Secret", level=1))
    assert matching.match([both]).due == [Due(2, 1)]


def test_what_is_hidden_neither_notifies_nor_throttles() -> None:
    matching = Matching(Veil())
    matching.keep(stored(1, throttling=60, notificationTrigger=["entityUpdated"]))
    matching.keep(stored(2, tenant="t", entities=[{"type": "*"}]))
    hidden = change(marked(1, 1), marked(1, 2))
    elsewhere = change(None, gauge(level=1), seq=2, tenant="t")
    seen = change(gauge(level=1), gauge(level=2), seq=3)
    matched = matching.match([hidden, elsewhere, seen])
    assert (matched.due, matched.throttled) == ([Due(1, 3)], {})


# Throttling


def second(seq: int, seconds: float, at: str | None = None) -> Any:
    """Return a change of the level, so many seconds after AT."""
    time = at or f"2026-01-01T00:{int(seconds) // 60:02}:{seconds % 60:09.6f}Z"
    return change(gauge(level=0), gauge(level=seq), seq=seq, at=time)


def run(matching: Matching, *changes: Any) -> tuple[list[int], int]:
    """Return which changes were due, each in a commit of its own, and how many were throttled."""
    due, throttled = [], 0
    for each in changes:
        matched = matching.match([each])
        if matched.commit is not None:
            matched.commit()
        due += [one.seq for one in matched.due]
        throttled += sum(matched.throttled.values())
    return due, throttled


def throttling(seconds: float = 10, **more: Any) -> Matching:
    matching = Matching()
    matching.keep(stored(throttling=seconds, **more))
    return matching


def test_what_comes_too_soon_is_counted_and_not_due() -> None:
    changes = [second(n, n * 4) for n in range(1, 7)]
    assert run(throttling(), *changes) == ([1, 4], 4)


def test_throttling_holds_within_one_commit() -> None:
    matched = throttling().match([second(1, 0), second(2, 1), second(3, 11)])
    assert ([due.seq for due in matched.due], matched.throttled) == ([1, 3], {1: 1})


def test_a_commit_that_failed_throttles_nothing() -> None:
    matching = throttling()
    assert matching.match([second(1, 0)]).due
    assert matching.match([second(1, 1)]).due


def test_changes_that_do_not_fit_do_not_throttle() -> None:
    assert run(throttling(q="level>1"), second(1, 0), second(2, 1)) == ([2], 0)


def test_after_a_restart_throttling_goes_on_from_the_newest_notification() -> None:
    matching = throttling(last_due=AT)
    assert run(matching, second(1, 9), second(2, 10)) == ([2], 1)


def test_replacing_a_subscription_does_not_free_it() -> None:
    matching = throttling()
    run(matching, second(1, 0))
    matching.keep(stored(throttling=10, description="new"))
    assert run(matching, second(2, 1)) == ([], 1)


def test_a_clock_that_jumps_back_neither_delays_nor_doubles() -> None:
    back = "2025-12-31T00:00:{:02}.000000Z"
    changes = [
        second(1, 0),
        second(2, 6),
        second(3, 0, back.format(0)),
        second(4, 0, back.format(3)),
        second(5, 0, back.format(5)),
        second(6, 0, back.format(14)),
        second(7, 0, back.format(15)),
    ]
    # 6 s before the step and 4 after it make 10.
    assert run(throttling(), *changes) == ([1, 5, 7], 4)


def test_how_long_a_subscription_is_throttled_can_be_told() -> None:
    matching = throttling()
    assert matching.throttled_for(1) == 0
    run(matching, second(1, 0), second(2, 4))
    assert matching.throttled_for(1) == pytest.approx(6)
