"""Contexts that are hostile, endless, unreachable or odd, to a real process."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import orjson
import pytest

from tests.fuzz.named import ENTITIES, JSON, LD, refused
from tests.fuzz.wire import Reply, Wire, check

pytestmark = pytest.mark.no_cover  # the broker is in another process

HOSTED = "/ngsi-ld/v1/jsonldContexts"


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
    refused(wire.json("POST", HOSTED, {"@context": [url]}, JSON), 400, 504)


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
def test_odd_contexts_are_hosted_or_refused(wire: Wire, context: bytes) -> None:
    hosted = check(wire.json("POST", HOSTED, b'{"@context":%b}' % context, JSON))
    if hosted.status == 201:
        path = hosted.headers["location"]
        assert check(wire.get(path)).json() == {"@context": orjson.loads(context)}
        relation = b'<http://x.example%b>; rel="http://www.w3.org/ns/json-ld#context"'
        check(
            wire.request(
                b"GET", f"{ENTITIES}?type=T".encode(), [(b"Link", relation % path.encode())]
            )
        )
        assert wire.request(b"DELETE", path.encode()).status == 204


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
        refused(with_context(wire, url), 504)
        thread.join()
        for connection in held:
            connection.close()


def test_other_requests_are_answered_while_a_context_does_not_arrive(wire: Wire) -> None:
    # A machine may be held up for as long as a context is waited for; it is not each time.
    assert any(answers_meanwhile(wire) for _ in range(5))


def answers_meanwhile(wire: Wire) -> bool:
    """Let a request wait for a context; say whether another was answered before it."""
    with socket.create_server(("127.0.0.1", 0)) as slow:
        url = b'"http://127.0.0.1:%d/c"' % slow.getsockname()[1]
        other = Wire(wire.port)
        waiting = threading.Thread(target=with_context, args=(other, url, "waiting"))
        waiting.start()
        connection, _ = slow.accept()
        assert wire.get("/health").status == 200
        meanwhile = waiting.is_alive()
        waiting.join()
        connection.close()
        other.close()
    return meanwhile
