"""Requests known to have brought servers down, one by one, as bytes to a real process."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import socket
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import orjson
import pytest

from tests.fuzz.wire import LONGEST, Reply, Wire, check

ENTITIES = "/ngsi-ld/v1/entities"
BATCH = "/ngsi-ld/v1/entityOperations"
TRANSACTIONS = "/ngsi-ld/ex/v1/transactions"
JSON = [(b"Content-Type", b"application/json")]
LD = [(b"Content-Type", b"application/ld+json")]
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
    ("PUT", "/ngsi-ld/ex/v1/typeRules/T"),
]


def refused(reply: Reply, *statuses: int) -> Reply:
    """Return the answer, having checked that it is a sound refusal with one of the statuses."""
    assert check(reply).status in (statuses or (400,)), reply
    return reply


def create(wire: Wire, attribute: bytes, name: str) -> Reply:
    """Create an entity with an attribute given as JSON text."""
    entity = b'{"id":"urn:x:%b","type":"T","a":%b}' % (name.encode(), attribute)
    wire.request(b"DELETE", f"{ENTITIES}/urn:x:{name}".encode())
    return wire.json("POST", ENTITIES, entity)


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
        b"", b"text/plain", b"application/xml", b"multipart/form-data; boundary=x", b"a" * 5000,
        b"application/x-www-form-urlencoded", b"application/json, text/plain", b"\xff\xfe",
        b"application/\xc3\xa9", b";", b"application", b"application/jsonx",
    ],
    ids=lambda kind: repr(kind[:20]),
)  # fmt: skip
@pytest.mark.parametrize(("method", "path"), BODIES)
def test_wrong_content_types_are_415(wire: Wire, method: str, path: str, kind: bytes) -> None:
    headers = [(b"Content-Type", kind)] if kind else []
    refused(wire.request(method.encode(), path.encode(), headers, b"{}"), 415)


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
    assert 400 <= reply.status < 500 or (method, reply.status, reply.body) == (b"GET", 200, b"[]")
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


class _Contexts(http.server.BaseHTTPRequestHandler):
    """Serves the documents of `pages`; redirects for a text that begins with ->."""

    pages: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        page = self.pages.get(self.path, b"{}")
        self.send_response(302 if page.startswith(b"->") else 200)
        if page.startswith(b"->"):
            self.send_header("Location", page[2:].decode())
            page = b""
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(page)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def contexts() -> Iterator[str]:
    """Serve hostile contexts on loopback; give the base URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Contexts)
    base = f"http://127.0.0.1:{server.server_port}"
    deep = b"[" * 5000 + b"]" * 5000
    terms = {f"t{number}": f"http://x.example/{number}" for number in range(100_000)}
    _Contexts.pages = {
        "/self": orjson.dumps({"@context": f"{base}/self"}),
        "/a": orjson.dumps({"@context": [f"{base}/b"]}),
        "/b": orjson.dumps({"@context": [f"{base}/a"]}),
        "/fan": orjson.dumps({"@context": [f"{base}/fan{n}" for n in range(500)]}),
        "/loop": f"->{base}/loop".encode(),
        "/out": b"->file:///etc/passwd",
        "/empty": b"",
        "/html": b"<html>",
        "/array": b"[]",
        "/none": b"{}",
        "/number": b'{"@context": 5}',
        "/deep": b'{"@context": %b}' % deep,
        "/many": orjson.dumps({"@context": terms}),
        "/large": b'{"@context": {"a": "http://x.example/%b"}}' % (b"x" * 2_000_000),
        "/latin": b'{"@context": {"a": "http://x.example/\xe9"}}',
        "/keyword": orjson.dumps({"@context": {"a": "@type", "b": {"@reverse": "x"}}}),
    }
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield base
    server.shutdown()
    server.server_close()


def with_context(wire: Wire, context: bytes, name: str = "ctx") -> Reply:
    """Create an entity whose @context is given as JSON text."""
    wire.request(b"DELETE", f"{ENTITIES}/urn:x:{name}".encode())
    body = b'{"@context":%b,"id":"urn:x:%b","type":"T","a":1}' % (context, name.encode())
    return wire.json("POST", ENTITIES, body, LD)


@pytest.mark.parametrize(
    "page",
    [
        "self", "a", "fan", "loop", "out", "empty", "html", "array", "none", "number", "deep",
        "many", "large", "latin", "keyword",
    ],
)  # fmt: skip
def test_hostile_remote_contexts_are_refused(wire: Wire, contexts: str, page: str) -> None:
    url = f"{contexts}/{page}"
    refused(with_context(wire, orjson.dumps(url)), 400, 504)
    refused(with_context(wire, orjson.dumps([url, url])), 400, 504)
    relation = b'<%b>; rel="http://www.w3.org/ns/json-ld#context"' % url.encode()
    entity = {"id": "urn:x:linked", "type": "T", "a": 1}
    told = refused(wire.json("POST", ENTITIES, entity, [*JSON, (b"Link", relation)]), 400, 504)
    assert told.json()["place"].startswith("header:Link")
    check(wire.get(f"/ngsi-ld/ex/v1/stream?context={url}"))


INLINE = [
    b"5", b"true", b'""', b"{}", b"[]", b"null", b"[null]", b"[[[[[]]]]]", b"[" * 50 + b"]" * 50,
    b'{"a":{"@id":"http://x/a","@context":{"b":"http://x/b"}}}', b'{"@import":"http://x.example/"}',
    b'{"@version":1.1,"@propagate":false}', b'{"@vocab":5}', b'{"@base":"http://x/"}',
    b'{"a":"b","b":"a"}', b'{"a":"a"}', b'{"a":"a:a"}', b'{"a":{"@id":"a:b"},"b":{"@id":"b:a"}}',
    b'{"a":null}', b'{"@context":{"a":"http://x/"}}', b'{"a":{"@id":5}}',
    b'{"a":{"@type":"@none"}}',
    b'{"id":"http://x/id"}', b'{"type":"http://x/t"}', b'{"":"http://x/"}', b'{"@id":"http://x/"}',
    b'{"a b":"http://x/"}', b'{"a":"not an iri"}', b'{"a":"http://x/ y"}', b'{"a":"_:blank"}',
    b'{"a":{"@container":"@list","@id":"http://x/"}}', b'{"a":["http://x/"]}', b'"\\u0000"',
    b'"http://"', b'"http://:80/"', b'"http://a@b/"', b'"file:///etc/passwd"', b'"gopher://x/"',
    b'"data:application/json,{}"', b'"http://\\ud83d\\ude00/"', b'"//x.example/"', b'"urn:x:1"',
]  # fmt: skip


@pytest.mark.parametrize("context", INLINE, ids=lambda context: repr(context[:40]))
def test_odd_inline_contexts_are_answered(wire: Wire, context: bytes) -> None:
    check(with_context(wire, context, "odd"))
    check(wire.get(f"{ENTITIES}/urn:x:odd?options=sysAttrs"))


@pytest.mark.parametrize("count", [10_000, 100_000])
def test_contexts_with_many_terms_are_answered_in_time(wire: Wire, count: int) -> None:
    terms = {f"t{number}": f"http://x.example/{number}" for number in range(count)}
    reply = check(with_context(wire, orjson.dumps(terms), "many"))
    assert reply.status == (201 if count == 10_000 else 400)
    chain = {f"t{n}": f"t{n + 1}:x" for n in range(count)}
    check(with_context(wire, orjson.dumps(chain), "many"))
    prefixes = {f"t{n}": "http://x.example/" + "a" * (n % 200) + "/" for n in range(count // 4)}
    check(with_context(wire, orjson.dumps(prefixes), "many"))


def test_a_context_that_nobody_serves_is_504(wire: Wire) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        refused(with_context(wire, b'"http://127.0.0.1:%d/c"' % port), 504)
    refused(with_context(wire, b'"http://no-such-host.invalid/c"'), 504)


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"])
def test_a_context_that_never_arrives_is_504_in_time(wire: Wire, says: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as slow:
        held = []

        def accept() -> None:
            connection, _ = slow.accept()
            held.append(connection)
            connection.sendall(says)

        thread = threading.Thread(target=accept)
        thread.start()
        url = b'"http://127.0.0.1:%d/c"' % slow.getsockname()[1]
        reply = refused(with_context(wire, url), 504)
        assert reply.seconds < LONGEST
        thread.join()
        for connection in held:
            connection.close()


def test_other_requests_are_answered_while_a_context_does_not_arrive(wire: Wire) -> None:
    with socket.create_server(("127.0.0.1", 0)) as slow:
        url = b'"http://127.0.0.1:%d/c"' % slow.getsockname()[1]
        other = Wire(wire.port)
        waiting = threading.Thread(target=with_context, args=(other, url, "waiting"))
        waiting.start()
        connection, _ = slow.accept()
        assert wire.get("/health").seconds < 0.5
        waiting.join()
        connection.close()
        other.close()


def framed(method: bytes, *lines: bytes, body: bytes = b"") -> bytes:
    """Return a request whose framing is written out."""
    head = [method + b" /ngsi-ld/v1/entities HTTP/1.1", b"Host: localhost", *lines]
    return b"\r\n".join([*head, b"Content-Type: application/json", b"", b""]) + body


ENTITY = b'{"id":"urn:x:framed","type":"T"}'


def test_a_chunked_body_is_411(wire: Wire) -> None:
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(ENTITY), ENTITY)
    refused(wire.raw(framed(b"POST", b"Transfer-Encoding: chunked", body=chunks), fresh=True), 411)


@pytest.mark.parametrize(
    "lines",
    [
        (b"Content-Length: -1",), (b"Content-Length: +5",), (b"Content-Length: 0x5",),
        (b"Content-Length: 5, 5",), (b"Content-Length: 5", b"Content-Length: 6"),
        (b"Content-Length: 99999999999999999999999999",), (b"Content-Length: five",),
        (b"Content-Length: 5", b"Transfer-Encoding: chunked"), (b"Content-Length:",),
        (b"Transfer-Encoding: chunked, identity",), (b"Transfer-Encoding: nonsense",),
        (b"Bad Header: x",), (b"NoColon",), (b" Folded: x",), (b"A: b\x00c",), (b"\xff: x",),
    ],
    ids=repr,
)  # fmt: skip
def test_ambiguous_framing_is_refused(wire: Wire, lines: tuple[bytes, ...]) -> None:
    reply = check(wire.raw(framed(b"POST", *lines, body=b"5\r\n{}   \r\n0\r\n\r\n"), fresh=True))
    assert 400 <= reply.status < 500
    wire.close()


@pytest.mark.parametrize(
    "line",
    [
        b"GET", b"GET / HTTP/9.9", b"\x16\x03\x01\x02\x00", b"get / x", b"GET / HTTP/1.1 x",
        b"PRI * HTTP/2.0", b"G\x00T / HTTP/1.1",
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_http_is_refused(wire: Wire, line: bytes) -> None:
    reply = check(wire.raw(line + b"\r\nHost: localhost\r\n\r\n", fresh=True))
    assert 400 <= reply.status < 500
    wire.close()


@pytest.mark.parametrize("hosts", [(), (b"Host: evil.example",), (b"Host: localhost", b"Host: x")])
def test_a_missing_foreign_or_double_host_is_refused(wire: Wire, hosts: tuple[bytes, ...]) -> None:
    head = b"\r\n".join([b"GET /health HTTP/1.1", *hosts, b"", b""])
    refused(wire.raw(head, fresh=True))
    wire.close()


@pytest.mark.parametrize(
    "name", ["NGSILD-Tenant", "Content-Type", "Idempotency-Key", "Last-Event-ID"]
)
def test_a_header_that_can_be_meant_once_only_is_refused_twice(wire: Wire, name: str) -> None:
    twice = [(name.encode(), b"1"), (name.encode(), b"1")]
    told = refused(wire.request(b"POST", TRANSACTIONS.encode(), twice, b"{}")).json()
    assert told["place"] == f"header:{name}"


def test_lists_in_several_headers_are_one_list(wire: Wire) -> None:
    create(wire, b"1", "lists")
    path = f"{ENTITIES}/urn:x:lists"
    tag = wire.get(path).headers["etag"].encode()
    tags = [(b"If-None-Match", tag), (b"If-None-Match", b'"v9-0"')]
    assert check(wire.request(b"GET", path.encode(), tags)).status == 304
    accept = [(b"Accept", b"application/json;q=0.1"), (b"Accept", b"application/ld+json")]
    reply = check(wire.request(b"GET", path.encode(), accept))
    assert reply.headers["content-type"] == "application/ld+json"
    match = [(b"If-Match", tag), (b"If-Match", b'"v9-0"')]
    assert check(wire.request(b"DELETE", path.encode(), match)).status == 204


def test_a_body_shorter_than_announced_harms_nobody(wire: Wire) -> None:
    with socket.create_connection(("127.0.0.1", wire.port), timeout=5) as connection:
        connection.sendall(framed(b"POST", b"Content-Length: 1000", body=ENTITY))
    assert check(wire.get("/health")).status == 200
    assert wire.get(f"{ENTITIES}/urn:x:framed").status == 404


def test_pipelined_requests_are_answered_in_order(wire: Wire) -> None:
    one = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    two = b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", wire.port), timeout=5) as connection:
        connection.sendall(one + two)
        answers = b""
        while chunk := connection.recv(65536):
            answers += chunk
    assert answers.index(b"HTTP/1.1 200") < answers.index(b"HTTP/1.1 404")


def test_streams_that_are_left_at_once_leave_nothing_behind(wire: Wire) -> None:
    for _ in range(200):
        with socket.create_connection(("127.0.0.1", wire.port), timeout=5) as connection:
            connection.sendall(b"GET /ngsi-ld/ex/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(15).startswith(b"HTTP/1.1 200")
    assert check(wire.get("/ready")).status == 200
