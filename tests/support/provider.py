"""A small OpenID Connect provider: discovery and key set over HTTP, and tokens it signs."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

AUDIENCE = "machi"


class Provider:
    """Serves `/.well-known/openid-configuration` and `/keys`; `asked` counts the latter."""

    def __init__(self) -> None:
        self.keys: dict[str, RSAKey | ECKey] = {}
        self.asked = 0
        self.away = False
        self.issuer = ""

    def make(self, key_id: str, kind: str = "RS256") -> None:
        """Have a new key."""
        options: Any = {"kid": key_id, "use": "sig"}
        self.keys[key_id] = (
            ECKey.generate_key("P-256", options)
            if kind == "ES256"
            else RSAKey.generate_key(2048, options)
        )

    def token(
        self, now: float, key_id: str, alg: str = "RS256", header: Any = None, **claims: Any
    ) -> str:
        """Return a token that counts at a time, but for the claims given; None leaves one out."""
        told = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "hanako",
            "iat": int(now),
            "exp": int(now) + 300,
            **claims,
        }
        kept = {name: value for name, value in told.items() if value is not None}
        head = {"alg": alg, "kid": key_id, **(header or {})}
        return jwt.encode(head, kept, self.keys[key_id], algorithms=[alg])

    @contextlib.contextmanager
    def running(self) -> Iterator[str]:
        """Serve on a free port of this machine; give the issuer."""
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found: Any = None
                if self.path == "/.well-known/openid-configuration":
                    found = {"issuer": provider.issuer, "jwks_uri": f"{provider.issuer}/keys"}
                elif self.path == "/keys":
                    provider.asked += 1
                    found = KeySet(list(provider.keys.values())).as_dict(private=False)
                status = 503 if provider.away else 200 if found else 404
                body = json.dumps(found).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self.issuer
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
