"""Endpoint URIs of receivers: their parts, and how they are shown (§7.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from broker.safe import MASK

PORTS: Final = {"http": 80, "https": 443, "mqtt": 1883, "mqtts": 8883}
INFOS: Final = ("receiverInfo", "notifierInfo")
"""Members of an endpoint that are lists of keys and values."""

_HOST: Final = "Give an http, https, mqtt or mqtts URI with a host."
_TOPIC: Final = "Give the topic as path: mqtt://broker.example/town/alerts."
_PLAIN: Final = frozenset(("MQTT-Version", "MQTT-QoS"))
_UNUSABLE = re.compile(r"[\s\x00-\x20\x7f]")


class NotAnEndpoint(ValueError):
    """The URI is none that notifications can be sent to; text and `remedy` say why and what is."""

    def __init__(self, why: str, remedy: str = _HOST) -> None:
        super().__init__(why)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Address:
    """Where a receiver is. `target` is the request target, or the MQTT topic.

    `origin` is scheme, host and port: what receivers behind the same server share. `place` is what
    answers or does not as one: the endpoint over HTTP, the broker over MQTT.
    """

    scheme: str
    host: str
    port: int
    target: str
    user: str | None = None
    password: str | None = None
    origin: str = field(init=False)
    place: str = field(init=False)

    def __post_init__(self) -> None:
        host = f"[{self.host}]" if ":" in self.host else self.host
        origin = f"{self.scheme}://{host}:{self.port}"
        http = self.scheme.startswith("http")
        object.__setattr__(self, "origin", origin)
        object.__setattr__(self, "place", origin + self.target if http else origin)

    @property
    def secure(self) -> bool:
        """Tell whether TLS is wanted."""
        return self.scheme in ("https", "mqtts")


def parse_endpoint(uri: str) -> Address:
    """Return the parts of an endpoint URI; raises NotAnEndpoint."""
    if _UNUSABLE.search(uri):
        raise NotAnEndpoint("The endpoint has white space or control characters in it.")
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise NotAnEndpoint("The endpoint is not a URI.") from None
    scheme = parts.scheme.lower()
    if scheme not in PORTS:
        raise NotAnEndpoint("The endpoint's scheme is none of " + ", ".join(PORTS) + ".")
    if not parts.hostname or port == 0:
        raise NotAnEndpoint("The endpoint names no host.")
    mqtt = scheme.startswith("mqtt")
    if not mqtt and "@" in parts.netloc:
        raise NotAnEndpoint("An http endpoint carries no user name; use receiverInfo.")
    if mqtt and "#" in uri:
        raise _no_topic()
    target = _topic(parts) if mqtt else _target(parts)
    try:
        host = parts.hostname if ":" in parts.hostname else parts.hostname.encode("idna").decode()
    except UnicodeError:
        raise NotAnEndpoint("The endpoint's host is no host name.") from None
    return Address(
        scheme,
        host,
        port or PORTS[scheme],
        target,
        None if parts.username is None else unquote(parts.username),
        None if parts.password is None else unquote(parts.password),
    )


def masked(uri: str) -> str:
    """Return a URI with its password as `***`: for logs, pages and strangers.

    So is a user name that comes alone, which is how many MQTT brokers take a token.
    """
    try:
        parts = urlsplit(uri)
        if parts.username is None:
            return uri
    except ValueError:
        return MASK
    account, _, place = parts.netloc.rpartition("@")
    user, colon, _ = account.partition(":")
    account = f"{user}:{MASK}" if colon else MASK
    return urlunsplit((parts.scheme, f"{account}@{place}", parts.path, parts.query, ""))


def mask(endpoint: dict[str, Any]) -> dict[str, Any]:
    """Return an endpoint as strangers are shown it: with `***` for secrets."""
    told = {**endpoint, "uri": masked(endpoint["uri"])}
    for name in INFOS:
        if name in endpoint:
            told[name] = [
                pair if pair["key"] in _PLAIN else {**pair, "value": MASK}
                for pair in endpoint[name]
            ]
    return told


def _target(parts: SplitResult) -> str:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not target.isascii():
        raise NotAnEndpoint("The endpoint's path is not percent-encoded.")
    return target


def _topic(parts: SplitResult) -> str:
    topic = unquote(parts.path.removeprefix("/"))
    if parts.query:
        topic += f"?{unquote(parts.query)}"
    if not topic:
        raise NotAnEndpoint("The MQTT endpoint names no topic.", _TOPIC)
    if any(character in topic for character in "+#\0"):
        raise _no_topic()
    if len(topic.encode()) > 65_535:
        raise NotAnEndpoint("The MQTT topic is longer than 65,535 bytes.", _TOPIC)
    return topic


def _no_topic() -> NotAnEndpoint:
    return NotAnEndpoint("An MQTT topic to publish to has no +, # or NUL in it.", _TOPIC)
