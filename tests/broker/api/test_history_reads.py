"""Reads of the temporal API (§5.7.3, §5.7.4, §6.3.10)."""

import re
from typing import Any

import pytest

from broker.temporal import service
from tests.broker.api.data import ENTITIES, V1, refusal
from tests.broker.api.history import AFTER, HISTORY, ONE, ask, at, level, past, plain
from tests.support.asgi import Answer, Client

POSTED = f"{V1}/temporal/entityOperations/query"


@pytest.fixture
async def filled(client: Client) -> Client:
    """Give a broker with three histories."""
    await client.post(HISTORY, past(1, level(1, 0), level(5, 10), level(3, 20)))
    await client.post(HISTORY, past(2, level(9, 70), name={"value": "b", "observedAt": at(70)}))
    await client.post(HISTORY, past(3, level(2, 0, datasetId="urn:d:1"), level(4, 20)))
    return client


WINDOWS: list[tuple[dict[str, str], list[int]]] = [
    ({}, [1, 5, 3]),
    ({"timerel": "before", "timeAt": at(10)}, [1]),
    ({"timerel": "after", "timeAt": at(10)}, [5, 3]),
    ({"timerel": "between", "timeAt": at(0), "endTimeAt": at(20)}, [1, 5]),
    ({"lastN": "2"}, [5, 3]),
    ({"timerel": "before", "timeAt": at(20), "lastN": "1"}, [5]),
    ({"timerel": "after", "timeAt": "2020-07-03T12:10:00.000Z"}, [5, 3]),
    ({"timerel": "after", "timeAt": at(30)}, []),
    (
        {"timerel": "after", "timeAt": "2026-01-01T00:00:00Z", "timeproperty": "createdAt"},
        [1, 5, 3],
    ),
    ({"timeproperty": "deletedAt"}, []),
]


@pytest.mark.parametrize(("parameters", "values"), WINDOWS)
async def test_a_time_range_bounds_the_instances(
    filled: Client, parameters: dict[str, str], values: list[int]
) -> None:
    answer = plain(await ask(filled, ONE, **parameters))
    assert [one["value"] for one in answer.get("level", [])] == values


REFUSED: list[tuple[dict[str, str], str, str]] = [
    ({"timerel": "during", "timeAt": at(0)}, "BadRequestData", "query:timerel"),
    ({"timeAt": at(0)}, "BadRequestData", "query:timerel"),
    ({"timerel": "before"}, "BadRequestData", "query:timeAt"),
    ({"timerel": "between", "timeAt": at(0)}, "BadRequestData", "query:endTimeAt"),
    ({**AFTER, "endTimeAt": at(0)}, "BadRequestData", "query:endTimeAt"),
    ({"timerel": "after", "timeAt": "2020-07-03"}, "BadRequestData", "query:timeAt"),
    ({"timeproperty": "now"}, "BadRequestData", "query:timeproperty"),
    ({**AFTER, "timeproperty": "now"}, "BadRequestData", "query:timeproperty"),
    ({"lastN": "0"}, "BadRequestData", "query:lastN"),
    ({"lastN": "1.5"}, "BadRequestData", "query:lastN"),
    ({"options": "temporalValues,aggregatedValues"}, "InvalidRequest", "query:options"),
    ({"options": "keyValues"}, "InvalidRequest", "query:options"),
    ({"format": "concise"}, "InvalidRequest", "query:format"),
    ({"format": "aggregatedValues"}, "BadRequestData", "query:aggrMethods"),
    ({"aggrMethods": "median"}, "BadRequestData", "query:aggrMethods"),
    (
        {"aggrMethods": "avg", "aggrPeriodDuration": "1h"},
        "BadRequestData",
        "query:aggrPeriodDuration",
    ),
    ({"pick": "level{x}"}, "BadRequestData", "query:pick"),
    ({"pick": "level", "attrs": "level"}, "BadRequestData", "query:attrs"),
]


@pytest.mark.parametrize(("parameters", "kind", "place"), REFUSED)
@pytest.mark.parametrize("path", [ONE, HISTORY])
async def test_a_wrong_parameter_is_named(
    quick: Client, path: str, parameters: dict[str, str], kind: str, place: str
) -> None:
    await quick.post(HISTORY, past(1, level(1, 0)))
    range_ = {} if path == ONE or "timerel" in parameters or "timeAt" in parameters else AFTER
    more = {} if path == ONE else {"local": "true"}
    assert refusal(await ask(quick, path, **range_, **parameters, **more)) == (400, kind, place)


TOO_WIDE: list[tuple[dict[str, str], str]] = [
    ({"type": "Gauge"}, "query:timerel"),
    (AFTER, "query:"),
    ({**AFTER, "id": "urn:ngsi-ld:Gauge:1"}, "query:"),
    ({**AFTER, "type": "Gauge", "orderBy": "level"}, "query:orderBy"),
    ({**AFTER, "type": "Gauge", "q": "near{level}>1"}, "query:q"),
]


@pytest.mark.parametrize(("parameters", "place"), TOO_WIDE)
async def test_a_query_needs_a_time_range_and_a_selection(
    quick: Client, parameters: dict[str, str], place: str
) -> None:
    assert refusal(await ask(quick, **parameters)) == (400, "BadRequestData", place)


def ids(answer: Answer) -> list[int]:
    """Return the numbers of the gauges in an answer."""
    assert answer.status == 200, answer
    return [int(one["id"].rpartition(":")[2]) for one in answer.json()]


SELECTIONS: list[tuple[dict[str, str], list[int]]] = [
    ({"type": "Gauge"}, [1, 2, 3]),
    ({"type": "Other"}, []),
    ({"attrs": "name"}, [2]),
    ({"type": "Gauge", "id": "urn:ngsi-ld:Gauge:3,urn:ngsi-ld:Gauge:1"}, [1, 3]),
    ({"type": "Gauge", "idPattern": "[12]$"}, [1, 2]),
    ({"q": "level>4"}, [1, 2]),
    ({"q": "level>4;name"}, [2]),
    ({"q": "level==2|name=='b'".replace("'", '"')}, [2, 3]),
    ({"type": "Gauge", "q": "!name"}, [1, 3]),
    ({"type": "Gauge", "orderBy": "id;desc"}, [3, 2, 1]),
    ({"type": "Gauge", "q": "level>1", "orderBy": "id;desc"}, [3, 2, 1]),
    ({"local": "true", "timerel": "before", "timeAt": at(30)}, [1, 3]),
    ({"type": "Gauge", "q": "level>4", "timerel": "before", "timeAt": at(10)}, []),
]


@pytest.mark.parametrize(("parameters", "expected"), SELECTIONS)
async def test_a_query_selects_entities_by_their_instances_in_the_range(
    filled: Client, parameters: dict[str, str], expected: list[int]
) -> None:
    asked = {**AFTER, **parameters, "count": "true"}
    answer = await ask(filled, **asked)
    assert ids(answer) == expected
    assert answer.header("ngsild-results-count") == str(len(expected))


async def test_only_instances_that_meet_the_condition_are_shown(filled: Client) -> None:
    answer = await ask(filled, **AFTER, q="level>2", format="temporalValues")
    values = [one["level"]["values"] for one in plain(answer)]
    assert values == [[[5, at(10)], [3, at(20)]], [[9, at(70)]], [[4, at(20)]]]


async def test_pages_of_entities_are_linked(filled: Client) -> None:
    first = await ask(filled, **AFTER, q="level>0", limit="2")
    assert ids(first) == [1, 2]
    assert relations(first) == ["next"]
    last = await ask(filled, **AFTER, q="level>0", limit="2", offset="2")
    assert ids(last) == [3]
    assert relations(last) == ["prev"]


def relations(answer: Answer) -> list[str]:
    """Return what an answer links to."""
    return re.findall(r'rel="(next|prev)"', " ".join(answer.all("link")))


async def test_a_query_in_a_body_asks_the_same(filled: Client) -> None:
    body = {
        "type": "Query",
        "entities": [{"type": "Gauge"}],
        "q": "level>2",
        "temporalQ": {**AFTER, "lastN": 1},
    }
    by_post = await filled.post(f"{POSTED}?format=temporalValues", body)
    by_get = await ask(
        filled, **AFTER, type="Gauge", q="level>2", lastN="1", format="temporalValues"
    )
    assert plain(by_post) == plain(by_get)


POSTS: list[tuple[dict[str, Any], str]] = [
    ({"temporalQ": {"timerel": "during", "timeAt": at(0)}}, "body:/temporalQ/timerel"),
    ({"temporalQ": {**AFTER, "lastN": 1.5}}, "body:/temporalQ/lastN"),
    ({"temporalQ": {**AFTER, "timeproperty": "x"}}, "body:/temporalQ/timeproperty"),
    ({"temporalQ": {**AFTER, "timerel": "between"}}, "body:/temporalQ/endTimeAt"),
    ({"temporalQ": AFTER, "join": "flat"}, "body:/join"),
    (
        {"temporalQ": AFTER, "aggrParams": {"aggrMethods": ["bogus"]}},
        "body:/aggrParams/aggrMethods",
    ),
]


@pytest.mark.parametrize(("members", "place"), POSTS)
async def test_a_wrong_member_of_a_posted_query_is_named(
    quick: Client, members: dict[str, Any], place: str
) -> None:
    body = {"type": "Query", "entities": [{"type": "Gauge"}], **members}
    assert refusal(await quick.post(POSTED, body)) == (400, "BadRequestData", place)


async def test_a_time_range_belongs_to_history_only(quick: Client) -> None:
    body = {"type": "Query", "entities": [{"type": "Gauge"}], "temporalQ": AFTER}
    answer = await quick.post(f"{V1}/entityOperations/query", body)
    assert refusal(answer) == (400, "BadRequestData", "body:/temporalQ")


async def test_aggregation_params_in_a_body_ask_for_figures(filled: Client) -> None:
    body = {
        "type": "Query",
        "entities": [{"type": "Gauge"}],
        "temporalQ": AFTER,
        "aggrParams": {"aggrMethods": ["max"], "aggrPeriodDuration": "P1D"},
    }
    answer = plain(await filled.post(POSTED, body))
    assert answer[0]["level"] == {
        "type": "Property",
        "max": [[5, "2020-07-03T00:00:00Z", "2020-07-04T00:00:00Z"]],
    }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1_700_000_000, 1_700_000_001], 0.5),
        ([1e9 + 0.25, 1e9 - 0.25], 0.25),
        ([1_700_000_000] * 3, 0.0),
        ([1e200, -1e200], None),
    ],
    ids=["times", "far from zero", "all the same", "too large to be squared"],
)
async def test_deviation_is_that_of_the_values_however_far_from_zero_they_are(
    client: Client, values: list[float], expected: float | None
) -> None:
    levels = [level(value, minute) for minute, value in enumerate(values)]
    await client.post(HISTORY, past(1, *levels))
    answer = plain(await ask(client, ONE, aggrMethods="stddev,totalCount"))
    assert answer["level"]["totalCount"][0][0] == len(values)
    assert answer["level"]["stddev"][0][0] == (expected and pytest.approx(expected))


@pytest.mark.parametrize("methods", ["avg,sum,sumsq", "avg,sum,sumsq,distinctCount"])
async def test_a_figure_beyond_a_double_is_null_and_the_mean_of_such_a_sum_is_told(
    client: Client, methods: str
) -> None:
    await client.post(HISTORY, past(1, level(1.7e308, 0), level(1.7e308, 1)))
    shown = plain(await ask(client, ONE, aggrMethods=methods))["level"]
    figures = [shown[method][0][0] for method in ("avg", "sum", "sumsq")]
    assert figures == [1.7e308, None, None]


async def test_a_core_change_is_in_history_at_once(client: Client) -> None:
    entity = {"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", "level": 1}
    await client.post(ENTITIES, entity)
    for value in (2, 3):
        await client.patch(f"{ENTITIES}/{entity['id']}/attrs/level", {"value": value})
        last = plain(await ask(client, ONE, lastN="1"))
        assert last["level"] == [{"type": "Property", "value": value}]
    await client.delete(f"{ENTITIES}/{entity['id']}")
    shown = plain(await ask(client, ONE, timeproperty="deletedAt", options="sysAttrs"))
    assert [one["value"] for one in shown["level"]] == ["urn:ngsi-ld:null"]
    assert shown["deletedAt"] == shown["level"][0]["deletedAt"]


async def test_a_changed_scope_is_a_history_and_an_unchanged_one_is_plain(client: Client) -> None:
    entity = {"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", "level": 1, "scope": "/A"}
    await client.post(ENTITIES, entity)
    assert plain(await ask(client, ONE))["scope"] == "/A"
    await client.patch(f"{ENTITIES}/{entity['id']}", {"scope": ["/B", "/C"]})
    shown = plain(await ask(client, ONE, options="sysAttrs"))["scope"]
    assert [one["value"] for one in shown] == ["/A", ["/B", "/C"]]
    assert all(one["observedAt"] == one["modifiedAt"] for one in shown)


async def test_a_scope_query_sees_what_lies_in_the_time_of_the_scope(quick: Client) -> None:
    scopes = [{"value": "/R", "observedAt": at(0)}, {"value": "/S", "observedAt": at(30)}]
    await quick.post(HISTORY, past(1, level(1, 10), level(2, 40), scope=scopes))
    for scope, values in (("/R", [1]), ("/S", [2]), ("/#", [1, 2])):
        (one,) = plain(await ask(quick, **AFTER, type="Gauge", scopeQ=scope))
        assert [each["value"] for each in one["level"]] == values
    assert plain(await ask(quick, **AFTER, type="Gauge", scopeQ="/T")) == []


async def test_history_is_compacted_with_the_context_of_the_request(quick: Client) -> None:
    context = {"stage": "https://example.org/terms/stage"}
    body = {"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", "stage": {"value": 1}}
    ld = {"content-type": "application/ld+json"}
    assert (await quick.post(HISTORY, {**body, "@context": context}, ld)).status == 201
    answer = await quick.get(ONE, {"accept": "application/ld+json"})
    assert "https://example.org/terms/stage" in answer.json()
    assert answer.json()["@context"].startswith("https://uri.etsi.org/ngsi-ld/v1/")
    assert (await quick.get(ONE, {"accept": "application/geo+json"})).status == 406


async def test_what_has_expired_is_no_history_either(quick: Client) -> None:
    flash = {"value": 1, "observedAt": at(0), "expiresAt": "2021-01-01T00:00:00Z"}
    await quick.post(HISTORY, past(1, level(1, 0), flash=flash))
    assert "flash" not in plain(await ask(quick, ONE))
    assert "flash" not in plain(await ask(quick, ONE, format="temporalValues"))


async def test_figures_leave_out_what_has_expired(client: Client) -> None:
    over = {"value": 90, "observedAt": at(1), "expiresAt": "2021-01-01T00:00:00Z"}
    lasting = {"value": 3, "observedAt": at(2), "expiresAt": "2999-01-01T00:00:00Z"}
    await client.post(HISTORY, past(1, level(1, 0), over, lasting))
    for methods in ("max,totalCount", "max,totalCount,distinctCount"):
        answer = await ask(client, ONE, **AFTER, aggrMethods=methods, aggrPeriodDuration="PT0S")
        figures = answer.json()["level"]
        assert (figures["max"][0][0], figures["totalCount"][0][0]) == (3, 2)


async def test_history_that_is_posted_with_an_expiry_expires_with_all_its_instances(
    quick: Client,
) -> None:
    soon, later = "2999-01-01T00:00:00Z", "2999-06-01T00:00:00Z"
    own = {"value": 2, "observedAt": at(1), "expiresAt": "2998-01-01T00:00:00Z"}
    longer = {"value": 3, "observedAt": at(2), "expiresAt": later}
    await quick.post(HISTORY, {**past(1, level(1, 0), own, longer), "expiresAt": soon})
    shown = (await ask(quick, ONE, options="sysAttrs")).json()["level"]
    assert [one["expiresAt"] for one in shown] == [soon, "2998-01-01T00:00:00Z", soon]
    over = {**past(2, level(1, 0)), "expiresAt": "2021-01-01T00:00:00Z"}
    await quick.post(HISTORY, over)
    assert "level" not in (await ask(quick, f"{HISTORY}/urn:ngsi-ld:Gauge:2")).json()


async def test_more_instances_than_can_be_tested_are_refused(
    filled: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "FEW", 1)
    assert ids(await ask(filled, **AFTER, q="level>4")) == [1, 2]
    monkeypatch.setattr(service, "MOST_TESTED", 3)
    answer = await ask(filled, **AFTER, q="level>4")
    assert refusal(answer) == (403, "TooComplexQuery", "query:")


@pytest.mark.parametrize("duration", ["PT0S", "PT1H", "P1M", "P999999Y", "PT1S"])
@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
async def test_figures_reach_to_the_ends_of_time(client: Client, duration: str, time: str) -> None:
    await client.post(HISTORY, past(1, level(1, 0, observedAt=time)))
    asked = {"timerel": "after", "timeAt": "0001-01-01T00:00:00Z", "aggrPeriodDuration": duration}
    for methods in ("max", "max,distinctCount"):
        answer = await ask(client, ONE, **asked, aggrMethods=methods)
        assert answer.status == 200, answer


async def test_a_language_is_chosen_for_each_instance(quick: Client) -> None:
    names = [{"languageMap": {"ja": "人吉", "en": "Hitoyoshi"}, "observedAt": at(0)}]
    await quick.post(HISTORY, past(1, name=names))
    shown = plain(await ask(quick, ONE, lang="en", pick="name"))
    told = {"type": "Property", "value": "Hitoyoshi", "lang": "en", "observedAt": at(0)}
    assert shown == {"name": [told]}
    shown = plain(await ask(quick, ONE, lang="ja", pick="name", format="temporalValues"))
    assert shown == {"name": {"type": "Property", "values": [["人吉", at(0)]]}}


async def test_an_attribute_that_never_was_is_not_found(filled: Client) -> None:
    assert (await ask(filled, ONE, attrs="name")).status == 404
    assert (await ask(filled, ONE, pick="name")).status == 404
    assert (await ask(filled, ONE, omit="id,type,level")).status == 404
    assert (await ask(filled, ONE, attrs="level", timerel="after", timeAt=at(99))).status == 200
