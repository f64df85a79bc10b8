"""What is asked of each route of the dispatch table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.broker.tripwire.hidden import (
    BATCH,
    CONTEXTS,
    COUNT,
    ENTITIES,
    EX,
    IDS,
    PLACE,
    SECRET,
    V1,
    Probe,
    gauge,
    get,
)
from tests.broker.tripwire.history import (
    PASTS,
    SHOWN_HISTORY,
    histories,
    posted_histories,
    told_histories,
)
from tests.broker.tripwire.queries import posted_queries, queries, retrievals
from tests.broker.tripwire.subscribing import listening, registering, subscribing
from tests.broker.tripwire.writes import (
    FRAGMENTS,
    NULLS,
    batches,
    creations,
    everywhere,
    of_an_attribute,
    purges,
    transactions,
)
from tests.support.tripwire import MARK, MARKED_TYPE

LETTERS = f"{EX}/dead-letters"
NAMED: list[dict[str, Any]] = [
    {"subscriptionId": f"urn:ngsi-ld:Subscription:{number}"} for number in (1, 9)
]
RULES = f"{EX}/typeRules"
REPLACEMENTS = [{**gauge(1, 4), SECRET: "mine"}, gauge(1, 5), {**gauge(1), "type": MARKED_TYPE}]


def _lists(path: str) -> list[Probe]:
    return [get(path), get(path, details="true", count="true")]


def _named(path: str, *names: str) -> list[Probe]:
    return [get(f"{path}/{name}") for name in names]


PROBES: dict[str, list[Probe]] = {
    "query_entities": queries(),
    "query_by_post": posted_queries(),
    "create_entity": creations(),
    "retrieve_entity": retrievals(),
    "purge_entities": purges(),
    "replace_entity": everywhere("PUT", "", *REPLACEMENTS),
    "merge_entity": everywhere("PATCH", "", *FRAGMENTS, *NULLS),
    "delete_entity": everywhere("DELETE", ""),
    "append_attributes": [
        *everywhere("POST", "/attrs?options=noOverwrite", *FRAGMENTS),
        *everywhere("POST", "/attrs", *FRAGMENTS),
    ],
    "update_attributes": everywhere("PATCH", "/attrs", *FRAGMENTS, *NULLS),
    "partial_attribute_update": of_an_attribute("PATCH", {"value": 5}, {"unitCode": "MTR"}),
    "replace_attribute": of_an_attribute("PUT", {"value": 5}),
    "delete_attribute": [
        *of_an_attribute("DELETE"),
        *everywhere("DELETE", f"/attrs/{SECRET}?deleteAll=true"),
    ],
    "batch_create": batches("create"),
    "batch_upsert": batches("upsert", "?options=update"),
    "batch_update": batches("update", "?options=noOverwrite"),
    "batch_merge": batches("merge"),
    "batch_delete": [
        Probe("POST", f"{BATCH}/delete", [*IDS, *IDS, "urn:x:none"]),
        get(ENTITIES, type="Gauge", count="true"),
    ],
    "create_subscription": subscribing(),
    "query_subscriptions": subscribing(),
    "retrieve_subscription": subscribing(),
    "update_subscription": subscribing(),
    "delete_subscription": subscribing(),
    "query_history": histories(),
    "query_history_by_post": posted_histories(),
    "retrieve_history": [get(path, **shown) for path in PASTS for shown in SHOWN_HISTORY],
    **dict.fromkeys(
        (
            *("upsert_history", "append_history", "modify_instance", "delete_instance"),
            *("delete_attribute_history", "delete_history"),
        ),
        told_histories(),
    ),
    "create_registration": registering(),
    "query_registrations": registering(),
    "retrieve_registration": registering(),
    "update_registration": registering(),
    "delete_registration": registering(),
    "create_registration_subscription": listening(),
    "query_registration_subscriptions": listening(),
    "retrieve_registration_subscription": listening(),
    "update_registration_subscription": listening(),
    "delete_registration_subscription": listening(),
    "add_context": [Probe("POST", CONTEXTS, {"@context": body}) for body in (MARK, {}, {"a": 5})],
    "list_contexts": [
        Probe("POST", CONTEXTS, {"@context": {"a": "https://example.org/a"}}),
        get(CONTEXTS),
        get(CONTEXTS, details="true"),
    ],
    "serve_context": [get(f"{CONTEXTS}/{MARK}"), get(f"{CONTEXTS}/{MARK}", details="true")],
    "delete_context": [
        Probe("DELETE", f"{CONTEXTS}/{MARK}"),
        Probe("DELETE", f"{CONTEXTS}/{MARK}?reload=true"),
    ],
    "source_identity": [get(f"{V1}/info/sourceIdentity")],
    "list_types": _lists(f"{V1}/types"),
    "retrieve_type": _named(f"{V1}/types", "Gauge", MARKED_TYPE),
    "list_attributes": _lists(f"{V1}/attributes"),
    "retrieve_attribute": _named(
        f"{V1}/attributes", "level", "name", "secret", SECRET, COUNT, PLACE, f"{MARK}Sub"
    ),
    "explain_subscription": [
        *subscribing()[:6],
        *everywhere("PATCH", "/attrs", *FRAGMENTS),
        *(
            Probe(
                "GET",
                f"{EX}/subscriptions/urn:ngsi-ld:Subscription:{number}/explain?{asked}",
                echoes=True,
            )
            for number in range(1, 7)
            for asked in (
                *(f"seq={seq}" for seq in range(1, 12)),
                *(f"entity={one}" for one in IDS),
            )
        ),
    ],
    "run_transaction": transactions(),
    "stream": [get(f"{EX}/stream", q="level>"), get(f"{EX}/stream", lastEventId="x")],
    "websocket": [get(f"{EX}/ws"), get(f"{EX}/ws", tenant="nowhere")],
    "explain_query": [
        replace(probe, path=probe.path.replace(ENTITIES, f"{EX}/explain/query", 1))
        for probe in queries()
        if probe.method == "GET"
    ],
    "explain_term": [get(f"{EX}/explain/term", term=SECRET), get(f"{EX}/explain/term", term="a")],
    "sign_in": [Probe("POST", f"{EX}/sessions", {"name": MARK, "password": "x"})],
    "disclosures": [get(f"{EX}/disclosures"), get(f"{EX}/disclosures", holder=f"urn:{MARK}")],
    "note_disclosures": [Probe("POST", f"{EX}/disclosures", [{"holder": f"urn:{MARK}"}])],
    "current_session": [get(f"{EX}/sessions/current")],
    "sign_out": [Probe("DELETE", f"{EX}/sessions/current")],
    "list_counts": [get(f"{EX}/counts")],
    "retrieve_counts": [
        get(f"{EX}/counts/urn:x:{MARK}", day="2026-11-26"),
        get(f"{EX}/counts/urn:x:{MARK}", day=MARK),
    ],
    "list_keys": [get(f"{EX}/keys")],
    "make_key": [Probe("POST", f"{EX}/keys")],
    "rotate_key": [Probe("POST", f"{EX}/keys/{MARK}/rotate")],
    "revoke_key": [Probe("DELETE", f"{EX}/keys/{MARK}")],
    "issue_ticket": [Probe("POST", f"{EX}/tickets", headers={"ngsild-tenant": "nowhere"})],
    "query_dead_letters": [
        *subscribing()[:7],
        get(LETTERS, count="true"),
        get(LETTERS, subscriptionId="urn:ngsi-ld:Subscription:1"),
        get(LETTERS, subscriptionId="urn:ngsi-ld:Subscription:none"),
    ],
    "retrieve_dead_letter": [get(f"{LETTERS}/{letter}") for letter in ("1-1", "1-2", "x", MARK)],
    "replay_dead_letter": [Probe("POST", f"{LETTERS}/{letter}/replay") for letter in ("1-1", "x")],
    "discard_dead_letter": [Probe("DELETE", f"{LETTERS}/{letter}") for letter in ("1-1", "x")],
    "replay_dead_letters": [
        *subscribing()[:7],
        *(Probe("POST", f"{LETTERS}/replay", one) for one in NAMED),
    ],
    "discard_dead_letters": [
        *subscribing()[:7],
        *(Probe("POST", f"{LETTERS}/discard", one) for one in NAMED),
    ],
    "books": [get(f"{EX}/books"), get(f"{EX}/books", subscriptionId=f"urn:x:{MARK}")],
    "operator": [get("/operator"), get("/operator", tenant="elsewhere")],
    "operator_replay": [Probe("POST", "/operator/replay", {})],
    "operator_discard": [Probe("POST", "/operator/discard", {})],
    "operator_sign_in": [Probe("POST", "/operator/sign-in", {})],
    "operator_sign_out": [Probe("POST", "/operator/sign-out", {})],
    "list_type_rules": [get(RULES)],
    "put_type_rules": [Probe("PUT", f"{RULES}/{MARKED_TYPE}", {"appendOnly": True})],
    "delete_type_rules": [Probe("DELETE", f"{RULES}/{MARKED_TYPE}")],
    "health": [get("/health")],
    "ready": [get("/ready")],
    "metrics": [],
    "openapi": [get("/openapi.json")],
    "docs": [get("/docs")],
}
"""What is asked of each route; `stream` and `metrics` have tests of their own besides."""
