"""Hidden things leak on no route.

Each route of the dispatch table is driven against two brokers that differ in one thing only:
one has entities and attributes that its guard hides, the other never had them. Whatever is
asked, in whatever way the hidden things are named, both must answer alike, byte for byte.
"""

from __future__ import annotations

from typing import Any

import pytest

from broker.api.routes import TABLE
from broker.api.table import Route
from broker.store.contract import TypeRules
from tests.broker.tripwire.hidden import (
    BATCH,
    COUNT,
    HIDDEN_ATTRIBUTES,
    IDS,
    ONE,
    SECRET,
    TRACES,
    Pair,
    Probe,
    gauge,
    get,
)
from tests.broker.tripwire.probes import PROBES
from tests.broker.tripwire.queries import queries, retrievals
from tests.broker.tripwire.writes import creations, transaction
from tests.support.asgi import Answer
from tests.support.tripwire import MARK


@pytest.mark.parametrize("route", TABLE.routes, ids=lambda route: route.name)
async def test_no_answer_tells_what_is_hidden(pair: Pair, route: Route) -> None:
    assert route.name in PROBES, f"say how to drive {route.name}: hidden things may leak there"
    if "subscription" in route.name or "letter" in route.name:
        await pair.hush()
    driven = 0
    for probe in PROBES[route.name]:
        found = TABLE.find(probe.path.partition("?")[0].encode())
        assert found is not None
        driven += found[0].get(probe.method) is route
        await pair.compare(probe)
    assert driven or route.name == "metrics"


def _stable(answer: Answer) -> list[str]:
    """Return the lines of /metrics that do not depend on time or on the size of the file."""
    return [line for line in answer.body.decode().splitlines() if "requests_total{" in line]


async def test_metrics_name_and_count_nothing_hidden(pair: Pair) -> None:
    for probe in (*queries(), *retrievals(), *creations(), get(f"/{MARK}")):
        await pair.compare(probe)
    real, twin = await pair.real.get("/metrics"), await pair.twin.get("/metrics")
    assert _stable(real) == _stable(twin)
    for trace in TRACES:
        assert trace not in real.body


EDITS = [
    Probe("PUT", ONE, gauge(1, 9)),
    Probe("PATCH", ONE, {"level": 9, "name": {"value": 7}}),
    Probe("POST", f"{ONE}/attrs", {"level": 9}),
    Probe("PATCH", f"{ONE}/attrs", {"level": 9, SECRET: "urn:ngsi-ld:null"}),
    Probe("PATCH", f"{ONE}/attrs/name", {"value": 9}),
    Probe("DELETE", f"{ONE}/attrs/level"),
    Probe("POST", f"{BATCH}/upsert", [gauge(1, 9)]),
    transaction({"op": "replace", "entity": gauge(1, 9)}),
    transaction({"op": "add", "id": IDS[0], "attribute": "level", "value": 1}),
]


@pytest.mark.parametrize("probe", EDITS, ids=lambda probe: f"{probe.method} {probe.path}")
async def test_what_is_hidden_survives_edits_of_the_rest(pair: Pair, probe: Probe) -> None:
    before = (await pair.inside[0].get(ONE)).json()
    answer = await pair.compare(probe)
    assert answer.status in (200, 204)
    after = (await pair.inside[0].get(ONE)).json()
    for name in HIDDEN_ATTRIBUTES:
        assert after[name] == before[name]
    assert {**after, "modifiedAt": ""} != {**before, "modifiedAt": ""}


async def test_a_rule_on_a_hidden_attribute_does_not_betray_it(pair: Pair) -> None:
    iri = f"https://uri.etsi.org/ngsi-ld/default-context/{COUNT}"
    kind = "https://uri.etsi.org/ngsi-ld/default-context/Gauge"

    async def work(tx: Any) -> None:
        await tx.set_rules(kind, TypeRules(bounded=((iri, None, 5),)))

    for client in (pair.real, pair.twin):
        await client.broker.store.write("", work)
    answer = await pair.compare(Probe("PATCH", f"{ONE}/attrs", {"level": 9}))
    assert answer.status == 204
