"""Requests known to have brought servers down, one by one, as bytes to a real process."""

from __future__ import annotations

import gzip

import orjson
import pytest

from tests.fuzz.named import ENTITIES, JSON, TRANSACTIONS, create, refused
from tests.fuzz.wire import Wire, check

pytestmark = pytest.mark.no_cover  # the broker is in another process

BATCH = "/ngsi-ld/v1/entityOperations"
BODIES = [
    ("POST", ENTITIES),
    ("PUT", f"{ENTITIES}/urn:x:1"),
    ("PATCH", f"{ENTITIES}/urn:x:1"),
    ("POST", f"{ENTITIES}/urn:x:1/attrs"),
    ("PATCH", f"{ENTITIES}/urn:x:1/attrs"),
    ("PATCH", f"{ENTITIES}/urn:x:1/attrs/a"),
    ("PUT", f"{ENTITIES}/urn:x:1/attrs/a"),
    *(("POST", f"{BATCH}/{name}") for name in ("create", "upsert", "update", "merge", "delete")),
    ("POST", TRANSACTIONS),
    ("POST", "/ngsi-ld/v1/csourceRegistrations"),
    ("PATCH", "/ngsi-ld/v1/csourceRegistrations/urn:x:1"),
    ("POST", "/ngsi-ld/v1/csourceSubscriptions"),
    ("PUT", "/ngsi-ld/ex/v1/typeRules/T"),
]


BROKEN = [
    b"", b" ", b"{", b"}", b"[1,", b'{"id":}', b"{'id': 1}", b'{"a" 1}', b"[1 2]", b"tru",
    b'"open', b'"\\x"', b'"\t"', b"01", b"1.", b".5", b"+1", b"0x1", b"1e", b"--1", b"{}{}",
    b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b'{"a":"\xff"}', b"// comment\n{}", b"[1,]",
    b'{"a":1,}', b"\x00", b"undefined", b"NaN", b'{"a":NaN}', b'{"a":Infinity}',
    b'{"a":-Infinity}', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xed\xa0\x80"', b'"\xc0\xaf"',
    b'"\xf4\x90\x80\x80"',
]  # fmt: skip


@pytest.mark.parametrize("body", BROKEN, ids=repr)
@pytest.mark.parametrize(("method", "path"), BODIES)
def test_broken_json_is_an_invalid_request(wire: Wire, method: str, path: str, body: bytes) -> None:
    told = refused(wire.json(method, path, body)).json()
    assert told["type"].endswith("InvalidRequest")
    assert told["place"].startswith("body:")


DEEP = 1000


@pytest.mark.parametrize("open_close", [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("depth", [DEEP, 100_000])
@pytest.mark.parametrize(("method", "path"), BODIES)
def test_a_deep_body_is_refused(
    wire: Wire, method: str, path: str, open_close: tuple[bytes, bytes], depth: int
) -> None:
    first, last = open_close
    told = refused(wire.json(method, path, first * depth + b"1" + last * depth)).json()
    assert told["place"] == "body:"
    assert "nested" in told["detail"]


@pytest.mark.parametrize("depth", [90, DEEP])
@pytest.mark.parametrize(
    "frame",
    [
        b'{"id":"urn:x:deep","type":"T","a":{"type":"Property","value":%b}}',
        b'{"id":"urn:x:deep","type":"T","a":{"type":"JsonProperty","json":{"x":%b}}}',
        b'{"id":"urn:x:deep","type":"T","a":{"type":"ListProperty","valueList":[%b]}}',
        b'{"id":"urn:x:deep","type":"T","a":{"type":"GeoProperty","value":%b}}',
        b'{"id":"urn:x:deep","type":%b}',
        b'{"id":"urn:x:deep","type":"T","scope":%b}',
    ],
)
def test_a_deep_value_is_refused_wherever_it_stands(wire: Wire, frame: bytes, depth: int) -> None:
    entity = frame % (b"[" * depth + b"]" * depth)
    refused(wire.json("POST", ENTITIES, entity))
    operation = b'{"operations":[{"op":"create","entity":%b}]}' % entity
    refused(wire.json("POST", TRANSACTIONS, operation))
    batch = check(wire.json("POST", f"{BATCH}/create", b"[%b]" % entity))
    assert batch.status == (400 if depth == DEEP else 207)


def test_deep_sub_attributes_are_refused(wire: Wire) -> None:
    attribute = b'{"value":1,"a":' * 30 + b"1" + b"}" * 30
    refused(create(wire, attribute, "subs"))


def test_many_shallow_values_are_no_deep_body(wire: Wire) -> None:
    many = b"[" + b",".join([b"[]"] * 1_000_000) + b"]"
    check(wire.json("POST", ENTITIES, many))
    brackets = orjson.dumps("[{" * 1_000_000)
    assert check(create(wire, brackets, "brackets")).status == 201


@pytest.mark.parametrize("size", [10_000_000, 8 * 1024 * 1024 + 1])
def test_a_body_over_the_limit_is_413(wire: Wire, size: int) -> None:
    refused(wire.json("POST", ENTITIES, b" " * size), 413)


def test_a_body_within_the_limit_is_read_in_time(wire: Wire) -> None:
    text = orjson.dumps({"id": "urn:x:large", "type": "T", "a": "x" * 8_000_000})
    check(wire.json("POST", ENTITIES, text))
    spaces = b" " * (8 * 1024 * 1024 - 2) + b"{}"
    refused(wire.json("POST", ENTITIES, spaces))


def test_a_gzip_bomb_is_not_unpacked(wire: Wire) -> None:
    bomb = gzip.compress(b" " * 100_000_000)
    for coding in (b"gzip", b"GZIP", b"deflate", b"br", b"gzip, identity", b"x-gzip"):
        headers = [*JSON, (b"Content-Encoding", coding)]
        refused(wire.request(b"POST", ENTITIES.encode(), headers, bomb), 415)


HUGE = [b"1" + b"0" * 400, b"-1" + b"0" * 400, b"1e400", b"-1e400", b"1e99999"]


@pytest.mark.parametrize("number", HUGE, ids=lambda number: number[:8])
def test_a_number_beyond_all_bounds_is_refused(wire: Wire, number: bytes) -> None:
    refused(create(wire, number, "huge"))
    refused(create(wire, b'{"value":[%b]}' % number, "huge"))


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        (b"9223372036854775807", 2**63 - 1),
        (b"9223372036854775808", 2**63),
        (b"18446744073709551615", 2**64 - 1),
        (b"18446744073709551616", 2.0**64),
        (b"-9223372036854775808", -(2**63)),
        (b"-9223372036854775809", -(2.0**63)),
        (b"1.7976931348623157e308", 1.7976931348623157e308),
        (b"5e-324", 5e-324),
        (b"1e-400", 0.0),
        (b"-0.0", -0.0),
        (b"1" + b"0" * 300, 1e300),
        (b"0." + b"1" * 1000, 0.1111111111111111),
    ],
)
def test_a_large_number_is_kept_as_nearly_as_json_can(
    wire: Wire, number: bytes, kept: float
) -> None:
    assert check(create(wire, number, "number")).status == 201
    shown = check(wire.get(f"{ENTITIES}/urn:x:number?options=keyValues")).json()["a"]
    assert (shown, type(shown)) == (kept, type(kept))
    page = check(wire.get(f"{ENTITIES}?type=T&id=urn:x:number&q=a%3E%3D{number.decode()}"))
    assert page.status in (200, 400)
    check(wire.get(f"{ENTITIES}?type=T&q=a<{number.decode()}".replace("<", "%3C")))


@pytest.mark.parametrize("number", [*HUGE, b"NaN", b"Infinity", b"-Infinity"], ids=lambda n: n[:8])
def test_numbers_beyond_bounds_are_refused_in_every_other_place(wire: Wire, number: bytes) -> None:
    text = number.decode()
    check(wire.get(f"{ENTITIES}?type=T&q=a=={text}"))
    refused(wire.get(f"{ENTITIES}?type=T&limit={text}"), 400)
    refused(wire.get(f"{ENTITIES}?type=T&offset={text}"), 400)
    place = f"geometry=Point&coordinates=[{text},1]"
    refused(wire.get(f"{ENTITIES}?georel=near;maxDistance==1&{place}"))
    refused(
        wire.get(f"{ENTITIES}?georel=near;maxDistance=={text}&geometry=Point&coordinates=[1,1]")
    )
    refused(wire.get(f"/ngsi-ld/ex/v1/stream?lastEventId={text}"))
    add = b'{"operations":[{"op":"add","id":"urn:x:1","attribute":"a","value":%b}]}' % number
    refused(wire.json("POST", TRANSACTIONS, add))
    rules = b'{"bounded":[{"attribute":"a","min":%b}]}' % number
    refused(wire.json("PUT", "/ngsi-ld/ex/v1/typeRules/T", rules))


def test_sums_beyond_bounds_are_refused(wire: Wire) -> None:
    for number, amount in ((2**64 - 1, 1), (-(2**63), -1), (1.7e308, 1.7e308)):
        assert create(wire, orjson.dumps(number), "sum").status == 201
        add = {"op": "add", "id": "urn:x:sum", "attribute": "a", "value": amount}
        refused(wire.json("POST", TRANSACTIONS, {"operations": [add]}), 400, 412)


@pytest.mark.parametrize("key", [b"a", b"id", b"type"])
def test_of_duplicate_keys_the_last_counts(wire: Wire, key: bytes) -> None:
    values = {b"a": (b"1", b"2"), b"id": (b'"x"', b'"urn:x:twice"'), b"type": (b"1", b'"T"')}
    first, last = values[key]
    entity = b'{"%b":%b,"id":"urn:x:twice","type":"T","a":0,"%b":%b}' % (key, first, key, last)
    wire.request(b"DELETE", f"{ENTITIES}/urn:x:twice".encode())
    assert check(wire.json("POST", ENTITIES, entity)).status == 201
    shown = check(wire.get(f"{ENTITIES}/urn:x:twice?options=keyValues")).json()
    assert shown["a"] == (2 if key == b"a" else 0)


@pytest.mark.parametrize(
    "kind",
    [
        b"text/plain", b"application/xml", b"multipart/form-data; boundary=x", b"a" * 5000,
        b"application/x-www-form-urlencoded", b"application/json, text/plain", b"\xff\xfe",
        b"application/\xc3\xa9", b";", b"application", b"application/jsonx",
    ],
    ids=lambda kind: repr(kind[:20]),
)  # fmt: skip
@pytest.mark.parametrize(("method", "path"), BODIES)
def test_wrong_content_types_are_415(wire: Wire, method: str, path: str, kind: bytes) -> None:
    headers = [(b"Content-Type", kind)]
    refused(wire.request(method.encode(), path.encode(), headers, b"{}"), 415)


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_a_body_without_content_type_is_refused(wire: Wire, method: str, path: str) -> None:
    refused(wire.request(method.encode(), path.encode(), [], b"{}"), 400)


PATHS = [
    b"/ngsi-ld/v1/entities/..", b"/ngsi-ld/v1/entities/../../../etc/passwd", b"/../etc/passwd",
    b"/ngsi-ld/v1/entities/%2e%2e", b"/ngsi-ld/v1/entities/%2e%2e%2f%2e%2e%2fmetrics",
    b"/ngsi-ld/v1/entities/%00", b"/ngsi-ld/v1/entities/urn:x:%00", b"/%00", b"//", b"///x",
    b"//ngsi-ld/v1/entities", b"/ngsi-ld//v1/entities", b"/ngsi-ld/v1//entities//urn:x:1",
    b"/ngsi-ld/v1/entities/urn:x:1//attrs", b"/ngsi-ld/v1/entities/urn:x:1/attrs//",
    b"/ngsi-ld/v1/entities/%ff", b"/ngsi-ld/v1/entities/urn:x:%c0%af",
    b"/ngsi-ld/v1/entities/urn:x:%ed%a0%80", b"/ngsi-ld/v1/entities/%", b"/%zz", b"/%",
    b"/ngsi-ld/v1/entities/urn:x:%zz", b"/ngsi-ld/v1/entities/urn:x:%2",
    b"/ngsi-ld/v1/entities/urn:x:%25%30%30", b"/ngsi-ld/v1/entities/" + b"a" * 60_000,
    b"/ngsi-ld/v1/entities/urn:x:" + b"%41" * 20_000, b"/" + b"/" * 50_000, b"/" + b"a/" * 20_000,
    b"/ngsi-ld/v1/entities/urn:x:1\\..\\..", b"/ngsi-ld/v1/entities;v=1", b"/docs/..",
    b"/ngsi-ld/v1/entities/urn:x:1%0d%0aSet-Cookie:a=b", b"/ngsi-ld/v1/entities/<script>",
    b"/ngsi-ld/v1/entities/urn:x:%3Cscript%3E", b"/ngsi-ld/ex/v1/typeRules/%2e%2e",
    b"/ngsi-ld/v1/entities/urn:x:1?" + b"a=b&" * 5000, b"/ngsi-ld/v1/entities?%ff=%fe",
    b"/ngsi-ld/v1/entities?type=%00", b"/ngsi-ld/v1/entities?type=T&q=a==%22%00%22",
    b"/ngsi-ld/v1/entities?type=None&idPattern=" + b"(a*)*" * 100, b"/ngsi-ld/v1/entities?&&&=&",
    b"/ngsi-ld/v1/entities?q=" + b"(" * 5000, b"/ngsi-ld/v1/entities?q=a;" + b"a;" * 5000 + b"a",
    b"/ngsi-ld/v1/entities?type=" + b"(" * 5000, b"/ngsi-ld/v1/entities?type=A,%ed%a0%80",
    b"/ngsi-ld/v1/entities?type=T&id=" + b"urn:x:1," * 5000, b"/ngsi-ld/v1/entities?attrs=,,,",
    b"/ngsi-ld/v1/entities?type=T&idPattern=a{1000}{1000}",
    b"/ngsi-ld/v1/entities?georel=within&geometry=Polygon&coordinates=" + b"[" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("method", [b"GET", b"DELETE"])
@pytest.mark.parametrize("path", PATHS, ids=lambda path: repr(path[:60]))
def test_path_tricks_lead_nowhere(wire: Wire, path: bytes, method: bytes) -> None:
    reply = check(wire.request(method, path))
    nothing = {b"GET": (200, b"[]"), b"DELETE": (204, b"")}.get(method)
    assert 400 <= reply.status < 500 or (reply.status, reply.body) == nothing
    assert b"root:" not in reply.body
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize(
    "target",
    [b"/ngsi-ld/v1/entities/\xff", b"/\x80", "/ngsi-ld/v1/entities/urn:x:橋".encode(), b"*", b"x"],
    ids=repr,
)
def test_targets_that_are_no_path_are_refused(wire: Wire, target: bytes) -> None:
    assert 400 <= check(wire.request(b"GET", target)).status < 500


def test_an_absolute_target_is_its_path(wire: Wire) -> None:
    assert check(wire.request(b"GET", b"http://evil.example/health")).status in (200, 400)


HEADERS = [
    (b"NGSILD-Tenant", b"a\x7fb"), (b"NGSILD-Tenant", b"a\tb"), (b"NGSILD-Tenant", b"\xff"),
    (b"NGSILD-Tenant", b"x" * 20_000), (b"Link", b"<" * 20_000), (b"Link", b"<>; rel=" * 2000),
    (b"Link", b'<http://a\x7f>; rel="http://www.w3.org/ns/json-ld#context"'),
    (b"Link", b'<\xff>; rel="http://www.w3.org/ns/json-ld#context"'),
    (b"Link", b'<file:///etc/passwd>; rel="http://www.w3.org/ns/json-ld#context"'),
    (b"Link", b'<http://[::1>; rel="http://www.w3.org/ns/json-ld#context"'),
    (b"Link", b'<http://a:99999/>; rel="http://www.w3.org/ns/json-ld#context"'),
    (b"Link", b"<a>;" + b"rel=x;" * 5000 + b'rel="http://www.w3.org/ns/json-ld#contex"'),
    (b"Accept", b"application/json;q=" + b"9" * 5000), (b"Accept", b"," * 10_000),
    (b"Accept", b"\xff/\xff"), (b"If-None-Match", b'"' * 10_000), (b"If-Match", b'"v' + b"9" * 999),
    (b"If-Match", b","), (b"If-None-Match", b"\xff"), (b"Last-Event-ID", b"\xb2"),
    (b"Upgrade", b"h2c"), (b"Expect", b"100-continue"), (b"Expect", b"nonsense"),
    (b"X-" + b"a" * 20_000, b"x"), (b"Content-Encoding", b"\xff"),
]  # fmt: skip


@pytest.mark.parametrize("header", HEADERS, ids=lambda header: repr(header)[:60])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        (b"GET", b"/ngsi-ld/v1/entities?type=T", None),
        (b"DELETE", b"/ngsi-ld/v1/entities/urn:x:none", None),
        (b"POST", b"/ngsi-ld/v1/entities", b'{"id":"urn:x:header"}'),
        (b"GET", b"/ngsi-ld/ex/v1/stream", None),
    ],
)
def test_hostile_headers_are_answered(
    wire: Wire, method: bytes, path: bytes, body: bytes | None, header: tuple[bytes, bytes]
) -> None:
    kind = JSON if body else []
    check(wire.request(method, path, [*kind, header], body))
