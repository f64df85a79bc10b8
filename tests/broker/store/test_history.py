"""What every engine must do with history (`broker.store.history`): one suite, run on each."""

from typing import Any

import pytest

from broker.errors import NonexistentTenant
from broker.model.entity import DEFAULT, NULL
from broker.model.times import microseconds, timestamp
from broker.query.ast import HasType, IdIn, IdMatches, Not
from broker.store.contract import Store
from broker.store.history import (
    EVERYTHING,
    INSTANCE,
    Aggregated,
    Bucket,
    Entry,
    Fact,
    Moment,
    Search,
    TimeProperty,
    Which,
    Window,
)
from tests.broker.store.helpers import LEVEL, NAME, RIVER, SHELTER, create

START = microseconds("2020-07-04T00:00:00Z")
SECOND = 1_000_000
HOUR = 3600 * SECOND


def level(value: Any, hour: float | None = None, **more: Any) -> Fact:
    """Return a fact of the attribute `level`, observed at an hour of the day."""
    instance: dict[str, Any] = {"type": "Property", "value": value}
    if hour is not None:
        instance["observedAt"] = timestamp(START + int(hour * HOUR))
    return Fact(LEVEL, instance, **more)


def told(*facts: Fact, at: int = 0, id: str = "urn:a", **more: Any) -> Entry:
    """Return what is told of a shelter at a second of the day."""
    return Entry(id, (SHELTER,), START + at * SECOND, facts, **more)


async def keep(store: Store, *entries: Entry) -> list[bool]:
    """Keep entries in the default tenant."""
    return await store.history.record("", entries)


async def moments(
    store: Store, window: Window = EVERYTHING, id: str = "urn:a", **more: Any
) -> list[Moment]:
    """Return the moments of an entity that has only one series."""
    found = await store.history.read("", [id], window=window, **more)
    if not found:
        return []
    (series,) = found[id]
    return series.moments


async def values(store: Store, window: Window = EVERYTHING, **more: Any) -> list[Any]:
    """Return the values of an entity that has only one series."""
    return [moment.instance["value"] for moment in await moments(store, window, **more)]


async def test_what_was_kept_is_read_back_with_its_times_and_values(store: Store) -> None:
    assert await keep(store, told(level(1.0, 6), at=7)) == [True]
    (moment,) = await moments(store)
    assert moment.instance == {
        "type": "Property",
        "value": 1.0,
        "observedAt": "2020-07-04T06:00:00Z",
    }
    assert (moment.observed, moment.number) == (START + 6 * HOUR, 1.0)
    assert (moment.created, moment.modified, moment.deleted) == (START + 7 * SECOND,) * 2 + (None,)


@pytest.mark.parametrize(
    "instance",
    [
        {"type": "Property", "value": [1, 1.0, True, {"a": "人吉"}], "unitCode": "MTR"},
        {"type": "Property", "value": 2**63, "observedAt": "2020-07-04T06:00:00.5Z"},
        {"type": "Property", "value": True, "observedAt": "2020-07-04T06:00:00,123Z"},
        {"type": "Relationship", "object": ["urn:b", "urn:c"], "objectType": [RIVER]},
        {"type": "LanguageProperty", "languageMap": {"ja": "人吉", "en": "Hitoyoshi"}},
        {
            "type": "JsonProperty",
            "json": {"attrs": {LEVEL: 1}},
            "observedAt": "2020-07-04T06:00:00Z",
        },
        {
            "type": "Property",
            "value": "x",
            "attrs": {NAME: {DEFAULT: {"type": "Property", "value": 1, "attrs": {LEVEL: {}}}}},
        },
    ],
)
async def test_every_instance_comes_back_as_it_came(store: Store, instance: dict[str, Any]) -> None:
    await keep(store, told(Fact(LEVEL, instance)))
    (moment,) = await moments(store)
    assert repr(sorted(moment.instance.items())) == repr(sorted(instance.items()))


async def test_the_systems_times_of_a_fact_are_left_out(store: Store) -> None:
    instance = {
        "type": "Property",
        "value": 1,
        "createdAt": "2001-01-01T00:00:00Z",
        "modifiedAt": "2001-01-01T00:00:00Z",
        "deletedAt": "2001-01-01T00:00:00Z",
    }
    await keep(store, told(Fact(LEVEL, instance)))
    (moment,) = await moments(store)
    assert moment.instance == {"type": "Property", "value": 1}
    assert moment.created == START


async def test_only_numbers_have_a_number(store: Store) -> None:
    facts = [level(value, hour) for hour, value in enumerate([1, 2.5, True, "3", None, [4]])]
    await keep(store, told(*facts))
    assert [moment.number for moment in await moments(store)] == [1.0, 2.5, None, None, None, None]


async def test_moments_are_in_order_of_time_however_they_arrive(store: Store) -> None:
    await keep(store, told(level("b", 2), level("d", 4)), told(level("a", 1)))
    await keep(store, told(level("c", 3)))
    assert await values(store) == ["a", "b", "c", "d"]


async def test_without_observed_at_a_moment_stands_where_it_was_told(store: Store) -> None:
    await keep(
        store, told(level("noon"), at=12 * 3600), told(level("one", 13), level("eleven", 11))
    )
    assert await values(store) == ["eleven", "noon", "one"]


async def test_moments_without_observed_at_of_one_time_all_stay(store: Store) -> None:
    await keep(store, told(level("a"), level("b")), told(level("c")))
    assert await values(store) == ["a", "b", "c"]


async def test_the_same_observed_at_takes_the_place_of_what_was_kept(store: Store) -> None:
    await keep(store, told(level(1, 6), level(2, 7)))
    (first, _) = await moments(store)
    await keep(store, told(level(3, 6), at=9))
    (again, _) = await moments(store)
    assert (again.instance["value"], again.number) == (3, 3.0)
    assert again.instance_id == first.instance_id
    assert (again.created, again.modified) == (START, START + 9 * SECOND)


async def test_what_is_told_twice_is_kept_once(store: Store) -> None:
    await keep(store, told(level(1, 6), level(2, 7)), told(level(1, 6), level(2, 7), at=9))
    kept = await moments(store)
    assert [(moment.instance["value"], moment.modified) for moment in kept] == [
        (1, START),
        (2, START),
    ]
    await keep(store, told(level(1.0, 6), at=9))
    assert [moment.modified for moment in await moments(store)] == [START + 9 * SECOND, START]


async def test_what_is_told_again_under_the_id_the_store_gave_changes_nothing(store: Store) -> None:
    await keep(store, told(level(1, 6)))
    (first,) = await moments(store)
    await keep(store, told(level(1, 6, instance_id=first.instance_id), at=9))
    assert await moments(store) == [first]
    await keep(store, told(level(2, 6, instance_id=first.instance_id), at=9))
    (changed,) = await moments(store)
    assert (changed.instance_id, changed.number) == (first.instance_id, 2.0)


async def test_the_same_observed_at_written_otherwise_is_the_same(store: Store) -> None:
    await keep(store, told(level(1, 6)))
    later = {"type": "Property", "value": 2, "observedAt": "2020-07-04T06:00:00.000Z"}
    await keep(store, told(Fact(LEVEL, later)))
    assert [moment.instance for moment in await moments(store)] == [later]


async def test_the_same_observed_at_of_another_dataset_is_another_moment(store: Store) -> None:
    await keep(store, told(level(1, 6), level(2, 6, dataset="urn:ds")))
    found = await store.history.read("", ["urn:a"])
    kept = [(s.dataset, [m.instance["value"] for m in s.moments]) for s in found["urn:a"]]
    assert kept == [(DEFAULT, [1]), ("urn:ds", [2])]


async def test_instance_ids_are_uris_and_differ(store: Store) -> None:
    await keep(store, told(level(1), level(2)), told(level(3), id="urn:b"))
    ids = [m.instance_id for m in await moments(store) + await moments(store, id="urn:b")]
    assert len(set(ids)) == 3
    assert all(each.startswith("urn:ngsi-ld:instance:") for each in ids)


async def test_an_instance_id_that_came_with_a_fact_is_kept(store: Store) -> None:
    await keep(store, told(level(1, 6, instance_id="urn:mine")))
    (moment,) = await moments(store)
    assert moment.instance_id == "urn:mine"


async def test_a_fact_with_a_kept_instance_id_takes_the_place_of_that_moment(store: Store) -> None:
    await keep(store, told(level(1, 6, instance_id="urn:mine"), level(2, 7)))
    await keep(store, told(level(3, 8, instance_id="urn:mine"), at=9))
    assert await values(store) == [2, 3]
    (_, moment) = await moments(store)
    assert (moment.instance_id, moment.created) == ("urn:mine", START)


async def test_an_instance_id_named_later_replaces_the_given_one(store: Store) -> None:
    await keep(store, told(level(1, 6)), told(level(2, 6, instance_id="urn:mine")))
    assert [moment.instance_id for moment in await moments(store)] == ["urn:mine"]


async def test_a_deletion_is_a_moment_with_its_time(store: Store) -> None:
    await keep(store, told(level(1)), told(level(NULL, deleted=True), at=5))
    moment = (await moments(store))[-1]
    assert (moment.observed, moment.deleted) == (None, START + 5 * SECOND)
    assert await values(store, Window(TimeProperty.DELETED)) == [NULL]


# Windows


async def test_a_window_includes_its_start_and_not_its_end(store: Store) -> None:
    await keep(store, told(*(level(hour, hour) for hour in range(6))))
    window = Window(TimeProperty.OBSERVED, START + 2 * HOUR, START + 4 * HOUR)
    assert await values(store, window) == [2, 3]
    assert await values(store, Window(TimeProperty.OBSERVED, start=START + 4 * HOUR)) == [4, 5]
    assert await values(store, Window(TimeProperty.OBSERVED, end=START + 2 * HOUR)) == [0, 1]


async def test_moments_without_the_time_property_are_not_in_the_window(store: Store) -> None:
    await keep(store, told(level("observed", 1), level("told")))
    assert await values(store, Window(TimeProperty.OBSERVED)) == ["observed"]
    assert await values(store) == ["told", "observed"]


async def test_windows_look_at_when_moments_were_created_and_modified(store: Store) -> None:
    await keep(store, told(level("a", 9), at=1), told(level("b", 8), at=2))
    await keep(store, told(level("A", 9), at=3))
    at = START + 2 * SECOND
    assert await values(store, Window(TimeProperty.CREATED, end=at)) == ["A"]
    assert await values(store, Window(TimeProperty.MODIFIED, end=at + 1)) == ["b"]
    assert await values(store, Window(TimeProperty.MODIFIED)) == ["b", "A"]
    assert await values(store, Window(TimeProperty.CREATED)) == ["A", "b"]


async def test_last_keeps_the_newest_of_each_series_in_order(store: Store) -> None:
    await keep(store, told(*(level(hour, hour) for hour in range(6))))
    await keep(store, told(*(level(hour, hour, dataset="urn:ds") for hour in range(2))))
    window = Window(TimeProperty.OBSERVED, end=START + 5 * HOUR, last=3)
    found = await store.history.read("", ["urn:a"], window=window)
    kept = [[m.instance["value"] for m in series.moments] for series in found["urn:a"]]
    assert kept == [[2, 3, 4], [0, 1]]


async def test_a_limit_leaves_out_the_later_and_with_last_the_earlier(store: Store) -> None:
    await keep(store, told(*(level(hour, hour) for hour in range(6))))
    (first,) = (await store.history.read("", ["urn:a"], limit=2))["urn:a"]
    assert ([m.instance["value"] for m in first.moments], first.more) == ([0, 1], True)
    window = Window(last=4)
    (last,) = (await store.history.read("", ["urn:a"], window=window, limit=2))["urn:a"]
    assert ([m.instance["value"] for m in last.moments], last.more) == ([4, 5], True)
    (all_of_it,) = (await store.history.read("", ["urn:a"], limit=6))["urn:a"]
    assert (len(all_of_it.moments), all_of_it.more) == (6, False)


async def test_only_the_series_asked_for_are_read(store: Store) -> None:
    await keep(store, told(level(1), level(2, dataset="urn:ds"), Fact(NAME, level("x").instance)))
    by_name = await store.history.read("", ["urn:a"], Which((NAME,)))
    assert [series.attribute for series in by_name["urn:a"]] == [NAME]
    by_dataset = await store.history.read("", ["urn:a"], Which(datasets=("urn:ds",)))
    assert [series.dataset for series in by_dataset["urn:a"]] == ["urn:ds"]


async def test_entities_without_moments_in_the_window_are_not_in_the_answer(store: Store) -> None:
    await keep(store, told(level(1, 1)), told(level(2, 5), id="urn:b"))
    window = Window(TimeProperty.OBSERVED, start=START + 2 * HOUR)
    assert list(await store.history.read("", ["urn:a", "urn:b", "urn:c"], window=window)) == [
        "urn:b"
    ]


async def test_the_extent_is_of_what_is_in_the_window(store: Store) -> None:
    await keep(store, told(level(1, 1), level(2, 3)), told(level(3, 5), id="urn:b"))
    extent = store.history.extent
    assert await extent("", ["urn:a", "urn:b"]) == (START + HOUR, START + 5 * HOUR)
    window = Window(TimeProperty.OBSERVED, end=START + 5 * HOUR)
    assert await extent("", ["urn:a", "urn:b"], window=window) == (START + HOUR, START + 3 * HOUR)
    assert await extent("", ["urn:a"], Which((NAME,))) is None


# Heads


async def test_a_head_says_when_the_entity_came_changed_and_went(store: Store) -> None:
    assert await store.history.head("", "urn:a") is None
    await keep(store, told(at=1, born=True), told(level(1), at=2))
    head = await store.history.head("", "urn:a")
    assert head is not None
    assert (head.id, head.types, head.deleted) == ("urn:a", (SHELTER,), None)
    assert (head.created, head.modified) == (START + SECOND, START + 2 * SECOND)
    await keep(store, told(at=3, gone=True))
    head = await store.history.head("", "urn:a")
    assert head is not None
    assert (head.modified, head.deleted) == (START + 3 * SECOND, START + 3 * SECOND)


async def test_types_unite_until_the_entity_is_born_again(store: Store) -> None:
    await keep(store, told(), Entry("urn:a", (RIVER, SHELTER), START))
    head = await store.history.head("", "urn:a")
    assert head is not None
    assert head.types == (SHELTER, RIVER)
    await keep(store, told(gone=True), Entry("urn:a", (RIVER,), START + SECOND, born=True))
    head = await store.history.head("", "urn:a")
    assert head is not None
    assert (head.types, head.created, head.deleted) == ((RIVER,), START + SECOND, None)


async def test_record_tells_which_entities_are_new(store: Store) -> None:
    assert await keep(store, told(), told(id="urn:b"), told()) == [True, True, False]


async def test_the_place_in_a_source_is_kept_with_what_was_read(store: Store) -> None:
    history = store.history
    assert await history.place("levels.csv") == 0
    await history.record("", [told(level(1))], place=("levels.csv", 5))
    with pytest.raises(NonexistentTenant):
        await history.record("gone", [told(level(2))], place=("levels.csv", 9))
    assert (await history.place("levels.csv"), await history.place("flows.csv")) == (5, 0)
    await history.record("", [], place=("levels.csv", 0))
    assert await history.place("levels.csv") == 0


async def test_append_needs_an_entity_with_history(store: Store) -> None:
    assert not await store.history.append("", told(level(1)))
    assert await store.history.head("", "urn:a") is None
    await keep(store, told())
    assert await store.history.append("", told(level(1)))
    assert await values(store) == [1]


# Changes of what is kept


async def test_modify_replaces_a_moment_and_keeps_its_creation(store: Store) -> None:
    await keep(store, told(level(1, 6), level(2, 7)))
    (_, moment) = await moments(store)
    fact = level("x", 5)
    assert await store.history.modify("", "urn:a", moment.instance_id, fact, START + SECOND)
    (first, second) = await moments(store)
    assert (first.instance["value"], second.instance["value"]) == ("x", 1)
    assert (first.instance_id, first.created, first.modified) == (
        moment.instance_id,
        START,
        START + SECOND,
    )


async def test_modify_may_move_a_moment_to_another_dataset(store: Store) -> None:
    await keep(store, told(level(1, 6)))
    (moment,) = await moments(store)
    fact = level(1, 6, dataset="urn:ds")
    assert await store.history.modify("", "urn:a", moment.instance_id, fact, START)
    (series,) = (await store.history.read("", ["urn:a"]))["urn:a"]
    assert (series.dataset, series.moments[0].instance_id) == ("urn:ds", moment.instance_id)


async def test_what_names_no_moment_modifies_and_deletes_nothing(store: Store) -> None:
    await keep(store, told(level(1, 6)))
    (moment,) = await moments(store)
    other = Fact(NAME, level(1).instance)
    history = store.history
    assert not await history.modify("", "urn:a", "urn:none", level(2), START)
    assert not await history.modify("", "urn:a", moment.instance_id, other, START)
    assert not await history.modify("", "urn:b", moment.instance_id, level(2), START)
    assert not await history.delete_instance("", "urn:a", NAME, moment.instance_id)
    assert not await history.delete_instance("", "urn:a", LEVEL, "urn:ngsi-ld:instance:x")
    assert not await history.delete_attribute("", "urn:a", NAME)
    assert not await history.delete_attribute("", "urn:a", LEVEL, "urn:ds")
    assert not await history.delete_entity("", "urn:b")
    assert await values(store) == [1]


@pytest.mark.parametrize("name", [None, "urn:mine"])
async def test_a_deleted_instance_is_gone(store: Store, name: str | None) -> None:
    await keep(store, told(level(1, 6, instance_id=name), level(2, 7)))
    (moment, _) = await moments(store)
    assert await store.history.delete_instance("", "urn:a", LEVEL, moment.instance_id)
    assert not await store.history.delete_instance("", "urn:a", LEVEL, moment.instance_id)
    assert await values(store) == [2]


async def test_an_instance_is_deleted_by_a_given_id_that_was_a_removed_ones_name(
    store: Store,
) -> None:
    await keep(store, told(level(1, 6)))
    (first,) = await moments(store)
    after_next = f"{INSTANCE}{int(first.instance_id.removeprefix(INSTANCE)) + 2}"
    await keep(store, told(level(2, 7, instance_id=after_next)))
    assert await store.history.delete_instance("", "urn:a", LEVEL, after_next)
    await keep(store, told(level(3, 8)))
    (_, listed) = await moments(store)
    assert listed.instance_id == after_next
    assert await store.history.delete_instance("", "urn:a", LEVEL, after_next)
    assert await values(store) == [1]


async def test_of_two_instances_of_one_name_the_default_datasets_is_deleted_first(
    store: Store,
) -> None:
    await keep(store, told(level(1, 6, dataset="urn:ds", instance_id="urn:mine")))
    await keep(store, told(level(2, 7, instance_id="urn:mine")))
    assert await store.history.delete_instance("", "urn:a", LEVEL, "urn:mine")
    found = await store.history.read("", ["urn:a"])
    assert [(s.dataset, len(s.moments)) for s in found["urn:a"]] == [("urn:ds", 1)]


async def test_an_attribute_is_deleted_by_dataset_or_whole(store: Store) -> None:
    facts = [
        level(1),
        level(2, dataset="urn:x"),
        level(3, dataset="urn:y"),
        Fact(NAME, level(4).instance),
    ]
    await keep(store, told(*facts))

    async def left() -> list[Any]:
        found = await store.history.read("", ["urn:a"])
        return [s.moments[0].instance["value"] for s in found.get("urn:a", [])]

    assert await store.history.delete_attribute("", "urn:a", LEVEL)
    assert await left() == [2, 3, 4]
    assert await store.history.delete_attribute("", "urn:a", LEVEL, "urn:x")
    assert await left() == [3, 4]
    assert await store.history.delete_attribute("", "urn:a", LEVEL, None)
    assert await left() == [4]


async def test_a_deleted_history_is_gone_and_may_begin_anew(store: Store) -> None:
    await keep(store, told(level(1)))
    assert await store.history.delete_entity("", "urn:a")
    assert await store.history.head("", "urn:a") is None
    assert await store.history.read("", ["urn:a"]) == {}
    assert await keep(store, told(level(2))) == [True]
    assert await values(store) == [2]


# Search


async def ids(store: Store, **search: Any) -> list[str]:
    """Return the ids a search finds."""
    return [head.id for head in (await store.history.search("", Search(**search))).heads]


async def test_a_search_goes_by_type_and_id(store: Store) -> None:
    river = Entry("urn:r1", (RIVER,), START)
    await keep(store, told(id="urn:s2"), told(id="urn:s1"), river)
    assert await ids(store) == ["urn:r1", "urn:s1", "urn:s2"]
    assert await ids(store, where=HasType(SHELTER)) == ["urn:s1", "urn:s2"]
    assert await ids(store, where=HasType("https://example.org/Unknown")) == []
    assert await ids(store, where=IdIn(("urn:r1", "urn:x"))) == ["urn:r1"]
    assert await ids(store, where=IdMatches("s[12]$")) == ["urn:s1", "urn:s2"]
    assert await ids(store, where=Not(HasType(SHELTER))) == ["urn:r1"]


async def test_a_search_pages_counts_and_turns_round(store: Store) -> None:
    await keep(store, *(told(id=f"urn:{n}") for n in range(5)))
    page = await store.history.search("", Search(limit=2, offset=1, count=True))
    assert ([head.id for head in page.heads], page.total) == (["urn:1", "urn:2"], 5)
    assert await ids(store, after="urn:2") == ["urn:3", "urn:4"]
    assert await ids(store, descending=True, limit=2) == ["urn:4", "urn:3"]
    assert await ids(store, descending=True, after="urn:3", limit=2) == ["urn:2", "urn:1"]
    assert (await store.history.search("", Search(limit=0, count=True))).total == 5


async def test_a_search_asks_for_moments_where_it_has_a_window_or_series(store: Store) -> None:
    await keep(store, told(level(1, 1)), told(level(2, 5), id="urn:b"), told(id="urn:c"))
    window = Window(TimeProperty.OBSERVED, end=START + 3 * HOUR)
    assert await ids(store, window=window) == ["urn:a"]
    assert await ids(store, window=window, which=Which((NAME,))) == []
    assert await ids(store, which=Which((LEVEL,))) == ["urn:a", "urn:b"]
    assert await ids(store, window=Window(last=3)) == ["urn:a", "urn:b", "urn:c"]


# Figures


async def test_figures_are_by_period_and_empty_periods_are_left_out(store: Store) -> None:
    facts = [level(value, hour) for hour, value in [(0, 1), (0.5, 2.5), (2, 4), (3, 99)]]
    await keep(store, told(*facts))
    bounds = [START + hour * HOUR for hour in range(4)]
    made = await store.history.aggregate("", ["urn:a"], bounds)
    first = Bucket(bounds[0], bounds[1], 2, 2, 1.0, 2.5, 3.5, 7.25)
    third = Bucket(bounds[2], bounds[3], 1, 1, 4.0, 4.0, 4.0, 16.0)
    assert made == {"urn:a": [Aggregated(LEVEL, DEFAULT, [first, third])]}


async def test_figures_tell_how_many_were_no_numbers(store: Store) -> None:
    await keep(store, told(level("a", 1), level(2, 2), level(True, 3)))
    bounds = (START, START + 24 * HOUR)
    (series,) = (await store.history.aggregate("", ["urn:a"], bounds))["urn:a"]
    assert series.buckets == [Bucket(*bounds, 3, 1, 2.0, 2.0, 2.0, 4.0)]
    await store.history.delete_entity("", "urn:a")
    await keep(store, told(level("a", 1)))
    (series,) = (await store.history.aggregate("", ["urn:a"], bounds))["urn:a"]
    assert series.buckets == [Bucket(*bounds, 1, 0, None, None, None, None)]


async def test_figures_leave_out_deletions_and_what_is_outside(store: Store) -> None:
    gone = level(NULL, deleted=True)
    await keep(store, told(level(1, 1), level(2, 2), level(3, 3)), told(gone, at=3600))
    window = Window(TimeProperty.OBSERVED, START + 2 * HOUR)
    bounds = (START, START + 3 * HOUR)
    (series,) = (await store.history.aggregate("", ["urn:a"], bounds, window=window))["urn:a"]
    assert series.buckets == [Bucket(*bounds, 1, 1, 2.0, 2.0, 2.0, 4.0)]
    assert await store.history.aggregate("", ["urn:a"], [0, 1]) == {}
    whole = [START, START + 24 * HOUR]
    (series,) = (await store.history.aggregate("", ["urn:a"], whole))["urn:a"]
    assert series.buckets[0].count == 3


# Following


async def test_what_was_followed_is_never_followed_again(store: Store) -> None:
    history = store.history
    assert history.followed() == 0
    await history.follow(3, {"": [told(level(1))]})
    await history.follow(3, {"": [told(level(2))]})
    await history.follow(2, {"": [told(level(3))]})
    assert (history.followed(), await values(store)) == (3, [1])
    await history.follow(5, {})
    assert history.followed() == 5


async def test_what_another_broker_has_followed_meanwhile_is_left_out(store: Store) -> None:
    await store.history.follow(3, {"": [told(level(1))]}, after=0)
    await store.history.follow(5, {"": [told(level(2))]}, after=2)
    assert (store.history.followed(), await values(store)) == (3, [1])
    await store.history.follow(5, {"": [told(level(3))]}, after=3)
    assert store.history.followed() == 5


async def test_followed_entries_of_tenants_that_are_gone_are_left_out(store: Store) -> None:
    await store.history.follow(1, {"gone": [told(level(1))], "": [told(level(2))]})
    assert (store.history.followed(), await values(store)) == (1, [2])
    assert await store.tenants() == [""]


# Tenants


async def test_each_tenant_has_a_history_of_its_own(store: Store) -> None:
    with pytest.raises(NonexistentTenant):
        await store.history.record("town", [told(level(1))])
    with pytest.raises(NonexistentTenant):
        await store.history.read("town", ["urn:a"])
    await store.history.record("town", [told(level(1))], create_tenant=True)
    assert await store.history.head("", "urn:a") is None
    assert list(await store.history.read("town", ["urn:a"])) == ["urn:a"]


async def test_a_dropped_tenant_takes_its_history_along(store: Store) -> None:
    await store.history.record("town", [told(level(1))], create_tenant=True)
    await keep(store, told(level(2)))
    await store.drop_tenant("town")
    await create(store, tenant="town")
    assert await store.history.head("town", "urn:a") is None
    assert await values(store) == [2]


async def test_the_default_tenant_may_be_emptied_of_its_history(store: Store) -> None:
    await keep(store, told(level(1)))
    await store.drop_tenant("")
    assert await store.history.head("", "urn:a") is None
