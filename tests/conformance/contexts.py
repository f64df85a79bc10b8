"""The @context documents of the suite, served on loopback."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_OWN = "resources/jsonld-contexts"
_COMPOUND = "ngsi-ld-test-suite-compound.jsonld"
_TERMS = ("Building", "Vehicle", "OffStreetParking", "name", "speed", "brandName", "category")
"""Names that a document which is not part of the suite defines here."""


class Contexts:
    """Serves, below `base`, what the suite would get from `https://<path>`.

    What the suite has itself comes from its working copy; anything else is made up, with terms of
    its own, so that no test needs the internet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        handler = type("Handler", (_Handler,), {"contexts": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def document(self, path: str) -> bytes:
        """Return the document for a path."""
        name = path.rpartition("/")[2]
        own = self._folder / _OWN / name
        if own.is_file():
            return own.read_bytes()
        if "TestSuite" in name:
            return (self._folder / _OWN / _COMPOUND).read_bytes()
        terms = {term: f"https:/{path}#{term}" for term in _TERMS}
        return json.dumps({"@context": terms}).encode()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    contexts: Contexts

    def do_GET(self) -> None:
        body = self.contexts.document(unquote(self.path.partition("?")[0]))
        self.send_response(200)
        self.send_header("Content-Type", "application/ld+json")
        self.send_header("Cache-Control", "max-age=3600")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        return None
