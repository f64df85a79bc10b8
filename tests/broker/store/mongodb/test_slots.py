"""Who owns which queues, whoever comes, goes and hands over."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from broker.store.mongodb.sharing import LEASE, Sharing
from broker.store.mongodb.slots import NOBODY, SLOTS, Slots, slot_of

names = st.sampled_from(["a", "b", "c", "d"])
steps = st.lists(st.tuples(st.sampled_from(["joined", "left", "hands over"]), names), max_size=12)


def after(taken: list[tuple[str, str]]) -> Slots:
    slots = Slots()
    for step, name in taken:
        if step == "hands over":
            slots = slots.handed_over(name, slots.too_many(name))
        else:
            slots = getattr(slots, step)(name)
    return slots


@given(steps)
def test_every_slot_has_an_owner_who_is_there(taken: list[tuple[str, str]]) -> None:
    slots = after(taken)
    assert set(slots.owners) <= set(slots.members or (NOBODY,))


@given(steps)
def test_once_all_have_handed_over_nobody_has_more_than_its_share(
    taken: list[tuple[str, str]],
) -> None:
    slots = after(taken)
    for name in slots.members:
        slots = slots.handed_over(name, slots.too_many(name))
    counts = Counter(slots.owners)
    assert not slots.members or max(counts.values()) <= -(-SLOTS // len(slots.members))


@given(steps, names)
def test_who_joins_takes_nothing_from_anybody(taken: list[tuple[str, str]], name: str) -> None:
    slots = after(taken)
    joined = slots.joined(name)
    assert all(slots.of(other) <= joined.of(other) for other in slots.members)


@given(steps, names)
def test_who_leaves_has_nothing_and_the_others_keep_theirs(
    taken: list[tuple[str, str]], name: str
) -> None:
    slots = after(taken)
    left = slots.left(name)
    assert not left.of(name)
    assert all(slots.of(other) <= left.of(other) for other in left.members)


def test_without_a_recent_sign_of_life_nothing_is_delivered() -> None:
    now = 100.0
    sharing = Sharing("a", lambda: now)
    sharing.deal(Slots().joined("a"))
    assert not sharing.mine(1)
    assert sharing.renew(now)
    assert sharing.mine(1)
    assert sharing.leads()
    now += LEASE
    assert not sharing.mine(1)
    assert not sharing.leads()
    assert sharing.owns(1)


def test_what_is_being_handed_over_is_not_delivered() -> None:
    sharing = Sharing("a", lambda: 0.0)
    sharing.renew(0.0)
    sharing.deal(Slots().joined("a"))
    sharing.giving = frozenset({slot_of(7)})
    assert not sharing.mine(7)
    assert sharing.mine(8)
