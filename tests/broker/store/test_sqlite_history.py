"""History in the file: what its check finds, and how merging goes about it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from broker.model.times import microseconds, timestamp
from broker.store.history import ALL, INSTANCE, Entry, Fact, TimeProperty, Window
from broker.store.keeping import Keeping, Step
from broker.store.sqlite import SqliteStore
from broker.store.sqlite.connection import DATA_FILE
from broker.store.sqlite.history import merging, thinning
from broker.store.sqlite.history import store as engine
from broker.store.sqlite.maintenance import check
from tests.broker.store.helpers import LEVEL, SHELTER

START = microseconds("2020-07-04T00:00:00Z")


def told(start: int, count: int, entity_id: str = "urn:a") -> Entry:
    """Return levels observed a second apart."""
    facts = (
        Fact(
            LEVEL,
            {"type": "Property", "value": n, "observedAt": timestamp(START + n * 1_000_000)},
        )
        for n in range(start, start + count)
    )
    return Entry(entity_id, (SHELTER,), START, tuple(facts))


def raw(tmp_path: Path, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement on the file."""
    connection = apsw.Connection(str(tmp_path / "data" / DATA_FILE))
    rows: list[tuple[Any, ...]] = connection.execute(statement).fetchall()
    connection.close()
    return rows


async def test_series_with_many_new_rows_are_merged_by_themselves(
    sqlite: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "GROWTH", 40)
    history = sqlite.history
    await history.record("", [told(0, 41), told(0, 3, "urn:b")])
    assert history._merger is not None
    await history._merger
    assert raw(tmp_path, "SELECT n FROM chunk") == [(41,)]
    assert raw(tmp_path, "SELECT count(*) FROM moment") == [(3,)]


async def test_small_chunks_do_not_pile_up(
    sqlite: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "MOST", 32)
    for turn in range(40):
        await sqlite.history.record("", [told(turn * 2, 2)])
        await sqlite.history.merge([1], whole=False)
    sizes = [n for (n,) in raw(tmp_path, "SELECT n FROM chunk ORDER BY first")]
    assert sum(sizes) == 80
    assert len(sizes) <= 2 + 5
    await sqlite.history.compact()
    assert raw(tmp_path, "SELECT n FROM chunk ORDER BY first") == [(32,), (32,), (16,)]


@pytest.mark.parametrize("turns", [[90], [40, 50], [33, 33, 24], [1] * 90])
async def test_moments_of_one_time_keep_their_order_however_many_chunks_they_fill(
    sqlite: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turns: list[int]
) -> None:
    monkeypatch.setattr(merging, "MOST", 32)
    history, values = sqlite.history, iter(range(90))
    for count in turns:
        facts = (Fact(LEVEL, {"type": "Property", "value": next(values)}) for _ in range(count))
        await history.record("", [Entry("urn:a", (SHELTER,), START, tuple(facts))])
        await history.merge([1], whole=False)
    await history.compact()
    assert len(raw(tmp_path, "SELECT cid FROM chunk")) >= 3
    for window, wanted in ((Window(), range(90)), (Window(last=7), range(83, 90))):
        (series,) = (await history.read("", ["urn:a"], ALL, window))["urn:a"]
        assert [moment.instance["value"] for moment in series.moments] == list(wanted)


async def test_an_instance_of_a_given_name_takes_the_place_of_none_that_is_told_after_it(
    sqlite: SqliteStore,
) -> None:
    facts = [
        Fact(
            LEVEL,
            {"type": "Property", "value": n, "observedAt": timestamp(START + n * 1_000_000)},
            instance_id=f"{INSTANCE}3" if n == 0 else None,
        )
        for n in range(3)
    ]
    await sqlite.history.record("", [Entry("urn:a", (SHELTER,), START, tuple(facts))])
    (series,) = (await sqlite.history.read("", ["urn:a"]))["urn:a"]
    assert [moment.instance["value"] for moment in series.moments] == [0, 1, 2]


def named(count: int) -> Entry:
    """Return levels observed a second apart, each with an instanceId of the client's."""
    entry = told(0, count)
    facts = (replace(fact, instance_id=f"urn:mine:{n}") for n, fact in enumerate(entry.facts))
    return replace(entry, facts=tuple(facts))


@pytest.mark.parametrize("merged", [False, True])
async def test_a_given_name_goes_with_its_moment(
    sqlite: SqliteStore, tmp_path: Path, merged: bool
) -> None:
    await sqlite.history.record("", [named(3)])
    if merged:
        await sqlite.history.compact()
    assert await sqlite.history.delete_instance("", "urn:a", LEVEL, "urn:mine:1")
    told_anew = replace(told(0, 1).facts[0], instance_id="urn:other")
    await sqlite.history.record("", [Entry("urn:a", (SHELTER,), START, (told_anew,))])
    names = raw(tmp_path, "SELECT name FROM instance ORDER BY name")
    assert names == [("urn:mine:2",), ("urn:other",)]


@pytest.mark.parametrize(
    ("keeping", "left"),
    [
        (Keeping(0, (Step(60_000_000),)), []),
        (Keeping(0), []),
        (Keeping(30_000_000), [(f"urn:mine:{n}",) for n in range(90, 100)]),
    ],
    ids=["resampled", "forgotten", "forgotten in part"],
)
async def test_given_names_go_with_what_retention_removes(
    sqlite: SqliteStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    keeping: Keeping,
    left: list[tuple[str]],
) -> None:
    for module in (merging, thinning):
        monkeypatch.setattr(module, "MOST", 4)
    await sqlite.history.record("", [named(100)])
    await sqlite.history.retain("", lambda types, attribute: keeping, START + 120_000_000)
    assert raw(tmp_path, "SELECT name FROM instance ORDER BY name") == left


async def test_a_name_that_an_earlier_program_left_hides_no_moment(
    sqlite: SqliteStore, tmp_path: Path
) -> None:
    await sqlite.history.record("", [told(0, 3)])
    raw(tmp_path, f"INSERT INTO instance VALUES (1, '{INSTANCE}2', 99)")
    assert await sqlite.history.delete_instance("", "urn:a", LEVEL, f"{INSTANCE}2")


@pytest.mark.parametrize("timeproperty", [TimeProperty.CREATED, TimeProperty.MODIFIED])
async def test_a_clock_that_was_set_back_hides_nothing_that_was_merged(
    sqlite: SqliteStore, timeproperty: TimeProperty
) -> None:
    (fact,) = told(0, 1).facts
    changed = replace(fact, instance={**fact.instance, "value": 7})
    for at, one in ((START + 9, fact), (START + 3, changed)):
        await sqlite.history.record("", [Entry("urn:a", (SHELTER,), at, (one,))])
    await sqlite.history.compact()
    at = START + (9 if timeproperty is TimeProperty.CREATED else 3)
    window = Window(timeproperty, at, at + 1)
    (series,) = (await sqlite.history.read("", ["urn:a"], ALL, window))["urn:a"]
    assert [moment.number for moment in series.moments] == [7]


async def test_a_sound_history_has_no_faults(sqlite: SqliteStore, tmp_path: Path) -> None:
    await sqlite.history.record("", [told(0, 9)])
    await sqlite.history.compact()
    await sqlite.history.record("", [told(4, 9)])
    assert check(tmp_path / "data") == []


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE chunk SET total = total + 1", "what its header says"),
        ("UPDATE chunk SET first = first - 1", "what its header says"),
        ("DELETE FROM series", "belong to nothing"),
        ("DELETE FROM past", "belong to nothing"),
        ("UPDATE past SET tid = 99", "tenant number 99"),
        ("UPDATE meta SET value = 7 WHERE key = 'followed'", "followed change 7"),
        (
            "INSERT INTO chunk SELECT NULL, sid, first, last, low_iid, high_iid, oldest, newest, n,"
            " flags, period, live, numbers, minimum, maximum, total, squares, body FROM chunk",
            "before the one before it ends",
        ),
    ],
)
async def test_the_check_finds_what_does_not_agree(
    sqlite: SqliteStore, tmp_path: Path, damage: str, words: str
) -> None:
    await sqlite.history.record("", [told(0, 9)])
    await sqlite.history.compact()
    await sqlite.history.record("", [told(9, 1)])
    raw(tmp_path, damage)
    assert words in " ".join(check(tmp_path / "data"))


async def test_a_dropped_tenant_leaves_nothing_of_its_history(
    sqlite: SqliteStore, tmp_path: Path
) -> None:
    await sqlite.history.record("town", [told(0, 9)], create_tenant=True)
    await sqlite.history.compact()
    await sqlite.history.record("town", [told(9, 2)])
    await sqlite.drop_tenant("town")
    for table in ("past", "ptype", "series", "moment", "chunk"):
        assert raw(tmp_path, f"SELECT count(*) FROM {table}") == [(0,)]


async def test_history_goes_on_after_a_restart(tmp_path: Path) -> None:
    for turn in range(3):
        store = SqliteStore(tmp_path)
        await store.open()
        assert store.history.followed() == turn
        await store.history.follow(turn + 1, {"": [told(turn * 5, 5)]})
        await store.history.compact()
        await store.close()
    store = SqliteStore(tmp_path)
    await store.open()
    (series,) = (await store.history.read("", ["urn:a"]))["urn:a"]
    assert [moment.number for moment in series.moments] == list(range(15))
    assert len({moment.instance_id for moment in series.moments}) == 15
    await store.close()
