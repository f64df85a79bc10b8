"""What figures of history count, and when their periods begin and end (§4.5.19)."""

from collections import Counter
from typing import Any

import pytest

from broker.store.contract import Store
from tests.broker.api.history import AFTER, HISTORY, ONE, ask, at, level, past
from tests.support.asgi import Client, running

OVER = {"expiresAt": "2021-01-01T00:00:00Z"}
GONE = {"type": "Property", "value": "urn:ngsi-ld:null"}
UNTIL = {"timerel": "before", "timeAt": "2020-07-04T00:00:00Z"}

NOT_COUNTED: list[dict[str, Any]] = [
    {"level": [level(1, 0, **OVER)]},
    {"level": [level(1, 0, **OVER), level(1, 1, **OVER), level(1, 50, **OVER)]},
    {"level": [level(1, 0, datasetId="urn:d:1", **OVER)]},
    {"level": [{**GONE, "observedAt": at(0)}]},
    {"other": [level(1, -60, **OVER), level(1, 60, **OVER)]},
    {"other": [level(1, 0, **{**OVER, "observedAt": "2001-01-01T00:00:00Z"})]},
]
"""What a history has beside the two levels that are counted."""


@pytest.mark.parametrize("methods", ["avg", "avg,distinctCount"])
@pytest.mark.parametrize("besides", NOT_COUNTED)
async def test_periods_begin_with_the_earliest_instance_that_counts(
    client: Client, besides: dict[str, Any], methods: str
) -> None:
    told = {**past(1), **besides}
    told["level"] = [*told["level"], level(2, 7), level(4, 12)]
    assert (await client.post(HISTORY, told)).status == 201
    for period, end in (("PT10M", at(17)), ("PT1M", at(8))):
        asked = {**UNTIL, "aggrMethods": methods, "aggrPeriodDuration": period}
        figures = (await ask(client, ONE, **asked)).json()
        assert "other" not in figures
        assert figures["level"]["avg"][0][1:] == [at(7), end]


@pytest.mark.parametrize("methods", ["sum", "sum,distinctCount"])
async def test_the_whole_time_of_an_entity_ends_with_its_own_latest_that_counts(
    client: Client, methods: str
) -> None:
    await client.post(HISTORY, past(1, level(1, 0), level(1, 5), level(1, 9, **OVER)))
    await client.post(HISTORY, past(2, level(1, 0), level(1, 50)))
    answer = await ask(client, **AFTER, type="Gauge", aggrMethods=methods)
    ends = [one["level"]["sum"] for one in answer.json()]
    begin = AFTER["timeAt"]
    assert ends == [[[2, begin, at(5)]], [[2, begin, at(50)]]]


async def test_a_page_of_figures_with_a_beginning_is_asked_of_the_store_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(store) as client:
        for number in range(1, 5):
            await client.post(HISTORY, past(number, level(1, 0), level(1, number)))
        calls: Counter[str] = Counter()

        def counted(name: str) -> Any:
            method = getattr(store.history, name)

            async def call(*given: Any, **named: Any) -> Any:
                calls[name] += 1
                return await method(*given, **named)

            return call

        for name in ("extent", "aggregate"):
            monkeypatch.setattr(store.history, name, counted(name))
        asked = {**AFTER, "type": "Gauge", "aggrMethods": "sum"}
        assert len((await ask(client, **asked, aggrPeriodDuration="PT1M")).json()) == 4
        assert calls == {"extent": 1, "aggregate": 1}
        calls.clear()
        assert len((await ask(client, **asked)).json()) == 4
        assert calls == {"aggregate": 1}
