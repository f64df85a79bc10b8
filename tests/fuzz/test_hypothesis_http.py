"""Bodies, headers, query strings and paths that nobody would write, to a real process."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_from_bytes

import orjson
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from broker.api.routes import TABLE
from broker.api.table import Route
from tests.fuzz.conftest import Tally
from tests.fuzz.wire import Wire, check
from tests.support import effort

fuzz = settings(
    max_examples=effort(quick=220, long=3600),
    suppress_health_check=[*HealthCheck],
    deadline=None,
)

ROUTES = {route.name: route for route in TABLE.routes}
ID = "urn:x:fuzz"
PATH = {"{id}": ID, "{attrId}": "a", "{type}": "T"}

WORDS = [
    "id", "type", "scope", "value", "object", "languageMap", "vocab", "json", "valueList",
    "objectList", "observedAt", "unitCode", "datasetId", "createdAt", "expiresAt", "location",
    "coordinates", "@context", "@id", "@type", "@value", "@none", "@vocab", "a", "b", "Property",
    "Relationship", "GeoProperty", "LanguageProperty", "VocabProperty", "JsonProperty", "Point",
    "ListProperty", "ListRelationship", "Polygon", "LineString", "urn:ngsi-ld:null", "urn:x:1",
    ID, "T", "2020-07-04T00:00:00Z", "/a/b", "ja", "", "http://x.example/a", "previousValue",
    "ngsildproof", "valueType", "objectType", "op", "operations", "create", "append", "merge",
    "replace", "delete", "check", "add", "attribute", "attrs", "entity", "q", "a>1", "min", "max",
    "ifMatch", "ifNoneMatch", "v1", "*", "appendOnly", "writer", "balanced", "bounded", "by",
]  # fmt: skip
words = st.sampled_from(WORDS) | st.text(max_size=6)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words
)


def _points(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    kinds = st.sampled_from(["Point", "MultiPoint", "LineString", "Polygon", "MultiPolygon"])
    return st.fixed_dictionaries({"type": kinds, "coordinates": inner})


values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5) | _points(inner)
    ),
    max_leaves=20,
)


kinds = st.sampled_from([word for word in WORDS if word.endswith(("Property", "Relationship"))])
members = st.sampled_from(["value", "object", "languageMap", "vocab", "json", "valueList"])
attributes = values | st.builds(
    lambda kind, member, value, rest: {**rest, "type": kind, member: value},
    kinds,
    members,
    values,
    st.dictionaries(words, values, max_size=2),
)
entities = st.builds(
    lambda known, odd: {**odd, **known},
    st.fixed_dictionaries(
        {"id": st.just(ID) | words, "type": st.sampled_from(["T", ["T", "U"]]) | values},
        optional={"a": attributes, "b": attributes, "location": attributes, "scope": values},
    ),
    st.dictionaries(words, attributes, max_size=3),
)
fragments = st.dictionaries(words, attributes, max_size=4)
operations = st.builds(
    lambda op, parts: {"op": op, **parts},
    st.sampled_from(["create", "append", "merge", "replace", "delete", "check", "add"]) | words,
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.just(ID) | words,
            "entity": entities | values,
            "attrs": fragments | values,
            "attribute": words,
            "value": scalars,
            "min": scalars,
            "max": scalars,
            "q": words | st.text(max_size=20),
            "ifMatch": words | scalars,
            "ifNoneMatch": st.just("*") | scalars,
            "noOverwrite": scalars,
            "observedAt": words,
        },
    ),
)
documents: dict[str, st.SearchStrategy[Any]] = {
    "Entity": entities,
    "EntityFragment": fragments,
    "AttributeFragment": attributes,
    "EntityList": st.lists(entities | values, max_size=4),
    "IdList": st.lists(words | values, max_size=4),
    "Transaction": st.fixed_dictionaries({"operations": st.lists(operations, max_size=4)}),
    "TypeRules": st.dictionaries(words, values, max_size=4),
}


@st.composite
def broken(draw: st.DrawFn, text: bytes) -> bytes:
    """Return JSON text with a piece cut out, doubled or replaced."""
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 8)))
    middle = draw(st.sampled_from([b"", text[start:end] * 2]) | st.binary(max_size=4))
    return text[:start] + middle + text[end:]


@st.composite
def bodies(draw: st.DrawFn) -> tuple[Route, bytes, bytes]:
    """Return a route that takes a body, a media type and a body."""
    route = draw(st.sampled_from([route for route in TABLE.routes if route.body is not None]))
    assert route.body is not None
    document = draw(documents[route.body.schema] | values)
    linked = draw(st.booleans())
    if linked and isinstance(document, dict):
        context = st.none() | st.dictionaries(words, words, max_size=3) | values
        document = {"@context": draw(context), **document}
    text = orjson.dumps(document)
    if draw(st.integers(0, 9)) == 0:
        text = draw(broken(text) | st.binary(max_size=50))
    return route, b"application/ld+json" if linked else b"application/json", text


def template(route: Route) -> str:
    """Return a route's path about the entity that exists."""
    path = route.template
    for name, value in PATH.items():
        path = path.replace(name, value)
    return path


def put_back(line: Wire) -> None:
    """Make sure the entity that requests aim at exists."""
    line.json("DELETE", "/ngsi-ld/ex/v1/typeRules/T", b"")
    entity = {"id": ID, "type": "T", "a": 1, "b": {"object": "urn:x:2"}, "scope": "/a"}
    line.json("POST", "/ngsi-ld/v1/entityOperations/upsert", [entity])


@fuzz
@given(sent=bodies(), query=st.sampled_from(["", "?options=noOverwrite", "?options=keyValues"]))
def test_any_body_gets_a_sound_answer(
    line: Wire, tally: Tally, sent: tuple[Route, bytes, bytes], query: str
) -> None:
    route, kind, body = sent
    put_back(line)
    tally.count += 2
    target = (template(route) + query).encode()
    check(line.request(route.method.encode(), target, [(b"Content-Type", kind)], body))
    for form in ("options=sysAttrs", "format=concise", "format=simplified"):
        assert check(line.get(f"/ngsi-ld/v1/entities/{ID}?{form}")).status in (200, 404)


NAMES = sorted({param.name for route in TABLE.routes for param in route.query})
PIECES = [
    "a", "b", "T", "location", "==", "!=", ">", "<=", "~=", "!~=", ";", "|", ",", "(", ")", "[",
    "]", "{", "}", "..", ".", "!", '"', "1", "-1.5", "1e5", "true", "2020-07-04T00:00:00Z",
    "12:00:00Z", "urn:x:1", ID, "near;maxDistance==", "within", "Point", "Polygon", "[1,2]",
    "[[[0,0],[0,1],[1,1],[0,0]]]", "%", "%00", "+", " ", "*", "^", "$", "\\", "observedAt",
    "createdAt", "https://uri.etsi.org/ngsi-ld/name", "count", "normalized", "sysAttrs", "橋",
    "\x00",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(max_size=10)


@st.composite
def query_strings(draw: st.DrawFn) -> bytes:
    """Return a query string, most of the time a well-formed one."""
    if draw(st.integers(0, 9)) == 0:
        raw = draw(st.binary(max_size=30))
        return bytes(byte for byte in raw if 0x21 <= byte < 0x7F and byte != 0x23)
    pairs = draw(st.dictionaries(st.sampled_from(NAMES), texts, max_size=4))
    if draw(st.booleans()):
        pairs.setdefault("type", "T")
    encoded = [
        f"{name}={quote_from_bytes(value.encode('utf-8', 'surrogatepass'))}"
        for name, value in pairs.items()
    ]
    return "&".join(encoded).encode()


READS = ["query_entities", "query_entities", "query_entities", "retrieve_entity", "stream"]


@fuzz
@given(
    name=st.sampled_from([*READS, "delete_entity", "delete_attribute", "list_type_rules"]),
    query=query_strings(),
    accept=st.sampled_from([b"*/*", b"application/ld+json", b"application/geo+json"]),
)
@example(name="query_entities", query=b"q=%ED%A0%80", accept=b"*/*")
@example(name="query_entities", query=b"type=T&q=a~=%22(%22", accept=b"*/*")
def test_any_query_gets_a_sound_answer(
    line: Wire, tally: Tally, name: str, query: bytes, accept: bytes
) -> None:
    route = ROUTES[name]
    put_back(line)
    tally.count += 1
    target = template(route).encode() + b"?" + query
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
