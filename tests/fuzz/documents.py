"""Strategies for requests that are nearly right: valid most of the time, in odd ways."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_from_bytes

import orjson
from hypothesis import strategies as st

from broker.api.routes import TABLE
from broker.api.table import Route

ID = "urn:x:fuzz"
INSTANCE = "urn:x:instance"
PATH = {
    "{id}": ID,
    "{entityId}": ID,
    "{attrId}": "a",
    "{type}": "T",
    "{instanceId}": INSTANCE,
}
CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
NULL = "urn:ngsi-ld:null"

WORDS = [
    "id", "type", "scope", "value", "object", "languageMap", "vocab", "json", "valueList",
    "objectList", "observedAt", "unitCode", "datasetId", "createdAt", "expiresAt", "location",
    "coordinates", "@context", "@id", "@type", "@value", "@none", "@vocab", "a", "b", "Property",
    "Relationship", "GeoProperty", "Point", NULL, "urn:x:1", ID, "T", "2020-07-04T00:00:00Z",
    "/a/b", "ja", "", "http://x.example/a", "previousValue", "ngsildproof", "valueType", "op",
    "objectType", "operations", "entity", "attrs", "a>1", "v1", "*", "\x00", "\U0001f600",
]  # fmt: skip
words = st.sampled_from(WORDS) | st.text(max_size=6)
names = st.sampled_from(["a", "b", "c", "水位", "location", "http://x.example/a", "ngsi-ld:name"])
uris = st.sampled_from(["urn:x:1", "urn:x:2", ID, "http://x.example/é"])
times = st.sampled_from(["2020-07-04T00:00:00Z", "2020-07-04T00:00:00.123456Z", "2020-07-04"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5),
    max_leaves=12,
)
plain = values.filter(lambda value: value is not None)


def rarely(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return `usual`, and in about one of sixteen cases `odd`."""
    return st.integers(0, 15).flatmap(lambda die: odd if die == 15 else usual)


degrees = st.floats(-90, 90) | st.integers(-90, 90)
position = rarely(
    st.tuples(st.floats(-180, 180) | degrees, degrees).map(list),
    st.lists(st.floats(-400, 400), max_size=4),
)
line = st.lists(position, min_size=2, max_size=4)
ring = st.lists(position, min_size=3, max_size=4).map(lambda points: [*points, points[0]])
geometries = st.one_of(
    st.builds(lambda one: {"type": "Point", "coordinates": one}, position),
    st.builds(lambda one: {"type": "LineString", "coordinates": one}, line),
    st.builds(lambda one: {"type": "MultiPoint", "coordinates": one}, line),
    st.builds(lambda one: {"type": "Polygon", "coordinates": [one]}, ring),
    st.builds(lambda one: {"type": "MultiPolygon", "coordinates": [[one]]}, ring),
)
languages = st.dictionaries(st.sampled_from(["en", "ja", "@none", "de-CH"]), st.text(max_size=4))
PRIMARIES: dict[str, tuple[str, st.SearchStrategy[Any]]] = {
    "Property": ("value", plain),
    "GeoProperty": ("value", geometries),
    "LanguageProperty": ("languageMap", languages),
    "VocabProperty": ("vocab", names | st.lists(names, max_size=3)),
    "JsonProperty": ("json", st.dictionaries(words, values, max_size=3)),
    "ListProperty": ("valueList", st.lists(plain, max_size=3)),
    "Relationship": ("object", uris | st.lists(uris, max_size=3)),
    "ListRelationship": ("objectList", st.lists(uris, max_size=3)),
}


@st.composite
def instances(draw: st.DrawFn, depth: int = 2) -> Any:
    """Return one instance of an attribute."""
    kind = draw(st.sampled_from(list(PRIMARIES)))
    member, primary = PRIMARIES[kind]
    instance = {"type": kind, member: draw(rarely(primary, plain | st.just(NULL)))}
    if draw(st.booleans()):
        extra = {"observedAt": rarely(times, words), "datasetId": rarely(uris, words)}
        odd = {"unitCode": rarely(words, values), "valueType": names, "objectType": names}
        instance |= draw(st.fixed_dictionaries({}, optional=extra | odd))
    if depth and draw(st.integers(0, 3)) == 3:
        instance |= draw(st.dictionaries(names, attributes(depth - 1), max_size=2))
    return instance


def attributes(depth: int = 2) -> st.SearchStrategy[Any]:
    """Return an attribute: an instance, several of them, or a concise value."""
    return rarely(
        instances(depth) | plain | st.lists(instances(depth), min_size=1, max_size=3), values
    )


members = st.dictionaries(names, attributes(), max_size=4)
types = rarely(st.sampled_from(["T", ["T", "U"], "http://x.example/T"]), values)
scopes = rarely(st.sampled_from(["/a", ["/a", "b/c"]]), values)
entities = st.builds(
    lambda known, attrs, odd: {**odd, **attrs, **known},
    st.fixed_dictionaries(
        {"id": rarely(uris, words), "type": types}, optional={"scope": scopes, "expiresAt": times}
    ),
    members,
    rarely(st.just({}), st.dictionaries(words, values, max_size=2)),
)
fragments = st.builds(
    lambda known, attrs: {**attrs, **known},
    st.fixed_dictionaries({}, optional={"scope": scopes, "type": types, "id": st.just(ID)}),
    st.dictionaries(names, attributes() | st.just(NULL), max_size=4),
)
conditions = st.lists(
    st.sampled_from(
        ["a", "b", "水位", "a.b", "a[x.y]", "a.observedAt", "id", "type", "a.b[c]"]
    ).flatmap(
        lambda path: st.one_of(
            st.just(path),
            st.just(f"!{path}"),
            st.tuples(
                st.sampled_from(["==", "!=", ">", ">=", "<", "<="]),
                st.sampled_from(
                    ["1", "-1.5", "1e5", '"x"', "true", "urn:x:1", "2020-07-04T00:00:00Z",
                     "12:00:00Z", "2020-07-04", '"橋"', '""', "x"]
                ),
            ).map(lambda pair: path + "".join(pair)),
            st.sampled_from([f'{path}~="^a"', f"{path}!~=b$", f"{path}==1..5", f"{path}!=1,2"]),
        )
    ),
    min_size=1,
    max_size=4,
).flatmap(
    lambda terms: st.sampled_from([";".join(terms), "|".join(terms), f"({'|'.join(terms)});a"])
)  # fmt: skip
subjects = st.fixed_dictionaries(
    {"id": rarely(st.just(ID) | uris, words)},
    optional={"ifMatch": rarely(st.sampled_from(["*", "v1", "v2"]), values)},
)


def _operation(op: str, parts: dict[str, Any], optional: Any = None) -> st.SearchStrategy[Any]:
    base = st.just({}) if "entity" in parts else subjects
    rest = st.fixed_dictionaries(parts, optional=optional or {})
    return st.builds(lambda known, more: {"op": op, **known, **more}, base, rest)


bound = rarely(st.integers(-5, 5) | st.floats(-5, 5), values)
operations = rarely(
    st.one_of(
        _operation("create", {"entity": entities}, {"ifNoneMatch": st.just("*")}),
        _operation("append", {"attrs": members}, {"noOverwrite": st.booleans()}),
        _operation("merge", {"attrs": fragments}),
        _operation("replace", {"entity": entities}),
        _operation("delete", {}),
        _operation("check", {"q": rarely(conditions, words)}, {"ifNoneMatch": st.just("*")}),
        _operation(
            "add",
            {"attribute": names, "value": bound},
            {"min": bound, "max": bound, "observedAt": rarely(times, words)},
        ),
    ),
    values,
)
rules = st.fixed_dictionaries(
    {},
    optional={
        "appendOnly": rarely(st.booleans(), values),
        "writer": rarely(st.lists(words, max_size=2), values),
        "balanced": rarely(
            st.fixed_dictionaries({"attribute": names}, optional={"by": names}), values
        ),
        "bounded": rarely(
            st.lists(
                st.fixed_dictionaries({"attribute": names}, optional={"min": bound, "max": bound}),
                max_size=2,
            ),
            values,
        ),
    },
)
ORDERS = st.sampled_from(["a", "id;desc", "a.b;asc", "a[x.y]", "location;dist-asc", "type"])
COLLATIONS = st.sampled_from(["und", "ja", "de-u-co-phonebk", "xx-"])
scopes = st.sampled_from(["/a", "/a/#", "/+/b", "/#", "(/a;/b)|/c"])
projections = st.sampled_from(["id", "a", "id,type,a", "b{a}", "a,b{id,a{b}}", "scope|a"])
lists = st.lists(names, min_size=1, max_size=3)
queries = st.fixed_dictionaries(
    {"type": st.just("Query")},
    optional={
        "entities": st.lists(
            st.fixed_dictionaries(
                {"type": rarely(st.sampled_from(["T", "(T;U)|V", "*"]), values)},
                optional={
                    "id": rarely(uris | st.lists(uris, max_size=3), values),
                    "idPattern": rarely(st.sampled_from(["x", "^urn", "(a|b)*"]), words),
                },
            ),
            max_size=3,
        ),
        "q": rarely(conditions, words),
        "scopeQ": rarely(scopes, words),
        "geoQ": rarely(
            geometries.map(
                lambda shape: {
                    "georel": "near;maxDistance==100",
                    "geometry": shape["type"],
                    "coordinates": shape["coordinates"],
                }
            ),
            values,
        ),
        "attrs": rarely(lists, values),
        "pick": rarely(projections | lists, values),
        "omit": rarely(projections | lists, values),
        "lang": rarely(st.sampled_from(["ja", "en;q=0.5,*"]), words),
        "ordering": rarely(
            st.fixed_dictionaries(
                {"orderBy": st.lists(ORDERS, min_size=1, max_size=2)},
                optional={"collation": rarely(COLLATIONS, words), "coordinates": st.just([1, 2])},
            ),
            values,
        ),
        "join": rarely(st.sampled_from(["inline", "flat", "@none"]), words),
        "joinLevel": rarely(st.integers(1, 3), values),
        "containedBy": rarely(uris | st.lists(uris, max_size=3), values),
    },
)
times = st.sampled_from(["2035-01-01T00:00:00Z", "2020-01-01T00:00:00.5Z"])
infos = st.fixed_dictionaries(
    {},
    optional={
        "entities": st.lists(
            st.fixed_dictionaries(
                {"type": rarely(names | st.lists(names, min_size=1, max_size=2), values)},
                optional={"id": uris, "idPattern": st.sampled_from([".*z$", "(a|b)*"])},
            ),
            min_size=1,
            max_size=2,
        ),
        "propertyNames": rarely(st.lists(names, min_size=1, max_size=2), values),
        "relationshipNames": rarely(st.lists(names, min_size=1, max_size=2), values),
    },
)
registrations = st.fixed_dictionaries(
    {
        "type": st.just("ContextSourceRegistration"),
        "information": rarely(st.lists(infos, min_size=1, max_size=2), values),
        "endpoint": rarely(st.just("http://127.0.0.1:9"), values),
    },
    optional={
        "id": uris,
        "mode": rarely(st.sampled_from(["inclusive", "exclusive", "redirect"]), values),
        "operations": rarely(st.just(["retrieveOps"]), values),
        "location": rarely(geometries, values),
        "scope": rarely(st.just("/a"), values),
        "expiresAt": rarely(times, values),
        "observationInterval": rarely(st.fixed_dictionaries({"startAt": times}), values),
        "management": rarely(st.just({"timeout": 5}), values),
        "a": values,
    },
)
series = st.lists(rarely(attributes(), values), max_size=4) | attributes()
histories = st.fixed_dictionaries(
    {"id": rarely(uris, values), "type": rarely(st.just("T"), values)},
    optional={
        "a": series,
        "b": series,
        "location": series,
        "scope": st.just("/a") | st.lists(rarely(attributes(), values), max_size=3),
    },
)
moments = st.sampled_from(
    [
        "2020-07-04T00:00:00Z",
        "2020-07-04T00:00:00,5Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ]
)
ranges = st.fixed_dictionaries(
    {
        "timerel": rarely(st.sampled_from(["before", "after", "between"]), words),
        "timeAt": rarely(moments, values),
    },
    optional={
        "endTimeAt": rarely(moments, values),
        "timeproperty": rarely(
            st.sampled_from(["observedAt", "createdAt", "modifiedAt", "deletedAt"]), words
        ),
        "lastN": rarely(st.integers(1, 3), values),
        "aggrMethods": rarely(
            st.lists(st.sampled_from(["avg", "max", "sum", "totalCount", "stddev"]), min_size=1),
            values,
        ),
        "aggrPeriodDuration": rarely(
            st.sampled_from(["PT0S", "PT1S", "P1M", "P999999Y", "PT1H", "P1W"]), words
        ),
    },
)
temporal_queries = st.builds(
    lambda query, asked: {**query, "temporalQ": asked} if isinstance(query, dict) else query,
    queries,
    rarely(ranges, values),
)
DOCUMENTS: dict[str, st.SearchStrategy[Any]] = {
    "EntityTemporal": rarely(histories, values),
    "TemporalQuery": temporal_queries,
    "Registration": registrations,
    "Entity": entities,
    "EntityFragment": fragments,
    "AttributeFragment": attributes(),
    "EntityList": st.lists(rarely(entities | fragments, values), min_size=1, max_size=4),
    "IdList": st.lists(rarely(uris, values), min_size=1, max_size=4),
    "Transaction": st.fixed_dictionaries(
        {"operations": st.lists(operations, min_size=1, max_size=4)}
    ),
    "TypeRules": rules,
    "NotedDisclosures": st.lists(
        st.fixed_dictionaries(
            {
                **dict.fromkeys(("holder", "user", "target"), rarely(uris, words)),
                "action": rarely(st.sampled_from(["decrypt", "export"]), words),
                "attributes": rarely(st.lists(names, min_size=1, max_size=3), plain),
            },
            optional={"reason": words},
        ),
        min_size=1,
        max_size=3,
    ),
    "Query": queries,
}
contexts = rarely(
    st.just(CORE)
    | st.dictionaries(names, st.just("http://x.example/term"), max_size=3)
    | st.lists(st.just(CORE) | st.just({"a": "http://x.example/a"}), max_size=3),
    values,
)


def template(route: Route) -> str:
    """Return a route's path about the entity that exists."""
    path = route.template
    for name, value in PATH.items():
        path = path.replace(name, value)
    return path


@st.composite
def broken(draw: st.DrawFn, text: bytes) -> bytes:
    """Return JSON text with a piece cut out, doubled or replaced."""
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 8)))
    middle = draw(st.sampled_from([b"", text[start:end] * 2]) | st.binary(max_size=4))
    return text[:start] + middle + text[end:]


@st.composite
def bodies(draw: st.DrawFn) -> tuple[Route, bytes, bytes, bytes]:
    """Return a route that takes a body, a query string, a media type and a body."""
    route = draw(st.sampled_from([route for route in TABLE.routes if route.body is not None]))
    assert route.body is not None
    document = draw(rarely(DOCUMENTS.get(route.body.schema, fragments), values))
    linked = draw(st.booleans())
    if linked:
        parts = document if isinstance(document, list) else [document]
        parts = [
            {"@context": draw(contexts), **part} if isinstance(part, dict) else part
            for part in parts
        ]
        document = parts if isinstance(document, list) else parts[0]
    text = orjson.dumps(document)
    if draw(st.integers(0, 15)) == 15:
        text = draw(broken(text) | st.binary(max_size=50))
    kind = b"application/ld+json" if linked else b"application/json"
    known = [one.schema.get("enum", []) for one in route.query if one.name == "options"]
    query = draw(st.sampled_from(["", *(f"?options={one}" for enum in known for one in enum)]))
    return route, query.encode(), kind, text


PIECES = [
    "a", "b", "T", "location", "==", "!=", ">", "<=", "~=", "!~=", ";", "|", ",", "(", ")", "[",
    "]", "{", "}", "..", ".", "!", '"', "1", "-1.5", "1e5", "true", "2020-07-04T00:00:00Z",
    "12:00:00Z", "urn:x:1", ID, "near;maxDistance==", "within", "Point", "Polygon", "[1,2]",
    "%", "%00", "+", " ", "*", "^", "$", "\\", "observedAt", "createdAt", "橋", "\x00",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(max_size=10)
numbers = st.integers(0, 1100).map(str)
flags = st.sampled_from(["true", "false", "True"])
PARAMETERS: dict[str, st.SearchStrategy[str]] = {
    "timerel": st.sampled_from(["before", "after", "between"]),
    "timeAt": moments,
    "endTimeAt": moments,
    "timeproperty": st.sampled_from(["observedAt", "createdAt", "modifiedAt", "deletedAt"]),
    "aggrMethods": st.sampled_from(["avg", "max,min", "sum,sumsq,stddev", "distinctCount"]),
    "aggrPeriodDuration": st.sampled_from(["PT0S", "PT1S", "P1M", "P999999Y", "PT1H", "P1W"]),
    "type": st.sampled_from(["T", "T,U", "(T;U)|V", "*"]),
    "id": st.lists(uris, min_size=1, max_size=3).map(",".join),
    "idPattern": st.sampled_from(["x", "^urn", ".*z$", "[0-9]+", "(a|b)*", "f(?:u)zz"]),
    "attrs": st.lists(names, min_size=1, max_size=3).map(",".join),
    "q": conditions,
    "georel": st.sampled_from(
        ["near;maxDistance==100", "near;minDistance==1e6", "within", "contains", "intersects",
         "equals", "disjoint", "overlaps"]
    ),
    "geometry": st.just(""),
    "coordinates": st.just(""),
    "geoproperty": names,
    "geometryProperty": names,
    "limit": numbers,
    "offset": numbers,
    "count": flags,
    "local": flags,
    "deleteAll": flags,
    "datasetId": uris,
    "format": st.sampled_from(["normalized", "concise", "simplified", "keyValues"]),
    "options": st.sampled_from(["sysAttrs", "keyValues,sysAttrs", "concise", "noOverwrite"]),
    "tenant": st.just(""),
    "lastEventId": numbers,
    "orderBy": st.lists(ORDERS, min_size=1, max_size=3).map(",".join),
    "collation": COLLATIONS,
    "orderFrom": st.sampled_from(["[1,2]", "[[1,2],[3,4]]"]),
    "orderGeometry": st.sampled_from(["Point", "LineString"]),
    "scopeQ": scopes,
    "csf": conditions,
    "expandValues": names,
    "jsonKeys": names,
    "pick": projections,
    "omit": projections,
    "drop": names,
    "keep": names,
    "lang": st.sampled_from(["ja", "en-GB,en;q=0.8,*;q=0.1", "@none"]),
    "join": st.sampled_from(["inline", "flat", "@none"]),
    "joinLevel": st.sampled_from(["1", "2", "0", "20"]),
    "containedBy": st.lists(uris, min_size=1, max_size=3).map(",".join),
    "context": st.just(CORE),
}  # fmt: skip


@st.composite
def query_strings(draw: st.DrawFn, route: Route) -> bytes:
    """Return a query string for a route, most of the time a well-formed one."""
    if draw(st.integers(0, 15)) == 15:
        raw = draw(st.binary(max_size=30))
        return bytes(byte for byte in raw if 0x21 <= byte < 0x7F and byte != 0x23)
    chosen = draw(st.sets(st.sampled_from(sorted(route.known)), max_size=5)) if route.known else ()
    pairs = {name: draw(rarely(PARAMETERS.get(name, texts), texts)) for name in chosen}
    if {"georel", "geometry", "coordinates"} & set(pairs):
        shape = draw(geometries)
        pairs["geometry"] = shape["type"]
        pairs["coordinates"] = orjson.dumps(shape["coordinates"]).decode()
        pairs.setdefault("georel", draw(PARAMETERS["georel"]))
    if pairs.get("geometryProperty"):
        pairs.pop("geometryProperty")
    if "timerel" in pairs or (route.name == "query_history" and draw(st.integers(0, 7))):
        pairs.setdefault("timerel", draw(PARAMETERS["timerel"]))
        pairs.setdefault("timeAt", draw(moments))
        pairs.pop("endTimeAt", None)
        if pairs["timerel"] == "between":
            pairs["endTimeAt"] = draw(moments)
    if route.name in ("query_entities", "query_history") and draw(st.integers(0, 7)):
        pairs.setdefault("type", "T")
    encoded = [
        f"{name}={quote_from_bytes(value.encode('utf-8', 'surrogatepass'))}"
        for name, value in pairs.items()
    ]
    return "&".join(encoded).encode()
