"""Bodies, headers, query strings and paths that nobody would write, to a real process."""

from __future__ import annotations

from urllib.parse import quote_from_bytes

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from broker.api.routes import TABLE
from broker.api.table import Route
from tests.fuzz.documents import ID, INSTANCE, bodies, query_strings, template
from tests.fuzz.wire import Wire, check
from tests.support import effort
from tests.support.tally import Tally

pytestmark = pytest.mark.no_cover  # the broker is in another process

fuzz = settings(
    max_examples=effort(quick=220, long=3600),
    suppress_health_check=[*HealthCheck],
    deadline=None,
)

ROUTES = {route.name: route for route in TABLE.routes}


def put_back(line: Wire) -> None:
    """Make sure the entity that requests aim at exists."""
    line.json("DELETE", "/ngsi-ld/ex/v1/typeRules/T", b"")
    entity = {"id": ID, "type": "T", "a": 1, "b": {"object": "urn:x:2"}, "scope": "/a"}
    line.json("POST", "/ngsi-ld/v1/entityOperations/upsert", [entity])
    instance = {"value": 1, "observedAt": "2020-07-04T00:00:00Z", "instanceId": INSTANCE}
    line.json("POST", "/ngsi-ld/v1/temporal/entities", {"id": ID, "type": "T", "a": instance})


@fuzz
@given(sent=bodies())
def test_any_body_gets_a_sound_answer(
    line: Wire, tally: Tally, sent: tuple[Route, bytes, bytes, bytes]
) -> None:
    route, query, kind, body = sent
    put_back(line)
    tally.count += 2
    target = template(route).encode() + query
    check(line.request(route.method.encode(), target, [(b"Content-Type", kind)], body))
    for form in ("options=sysAttrs", "format=concise", "format=simplified"):
        assert check(line.get(f"/ngsi-ld/v1/entities/{ID}?{form}")).status in (200, 404)
    for form in ("options=sysAttrs", "format=temporalValues", "aggrMethods=max,totalCount"):
        check(line.get(f"/ngsi-ld/v1/temporal/entities/{ID}?{form}"))


READS = ["query_entities", "query_entities", "query_entities", "retrieve_entity", "stream"]
HISTORY = ["query_history", "retrieve_history"]
OTHERS = [*HISTORY, "query_registrations", "delete_attribute", "delete_entity", "list_type_rules"]
queried = st.sampled_from([*READS, *OTHERS]).flatmap(
    lambda name: st.tuples(st.just(name), query_strings(ROUTES[name]))
)


@fuzz
@given(
    asked=queried,
    accept=st.sampled_from([b"*/*", b"application/ld+json", b"application/geo+json"]),
)
@example(asked=("query_entities", b"q=%ED%A0%80"), accept=b"*/*")
@example(asked=("query_entities", b"type=T&q=a~=%22(%22"), accept=b"*/*")
def test_any_query_gets_a_sound_answer(
    line: Wire, tally: Tally, asked: tuple[str, bytes], accept: bytes
) -> None:
    route = ROUTES[asked[0]]
    put_back(line)
    tally.count += 1
    target = template(route).encode() + b"?" + asked[1]
    check(line.request(route.method.encode(), target, [(b"Accept", accept)]))


HEADER_NAMES = [
    b"Accept", b"Content-Type", b"Link", b"NGSILD-Tenant", b"If-Match", b"If-None-Match",
    b"Idempotency-Key", b"Last-Event-ID", b"Machi-Client", b"Content-Encoding", b"Prefer",
    b"Range", b"Origin", b"Cookie", b"X-Forwarded-For", b"X-Forwarded-Host", b"Forwarded",
    b"X-HTTP-Method-Override", b"Authorization", b"Accept-Encoding", b"TE", b"Trailer",
]  # fmt: skip
HEADER_PIECES = [
    b"application/json", b"application/ld+json", b"application/geo+json", b"*/*", b";", b",", b"q=",
    b"0.5", b"<", b">", b'rel="http://www.w3.org/ns/json-ld#context"', b"http://127.0.0.1:9/c",
    b'"',
    b"v1-", b"W/", b"*", b"0", b"-", b" ", b"\t", b"a", b"\xff", b"identity", b"urn:x:1", b"=",
    b"https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld", b"charset=utf-8",
]  # fmt: skip
header_values = st.lists(st.sampled_from(HEADER_PIECES), max_size=6).map(b"".join) | st.binary(
    max_size=12
).map(lambda raw: bytes(byte for byte in raw if byte >= 0x20 and byte != 0x7F))


@fuzz
@given(
    name=st.sampled_from(sorted(ROUTES)),
    headers=st.lists(st.tuples(st.sampled_from(HEADER_NAMES), header_values), max_size=4),
)
def test_any_headers_get_a_sound_answer(
    line: Wire, tally: Tally, name: str, headers: list[tuple[bytes, bytes]]
) -> None:
    route = ROUTES[name]
    put_back(line)
    tally.count += 1
    body = None
    if route.body is not None:
        body = orjson.dumps(route.body.example)
        if not any(name == b"Content-Type" for name, _ in headers):
            headers = [*headers, (b"Content-Type", b"application/json")]
    check(line.request(route.method.encode(), template(route).encode(), headers, body))


path_bytes = st.lists(
    st.sampled_from(
        [
            b"/", b"//", b"..", b".", b"%2e", b"%2f", b"%00", b"%ff", b"%c0%af", b"%", b"%zz", b";",
            b"ngsi-ld", b"v1", b"ex", b"entities", b"attrs", b"entityOperations", b"create", b":",
            b"transactions", b"stream", b"typeRules", b"health", b"docs", b"urn:x:fuzz", b"a",
            b"\\", b"%E6%A9%8B", b"~", b"|", b"<", b'"', b"{id}", b"@", b"&", b"=", b"+",
            b"%20", b"%0d%0a",
        ]
    )
    | st.binary(min_size=1, max_size=3).map(lambda raw: quote_from_bytes(raw, safe="").encode()),
    max_size=10,
).map(lambda parts: b"/" + b"".join(parts))  # fmt: skip
raw_bytes = st.binary(max_size=20).map(
    lambda raw: b"/" + bytes(byte for byte in raw if byte > 0x20 and byte != 0x7F)
)
methods = st.sampled_from(
    [b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"PROPFIND"]
)


@fuzz
@given(method=methods, path=path_bytes | raw_bytes, prefix=st.sampled_from([b"", b"/ngsi-ld/v1"]))
def test_any_path_gets_a_sound_answer(
    line: Wire, tally: Tally, method: bytes, path: bytes, prefix: bytes
) -> None:
    tally.count += 1
    body = b"{}" if method in (b"POST", b"PUT", b"PATCH") else None
    headers = [(b"Content-Type", b"application/json")] if body else []
    check(line.request(method, prefix + path, headers, body))
