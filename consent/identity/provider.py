"""The keys of an OpenID Connect provider: discovery and key set over HTTP, read again if needed.

The operator names the issuer, so it is called whatever network it is in; where it has its keys
is under the same rule: TLS, or this machine. Keys are read in a thread: who shows a token does not
wait: one with a key nobody knows yet is refused, and may come again in a second.
"""

from __future__ import annotations

import http.client
import ipaddress
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

log = logging.getLogger("machi.broker")

LARGEST: Final = 1024 * 1024
TIMEOUT: Final = 5.0
PAUSE: Final = 30.0
"""Seconds between two readings that tokens of unknown keys cause."""
STALE: Final = 3600.0
"""Seconds after which keys are read again, so that a key the provider gave up ends here too."""


class ProviderFaulty(Exception):
    """The provider cannot be read; the text says why and what to do."""


class Provider:
    """The key set of an issuer as it was read last."""

    def __init__(self, issuer: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Raises ProviderFaulty for an issuer that is no usable URL."""
        self.issuer = issuer
        _checked(issuer)
        self.keys = KeySet([])
        self._monotonic = monotonic
        self._asked = float("-inf")
        self._reading = threading.Lock()

    def read(self) -> None:
        """Read the keys now. Raises ProviderFaulty; what was known then stays."""
        self._asked = self._monotonic()
        told = _get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if told.get("issuer") != self.issuer:
            raise ProviderFaulty(
                f"The provider calls itself {told.get('issuer')!r}. Name that as --oidc-issuer."
            )
        place = told.get("jwks_uri")
        if not isinstance(place, str):
            raise ProviderFaulty("The provider's configuration names no jwks_uri.")
        try:
            self.keys = KeySet.import_key_set(_get(place))  # type: ignore[arg-type]
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise ProviderFaulty(f"The key set at {place} cannot be used.") from error

    def renew(self, *, unknown: bool = False) -> None:
        """Have the keys read again beside everything else, where that is due.

        `unknown` says that a token named a key that is not there. However many do, the provider is
        asked at most once in `PAUSE` seconds.
        """
        age = self._monotonic() - self._asked
        if (
            age < PAUSE
            or (age < STALE and not unknown)
            or not self._reading.acquire(blocking=False)
        ):
            return
        self._asked = self._monotonic()
        threading.Thread(target=self._read_quietly, name="oidc-keys", daemon=True).start()

    def _read_quietly(self) -> None:
        try:
            self.read()
        except ProviderFaulty as error:
            log.warning("the keys of the OpenID Connect provider are not renewed: %s", error)
        finally:
            self._reading.release()


def _checked(url: str) -> Any:
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = False
    if not host or parts.scheme not in ("https", "http") or (parts.scheme == "http" and not here):
        raise ProviderFaulty(f"{url} is no https URL. Only on this machine http will do.")
    return parts


def _get(url: str) -> dict[str, Any]:
    """Return the JSON object at a URL; redirects are not followed. Raises ProviderFaulty."""
    parts = _checked(url)
    made = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = made(parts.hostname, parts.port, timeout=TIMEOUT)
    try:
        connection.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""))
        answer = connection.getresponse()
        body = answer.read(LARGEST + 1)
    except (OSError, http.client.HTTPException) as error:
        raise ProviderFaulty(f"{url} gives no answer. Is the provider running?") from error
    finally:
        connection.close()
    if answer.status != 200 or len(body) > LARGEST:
        raise ProviderFaulty(f"{url} answers {answer.status} with {len(body)} bytes.")
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProviderFaulty(f"{url} is no JSON.") from error
    if not isinstance(told, dict):
        raise ProviderFaulty(f"{url} is no JSON object.")
    return told
