"""What every engine's outbox must do (`broker.store.outbox`): one suite, run on each."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any

import pytest

from broker.errors import AlreadyExists, NonexistentTenant, ResourceNotFound
from broker.store.contract import Kind, Store
from broker.store.outbox import (
    PERIODIC,
    Books,
    Failure,
    Outcome,
    Settlement,
    StoredSubscription,
    Waiting,
)
from tests.broker.store.helpers import LEVEL, HandClock, create, delete, entity, prop, replace
from tests.broker.store.matching import ByEntity

LATER = "2026-01-02T00:00:00.000000Z"
AT = "2026-01-01T00:00:00.000000Z"
S = "urn:ngsi-ld:Subscription:s"


@pytest.fixture
def matcher(store: Store) -> ByEntity:
    matching = ByEntity()
    store.outbox.match_with(matching)
    return matching


async def subscribe(store: Store, *wants: str, id: str = S, tenant: str = "") -> int:
    """Create a subscription to entities by id; return its number."""
    return (await store.outbox.create(tenant, id, {"wants": list(wants)})).sid


def done(row: Waiting, outcome: Outcome = Outcome.DELIVERED, **more: Any) -> Settlement:
    """Return the settlement of a row."""
    return Settlement(row.sid, row.seq, outcome, LATER, **{"attempts": 1, **more})


async def queue(store: Store, sid: int) -> list[Waiting]:
    """Return all rows of a queue."""
    return await store.outbox.waiting(sid, limit=10_000)


async def balanced(store: Store, sid: int | None = None) -> Books:
    """Return books that balance, with as many waiting as there are rows."""
    books = await store.outbox.books(sid)
    assert books.balanced
    sids = await store.outbox.queues() if sid is None else [sid]
    assert books.waiting == sum([len(await queue(store, each)) for each in sids])
    return books


# Subscriptions


async def test_a_subscription_is_read_back_as_it_was_created(store: Store) -> None:
    await create(store, entity())
    created = await store.outbox.create("", S, {"q": "x", "n": 1})
    assert created == StoredSubscription(created.sid, "", S, {"q": "x", "n": 1}, 1, AT, AT)
    assert await store.outbox.get("", S) == created
    assert store.outbox.find(created.sid) == created
    assert await store.outbox.all() == [created]


async def test_creating_a_subscription_creates_its_tenant(store: Store) -> None:
    await store.outbox.create("t", S, {})
    assert await store.tenants() == ["", "t"]


async def test_an_id_is_taken_once_in_a_tenant(store: Store) -> None:
    await store.outbox.create("", S, {})
    await store.outbox.create("t", S, {})
    with pytest.raises(AlreadyExists):
        await store.outbox.create("", S, {})


async def test_numbers_are_never_used_again(store: Store) -> None:
    first = await subscribe(store)
    await store.outbox.remove("", S)
    assert await subscribe(store) > first


async def test_a_page_is_in_order_of_creation_and_knows_how_many_there_are(store: Store) -> None:
    for name in "cab":
        await store.outbox.create("", f"urn:{name}", {})
    await store.outbox.create("t", "urn:other", {})
    page, count = await store.outbox.page("", offset=1, limit=1)
    assert ([each.id for each in page], count) == (["urn:a"], 3)


async def test_a_tenant_nobody_created_has_no_subscriptions(store: Store) -> None:
    for call in (
        store.outbox.get("t", S),
        store.outbox.page("t", offset=0, limit=1),
        store.outbox.replace("t", S, {}),
        store.outbox.remove("t", S),
    ):
        with pytest.raises(NonexistentTenant):
            await call


async def test_what_is_not_there_is_not_replaced_or_removed(store: Store) -> None:
    assert await store.outbox.get("", S) is None
    assert store.outbox.find(7) is None
    with pytest.raises(ResourceNotFound):
        await store.outbox.replace("", S, {})
    with pytest.raises(ResourceNotFound):
        await store.outbox.remove("", S)


async def test_replacing_keeps_number_time_of_creation_and_books(
    store: Store, clock: HandClock, matcher: ByEntity
) -> None:
    sid = await subscribe(store, "urn:a")
    await create(store, entity())
    clock.time = LATER
    replaced = await store.outbox.replace("", S, {"new": 1})
    assert (replaced.sid, replaced.document) == (sid, {"new": 1})
    assert (replaced.created_at, replaced.modified_at) == (AT, LATER)
    assert replaced.books == Books(queued=1, waiting=1)
    assert matcher.known[sid].document == {"new": 1}


# Queues


async def test_a_change_is_queued_with_the_entity_before_and_after_it(
    store: Store, matcher: ByEntity
) -> None:
    sid = await subscribe(store, "urn:a")
    await create(store, entity(level=prop(1)))
    await replace(store, entity(level=prop(2), modified=1))
    await delete(store, "urn:a")
    await create(store, entity(level=prop(9)))
    rows = await queue(store, sid)
    seen = []
    for row in rows:
        assert row.committed is not None
        before, after = row.committed.before, row.committed.after
        seen.append(
            (
                row.committed.change.kind,
                before and before["attrs"],
                after and after["attrs"],
            )
        )
    one, two, nine = ({LEVEL: prop(n)} for n in (1, 2, 9))
    assert seen == [
        (Kind.CREATE, None, one),
        (Kind.UPDATE, one, two),
        (Kind.DELETE, two, None),
        (Kind.CREATE, None, nine),
    ]
    assert [(row.attempts, row.not_before, row.queued_at, row.error) for row in rows] == [
        (0, None, AT, None)
    ] * 4
    assert await balanced(store, sid) == Books(queued=4, waiting=4)
    assert matcher.commits == 4


async def test_changes_before_the_matcher_or_the_subscription_queue_nothing(store: Store) -> None:
    await create(store, entity())
    sid = await subscribe(store, "urn:a")
    await replace(store, entity(level=prop(1)))
    store.outbox.match_with(ByEntity())
    await replace(store, entity(level=prop(2)))
    assert [row.seq for row in await queue(store, sid)] == [3]


async def test_a_queue_is_read_past_a_row_and_up_to_a_number_of_rows(
    store: Store, matcher: ByEntity
) -> None:
    sid = await subscribe(store, "urn:a")
    await create(store, entity())
    for n in range(5):
        await replace(store, entity(level=prop(n)))
    assert [row.seq for row in await store.outbox.waiting(sid, after=2, limit=3)] == [3, 4, 5]


async def test_how_many_rows_come_before_one_can_be_told(store: Store, matcher: ByEntity) -> None:
    sid, _ = await three(store)
    assert [store.outbox.ahead(sid, seq) for seq in (1, 3, 9)] == [0, 2, 3]
    assert store.outbox.ahead(99, 1) == 0


async def test_each_queue_has_its_own_rows(store: Store, matcher: ByEntity) -> None:
    one = await subscribe(store, "urn:a", "urn:b")
    two = await subscribe(store, "urn:b", id="urn:two")
    none = await subscribe(store, id="urn:none")
    await create(store, entity("urn:a"), entity("urn:b"))
    assert [row.seq for row in await queue(store, one)] == [1, 2]
    assert [row.seq for row in await queue(store, two)] == [2]
    assert await store.outbox.queues() == [one, two]
    assert await queue(store, none) == []
    assert await balanced(store) == Books(queued=3, waiting=3)


async def test_a_unit_of_work_that_fails_queues_nothing(store: Store, matcher: ByEntity) -> None:
    sid = await subscribe(store, "urn:a")
    with pytest.raises(AlreadyExists):
        await create(store, entity(), entity())
    assert await queue(store, sid) == []
    assert await balanced(store, sid) == Books()


async def test_throttled_notifications_are_counted_and_not_queued(
    store: Store, matcher: ByEntity
) -> None:
    document = {"wants": ["urn:b"], "throttles": ["urn:a"]}
    sid = (await store.outbox.create("", S, document)).sid
    await create(store, entity("urn:a"), entity("urn:b"))
    await replace(store, entity("urn:a", level=prop(1)))
    assert await balanced(store, sid) == Books(queued=1, waiting=1, throttled=2)


async def test_the_time_of_the_newest_notification_that_was_due_is_known(
    store: Store, matcher: ByEntity, clock: HandClock
) -> None:
    sid = await subscribe(store, "urn:a")
    await create(store, entity())
    clock.time = LATER
    await replace(store, entity(level=prop(1)))
    await create(store, entity("urn:else"))
    found = store.outbox.find(sid)
    assert found is not None
    assert found.last_due == LATER


async def test_listeners_get_the_rows_that_begin_to_wait(store: Store, matcher: ByEntity) -> None:
    told: list[Sequence[Waiting]] = []
    stop = store.outbox.listen(told.append)
    sid = await subscribe(store, "urn:a", "urn:b")
    await create(store, entity("urn:a"), entity("urn:b"), entity("urn:c"))
    await create(store, entity("urn:d"))
    assert [list(rows) for rows in told] == [await queue(store, sid)]
    stop()
    await replace(store, entity("urn:a", level=prop(1)))
    assert len(told) == 1


async def test_followers_hear_of_subscriptions_that_come_change_and_go(store: Store) -> None:
    told: list[list[int]] = []

    def note(sids: Collection[int]) -> None:
        told.append(sorted(sids))

    stop = store.outbox.follow(note)
    sid = await subscribe(store)
    await store.outbox.replace("", S, {})
    await store.outbox.remove("", S)
    assert told == [[sid]] * 3
    stop()
    await subscribe(store)
    assert len(told) == 3


async def test_the_matcher_knows_a_subscription_until_it_is_removed(
    store: Store, matcher: ByEntity
) -> None:
    sid = await subscribe(store, "urn:a")
    assert set(matcher.known) == {sid}
    late = ByEntity()
    store.outbox.match_with(late)
    assert set(late.known) == {sid}
    await store.outbox.remove("", S)
    assert late.known == {}


async def test_figures_tell_the_balance_of_the_store(store: Store, matcher: ByEntity) -> None:
    await subscribe(store, "urn:a")
    await subscribe(store, id="urn:two")
    await create(store, entity())
    told = store.outbox.figures()
    assert (told["subscriptions"], told["outbox_queued_total"], told["outbox_waiting"]) == (2, 1, 1)
    names = {name.removeprefix("outbox_").removesuffix("_total") for name in told}
    assert names == {"subscriptions", *(each.name for each in fields(Books))}


# Settlement


async def three(store: Store) -> tuple[int, list[Waiting]]:
    """Return a subscription with three rows that wait."""
    sid = await subscribe(store, "urn:a", "urn:b", "urn:c")
    await create(store, entity("urn:a"), entity("urn:b"), entity("urn:c"))
    return sid, await queue(store, sid)


@pytest.mark.parametrize("outcome", list(Outcome))
async def test_a_settled_row_leaves_its_queue_and_is_counted(
    store: Store, matcher: ByEntity, outcome: Outcome
) -> None:
    sid, rows = await three(store)
    await store.outbox.settle([done(rows[1], outcome)])
    assert [row.seq for row in await queue(store, sid)] == [1, 3]
    assert await balanced(store, sid) == Books(**{"queued": 3, "waiting": 2, outcome.value: 1})


async def test_a_row_is_settled_once(store: Store, matcher: ByEntity) -> None:
    sid, rows = await three(store)
    await asyncio.gather(
        store.outbox.settle([done(rows[0]), done(rows[0])]),
        store.outbox.settle([done(rows[0], Outcome.DEAD)]),
    )
    await store.outbox.settle([done(rows[0], Outcome.WITHHELD)], [failure(rows[0])])
    assert await balanced(store, sid) == Books(queued=3, waiting=2, delivered=1)
    found = store.outbox.find(sid)
    assert found is not None
    assert found.history.times_sent == 1


def failure(row: Waiting, attempts: int = 1) -> Failure:
    """Return a failed try of a row."""
    return Failure(row.sid, row.seq, AT, attempts, LATER, "503")


async def test_a_failed_try_is_noted_in_the_row_and_in_the_history(
    store: Store, matcher: ByEntity
) -> None:
    sid, rows = await three(store)
    await store.outbox.settle(failures=[failure(rows[0]), failure(rows[0], 2)])
    row = (await queue(store, sid))[0]
    assert (row.attempts, row.not_before, row.error) == (2, LATER, "503")
    found = store.outbox.find(sid)
    assert found is not None
    history = found.history
    assert (history.times_sent, history.times_failed) == (2, 2)
    assert (history.last_notification, history.last_failure) == (AT, AT)
    assert (history.last_success, history.last_error) == (None, "503")


async def test_a_success_after_a_failure_shows_in_the_history(
    store: Store, matcher: ByEntity
) -> None:
    sid, rows = await three(store)
    await store.outbox.settle(failures=[failure(rows[0])])
    await store.outbox.settle([done(rows[0], attempts=2)])
    found = store.outbox.find(sid)
    assert found is not None
    history = found.history
    assert (history.times_sent, history.times_failed) == (2, 1)
    assert (history.last_notification, history.last_success) == (LATER, LATER)
    assert (history.last_failure, history.last_error) == (AT, None)


async def test_what_was_never_sent_does_not_count_as_sent(store: Store, matcher: ByEntity) -> None:
    sid, rows = await three(store)
    await store.outbox.settle(
        [
            done(rows[0], Outcome.WITHHELD, attempts=0),
            done(rows[1], Outcome.EXPIRED, attempts=0),
            done(rows[2], Outcome.DEAD, attempts=0, error="too old"),
        ]
    )
    found = store.outbox.find(sid)
    assert found is not None
    assert found.history.times_sent == 0


# Cancelling, removing, forgetting


async def test_replacing_with_cancel_empties_the_queue(store: Store, matcher: ByEntity) -> None:
    sid, rows = await three(store)
    await store.outbox.replace("", S, {"wants": ["urn:a"]}, cancel=True)
    assert await queue(store, sid) == []
    assert await balanced(store, sid) == Books(queued=3, cancelled=3)
    await store.outbox.settle([done(rows[0])], [failure(rows[1])])
    assert await balanced(store, sid) == Books(queued=3, cancelled=3)
    await replace(store, entity("urn:a", level=prop(1)))
    assert [row.seq for row in await queue(store, sid)] == [4]
    assert await balanced(store, sid) == Books(queued=4, cancelled=3, waiting=1)


async def test_the_books_of_a_removed_subscription_stay_in_those_of_the_store(
    store: Store, matcher: ByEntity
) -> None:
    sid, rows = await three(store)
    await store.outbox.settle([done(rows[0]), done(rows[1], Outcome.DEAD)])
    await store.outbox.remove("", S)
    assert await store.outbox.get("", S) is None
    assert await store.outbox.dead_letters() == ([], 0)
    assert await queue(store, sid) == []
    assert await balanced(store) == Books(queued=3, delivered=1, dead=1, cancelled=1)
    assert await store.outbox.books(sid) == Books()


async def test_dropping_a_tenant_removes_its_subscriptions_only(
    store: Store, matcher: ByEntity
) -> None:
    await subscribe(store, "urn:a", tenant="t")
    other = await subscribe(store, "urn:a")
    await create(store, entity(), tenant="t")
    await create(store, entity())
    await store.drop_tenant("t")
    assert [each.sid for each in await store.outbox.all()] == [other]
    assert set(matcher.known) == {other}
    assert await balanced(store) == Books(queued=2, cancelled=1, waiting=1)
    await store.outbox.create("t", S, {})


async def test_rows_and_dead_letters_expire_with_the_changes_they_are_about(
    store: Store, matcher: ByEntity, clock: HandClock
) -> None:
    sid, rows = await three(store)
    await store.outbox.settle([done(rows[0], Outcome.DEAD)])
    clock.time = LATER
    await replace(store, entity("urn:a", level=prop(1)))
    await store.prune(LATER)
    assert [row.seq for row in await queue(store, sid)] == [4]
    assert await store.outbox.dead_letters() == ([], 0)
    assert await balanced(store, sid) == Books(queued=4, dead=1, expired=2, waiting=1)


# Dead letters


async def test_dead_letters_are_listed_with_why_they_died_the_newest_first(
    store: Store, matcher: ByEntity
) -> None:
    sid, rows = await three(store)
    await store.outbox.settle([done(rows[0], Outcome.DEAD, attempts=5, error="gone")])
    await store.outbox.settle(
        [
            Settlement(sid, 2, Outcome.DEAD, "2026-01-03T00:00:00.000000Z"),
        ]
    )
    letters, count = await store.outbox.dead_letters()
    assert (count, [letter.row.seq for letter in letters]) == (2, [2, 1])
    letter = letters[1]
    assert (letter.sid, letter.subscription_id, letter.tenant) == (sid, S, "")
    assert (letter.died_at, letter.row.attempts, letter.row.error) == (LATER, 5, "gone")
    assert letter.row.committed == rows[0].committed


async def test_a_dead_letter_is_found_by_its_key_in_its_tenant_only(
    store: Store, matcher: ByEntity
) -> None:
    sid, rows = await three(store)
    await store.outbox.settle([done(rows[1], Outcome.DEAD, error="gone", attempts=3)])
    (letters, _) = await store.outbox.dead_letters()
    assert await store.outbox.dead_letter("", sid, 2) == letters[0]
    assert await store.outbox.dead_letter("t", sid, 2) is None
    assert await store.outbox.dead_letter("", sid, 1) is None
    assert await store.outbox.dead_letter("", 99, 2) is None


async def test_dead_letters_are_paged_and_picked_by_tenant_and_subscription(
    store: Store, matcher: ByEntity
) -> None:
    sid, rows = await three(store)
    other = await subscribe(store, "urn:a", tenant="t")
    await create(store, entity("urn:a"), tenant="t")
    await store.outbox.settle(
        [done(row, Outcome.DEAD) for row in (*rows, *await queue(store, other))]
    )
    outbox = store.outbox
    assert [each.sid for each in (await outbox.dead_letters("t"))[0]] == [other]
    assert (await outbox.dead_letters(sid=sid))[1] == 3
    assert (await outbox.dead_letters("t", sid=sid))[1] == 0
    letters, count = await outbox.dead_letters("", offset=1, limit=1)
    assert ([each.row.seq for each in letters], count) == ([2], 3)


async def test_a_replayed_dead_letter_waits_again_at_its_place(
    store: Store, matcher: ByEntity
) -> None:
    sid, rows = await three(store)
    tried = done(rows[0], Outcome.DEAD, error="x", attempts=8)
    await store.outbox.settle([tried, done(rows[1], Outcome.DEAD)])
    told: list[Sequence[Waiting]] = []
    store.outbox.listen(told.append)
    assert await store.outbox.replay("", sid, [1, 99]) == 1
    assert [row.seq for row in await queue(store, sid)] == [1, 3]
    row = (await queue(store, sid))[0]
    assert (row.attempts, row.not_before, row.error) == (1, None, "x")
    assert row.committed == rows[0].committed
    assert [list(each) for each in told] == [[row]]
    assert await balanced(store, sid) == Books(queued=3, dead=1, waiting=2)
    assert await store.outbox.replay("", sid) == 1
    assert [row.attempts for row in await queue(store, sid)] == [1, 1, 0]
    assert await store.outbox.replay("", sid) == 0
    assert await store.outbox.replay("t", sid) == 0
    assert await balanced(store, sid) == Books(queued=3, waiting=3)


async def test_a_dead_letter_can_be_replayed_after_its_queue_was_cancelled(
    store: Store, matcher: ByEntity
) -> None:
    sid, rows = await three(store)
    await store.outbox.settle([done(rows[0], Outcome.DEAD)])
    await store.outbox.replace("", S, {}, cancel=True)
    assert await store.outbox.replay("", sid) == 1
    (row,) = await queue(store, sid)
    await store.outbox.settle([done(row)])
    assert await balanced(store, sid) == Books(queued=3, cancelled=2, delivered=1)


async def test_a_discarded_dead_letter_stays_counted(store: Store, matcher: ByEntity) -> None:
    sid, rows = await three(store)
    await store.outbox.settle([done(row, Outcome.DEAD) for row in rows])
    assert await store.outbox.discard("t", sid) == 0
    assert await store.outbox.discard("", sid, [2]) == 1
    assert await store.outbox.discard("", sid) == 2
    assert await store.outbox.dead_letters() == ([], 0)
    assert await balanced(store, sid) == Books(queued=3, dead=3)


# Periods


async def test_a_period_is_queued_with_the_entities_as_they_were(store: Store) -> None:
    await create(store, entity(level=prop(1)))
    stored = await store.outbox.create("", S, {})
    seen = (entity(level=prop(1)), entity("urn:b", name=prop("x")))
    assert await store.outbox.queue_period(stored, LATER, seen)
    await replace(store, entity(level=prop(2)))
    (row,) = await queue(store, stored.sid)
    assert row.seq >= PERIODIC
    assert (row.committed, row.entities, row.queued_at) == (None, seen, LATER)
    await store.outbox.queue_period(stored, LATER, seen[:1])
    first, second = await queue(store, stored.sid)
    await store.outbox.settle([done(first), done(second, Outcome.DEAD)])
    letters, _ = await store.outbox.dead_letters()
    assert letters[0].row.entities == seen[:1]
    assert await balanced(store, stored.sid) == Books(queued=2, delivered=1, dead=1)


async def test_of_the_periods_that_wait_the_oldest_and_the_newest_are_kept(store: Store) -> None:
    stored = await store.outbox.create("", S, {})
    for number in range(5):
        await store.outbox.queue_period(stored, LATER, [entity(level=prop(number))])
    told = [row.entities[0]["attrs"][LEVEL] for row in await queue(store, stored.sid)]
    assert told == [entity(level=prop(number))["attrs"][LEVEL] for number in (0, 4)]
    books = await balanced(store, stored.sid)
    assert books == Books(queued=5, superseded=3, waiting=2)
    await store.outbox.remove("", stored.id)
    assert (await balanced(store)).superseded == 3


async def test_a_period_in_which_nothing_fits_is_noted_and_not_queued(store: Store) -> None:
    stored = await store.outbox.create("", S, {})
    assert await store.outbox.queue_period(stored, LATER, ())
    found = store.outbox.find(stored.sid)
    assert found is not None
    assert (found.last_due, found.books) == (LATER, Books())


async def test_a_period_of_a_subscription_that_was_replaced_meanwhile_is_none(
    store: Store, clock: HandClock
) -> None:
    stored = await store.outbox.create("", S, {})
    clock.time = LATER
    await store.outbox.replace("", S, {})
    assert not await store.outbox.queue_period(stored, LATER, [entity()])
    await store.outbox.remove("", S)
    assert not await store.outbox.queue_period(stored, LATER, [entity()])
    assert await balanced(store) == Books()


async def test_periodic_rows_expire_by_their_time(store: Store) -> None:
    stored = await store.outbox.create("", S, {})
    await store.outbox.queue_period(stored, AT, [entity()])
    await store.outbox.queue_period(stored, LATER, [entity()])
    await store.prune(LATER)
    assert [row.queued_at for row in await queue(store, stored.sid)] == [LATER]
    assert await balanced(store, stored.sid) == Books(queued=2, expired=1, waiting=1)


async def test_the_oldest_row_of_all_queues_is_known(
    store: Store, matcher: ByEntity, clock: HandClock
) -> None:
    assert await store.outbox.oldest() is None
    _, rows = await three(store)
    stored = await store.outbox.create("", f"{S}:periodic", {})
    await store.outbox.queue_period(stored, LATER, [entity()])
    assert await store.outbox.oldest() == rows[0].queued_at
    await store.outbox.settle([done(row) for row in rows])
    assert await store.outbox.oldest() == LATER
