"""Answers that hold a part of what was asked for (§6.3.10)."""

import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from broker.api import temporal
from broker.model.times import microseconds, timestamp
from broker.settings import Settings
from broker.store.contract import Store
from broker.store.memory import MemoryStore
from broker.temporal import service
from broker.temporal.render import render
from tests.broker.api.data import refusal
from tests.broker.api.history import AFTER, HISTORY, ONE, ask, at, level, past, plain
from tests.support.asgi import Answer, Client, Ticking, running


@pytest.fixture
async def paging() -> AsyncIterator[Client]:
    """Give a broker whose answers hold four instances."""
    settings = Settings(max_instances=4)
    async with running(MemoryStore(clock=Ticking()), settings) as client:
        name = [{"value": "x", "observedAt": at(minute)} for minute in (0, 20, 40)]
        await client.post(HISTORY, past(1, *(level(i, i * 10) for i in range(6)), name=name))
        yield client


PARTS: list[tuple[dict[str, str], list[int], str]] = [
    ({}, [0, 1], f"{at(0)}-{at(10)}/*"),
    (AFTER, [0, 1], f"{AFTER['timeAt']}-{at(10)}/*"),
    ({"timerel": "before", "timeAt": at(50)}, [0, 1], f"{at(0)}-{at(10)}/*"),
    ({"lastN": "6"}, [3, 4, 5], f"{at(50)}-{at(30)}/6"),
    ({**AFTER, "lastN": "6"}, [3, 4, 5], f"{at(50)}-{at(30)}/6"),
    ({"timerel": "before", "timeAt": at(50), "lastN": "6"}, [3, 4], f"{at(50)}-{at(30)}/6"),
]


@pytest.mark.parametrize(("parameters", "values", "said"), PARTS)
async def test_what_does_not_fit_is_answered_in_parts_of_time(
    paging: Client, parameters: dict[str, str], values: list[int], said: str
) -> None:
    answer = await ask(paging, ONE, **parameters)
    assert (answer.status, answer.header("content-range")) == (206, f"date-time {said}")
    assert [one["value"] for one in answer.json()["level"]] == values


def collected(answer: Answer, seen: list[tuple[str, str]]) -> str:
    """Add the instances of a part to those seen; return where its time range ends."""
    for name in ("level", "name"):
        seen += [(name, one["observedAt"]) for one in answer.json().get(name, [])]
    said = answer.header("content-range")
    return "" if said is None else said.partition("Z-")[2].partition("/")[0]


ALL_TOLD = sorted(
    [*(("level", at(i * 10)) for i in range(6)), *(("name", at(i)) for i in (0, 20, 40))]
)


async def test_who_goes_on_after_each_part_has_every_instance_once(paging: Client) -> None:
    seen: list[tuple[str, str]] = []
    end = collected(await ask(paging, ONE), seen)
    while end:
        more = {"timerel": "after", "timeAt": end.replace("Z", ".000001Z")}
        end = collected(await ask(paging, ONE, **more), seen)
    assert sorted(seen) == ALL_TOLD


async def test_who_goes_back_before_each_part_has_every_instance_once(paging: Client) -> None:
    seen: list[tuple[str, str]] = []
    end = collected(await ask(paging, ONE, lastN="9"), seen)
    while end:
        more = {"timerel": "before", "timeAt": end, "lastN": "9"}
        end = collected(await ask(paging, ONE, **more), seen)
    assert sorted(seen) == ALL_TOLD


async def test_an_attribute_outside_of_the_part_is_there_and_empty(paging: Client) -> None:
    answer = await ask(paging, ONE, timerel="after", timeAt=at(20), lastN="5", attrs="level,name")
    assert answer.status == 206
    early = {"value": 0, "observedAt": at(-60)}
    await paging.post(f"{ONE}/attrs", {"early": [early]})
    answer = await ask(paging, ONE, lastN="6")
    assert answer.json()["early"] == []


async def test_parts_of_a_query_go_over_all_its_entities(paging: Client) -> None:
    await paging.post(HISTORY, past(2, level(7, 50), level(8, 60)))
    answer = await ask(paging, **AFTER, type="Gauge")
    assert answer.status == 206
    assert [len(one["level"]) for one in answer.json()] == [2, 0]


async def test_figures_are_never_parted(paging: Client) -> None:
    answer = plain(await ask(paging, ONE, aggrMethods="totalCount"))
    assert answer["level"]["totalCount"] == [[6, at(0), at(50)]]


@pytest.fixture
async def small(store: Store) -> AsyncIterator[Client]:
    """Give a broker on each engine whose answers hold three instances."""
    async with running(store, Settings(max_instances=3)) as client:
        yield client


def after(time: str) -> dict[str, str]:
    """Return the range from a time on."""
    return {"timerel": "after", "timeAt": time}


async def all_parts(client: Client, **parameters: str) -> list[Any]:
    """Return the values of levels in all parts, in the order they come in."""
    values: list[Any] = []
    back = "lastN" in parameters
    for _ in range(9):
        answer = await ask(client, ONE, **parameters)
        values += [one["value"] for one in answer.json().get("level", [])]
        if answer.status == 200:
            return values
        assert answer.status == 206, answer
        said = answer.header("content-range") or ""
        end = said.partition("Z-")[2].partition("/")[0]
        behind = timestamp(microseconds(end) + 1)
        parameters |= {"timerel": "before", "timeAt": end} if back else after(behind)
    raise AssertionError(f"no end of parts after {values}")


@pytest.mark.parametrize("timeproperty", ["createdAt", "modifiedAt"])
@pytest.mark.parametrize("last", [{}, {"lastN": "99"}])
async def test_parts_by_the_times_of_writing_have_every_instance_once(
    small: Client, timeproperty: str, last: dict[str, str]
) -> None:
    for first in (0, 8):
        await small.post(HISTORY, past(1, *(level(first + i, first + i) for i in range(8))))
    await small.post(HISTORY, past(1, level(16, 16)))
    values = await all_parts(small, timeproperty=timeproperty, **last)
    assert sorted(values) == list(range(17))


async def test_a_part_of_one_time_holds_it_of_every_attribute_and_entity(small: Client) -> None:
    names = [{"value": str(i), "observedAt": at(i)} for i in range(6)]
    await small.post(HISTORY, past(1, *(level(i, i) for i in range(8)), name=names))
    await small.post(HISTORY, past(2, level(1, 0)))
    asked = {**AFTER, "type": "Gauge", "timeproperty": "modifiedAt"}
    answer = await ask(small, **asked)
    shown, other = answer.json()
    assert (answer.status, len(shown["level"]), len(shown["name"])) == (206, 8, 6)
    assert other["level"] == []


async def test_the_last_instances_of_one_time_are_no_more_than_asked_for(small: Client) -> None:
    await small.post(HISTORY, past(1, *(level(i, i) for i in range(8))))
    answer = await ask(small, ONE, timeproperty="modifiedAt", lastN="6")
    assert [one["value"] for one in answer.json()["level"]] == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("many", [2, 4, 6])
@pytest.mark.parametrize("attrs", [{}, {"attrs": "level"}])
async def test_parts_go_on_behind_what_has_expired(
    small: Client, many: int, attrs: dict[str, str]
) -> None:
    over = [level(i, i, expiresAt="2021-01-01T00:00:00Z") for i in range(many)]
    lasting = [level(i, i) for i in range(many, 9)]
    await small.post(HISTORY, past(1, *over, *lasting))
    assert await all_parts(small, **attrs) == list(range(many, 9))


async def test_parts_end_where_all_that_is_left_has_expired(small: Client) -> None:
    expired = {"expiresAt": "2021-01-01T00:00:00Z"}
    over = [level(i, i, **expired) for i in range(9) if i != 1]
    await small.post(HISTORY, past(1, *over, level(1, 1)))
    assert await all_parts(small, attrs="level") == [1]


async def test_more_instances_of_one_time_than_an_answer_can_hold_are_refused(
    small: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await small.post(HISTORY, past(1, *(level(i, i) for i in range(8))))
    monkeypatch.setattr(service, "OF_ONE_TIME", 2)
    answer = await ask(small, ONE, timeproperty="modifiedAt")
    assert refusal(answer) == (403, "TooComplexQuery", "query:")
    assert "observedAt" in answer.json()["remedy"]
    assert await all_parts(small, timeproperty="observedAt") == list(range(8))


async def test_nor_may_many_short_series_of_one_time_hold_more_together(
    small: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {f"name{n}": [level(i, i) for i in range(2)] for n in range(3)}
    await small.post(HISTORY, past(1, level(0, 0), **names))
    monkeypatch.setattr(service, "OF_ONE_TIME", 2)
    answer = await ask(small, ONE, timeproperty="modifiedAt")
    assert refusal(answer) == (403, "TooComplexQuery", "query:")


async def test_who_asks_by_observedat_is_not_told_to(
    small: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {f"name{n}": [level(n, 0)] for n in range(3)}
    await small.post(HISTORY, past(1, level(0, 0), **names))
    monkeypatch.setattr(service, "OF_ONE_TIME", 1)
    answer = await ask(small, ONE)
    assert refusal(answer) == (403, "TooComplexQuery", "query:")
    assert answer.json()["remedy"] == "Ask for fewer attributes, or for smaller pages."


async def test_all_of_one_time_are_no_part_where_that_is_all_there_is(small: Client) -> None:
    names = {f"name{n}": [level(n, 0)] for n in range(3)}
    await small.post(HISTORY, past(1, level(0, 0), **names))
    answer = plain(await ask(small, ONE))
    assert all(len(answer[name]) == 1 for name in ("level", *names))


@pytest.mark.parametrize(("many", "elsewhere"), [(3, False), (8, True)])
async def test_only_more_than_else_fits_in_an_answer_is_rendered_off_the_event_loop(
    small: Client, monkeypatch: pytest.MonkeyPatch, many: int, elsewhere: bool
) -> None:
    await small.post(HISTORY, past(1, *(level(i, i) for i in range(many))))
    threads = set()

    def noted(*given: Any) -> dict[str, Any]:
        threads.add(threading.get_ident())
        return render(*given)

    monkeypatch.setattr(temporal, "render", noted)
    answer = await ask(small, ONE, timeproperty="modifiedAt")
    assert len(answer.json()["level"]) == many
    assert len(threads) == 1
    assert (threads != {threading.get_ident()}) is elsewhere


async def test_a_series_that_is_read_to_the_last_of_a_time_is_read_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(store, Settings(max_instances=3)) as client:
        await client.post(HISTORY, past(1, *(level(i, i) for i in range(8))))
        reads = []
        read = store.history.read

        async def counted(*given: Any, **named: Any) -> Any:
            reads.append(given)
            return await read(*given, **named)

        monkeypatch.setattr(store.history, "read", counted)
        assert (await ask(client, ONE)).status == 206
        scopes_and_instances = 2
        assert len(reads) == scopes_and_instances
