"""Where outgoing requests may go: remote contexts, notifications, forwarded requests.

Public addresses are allowed. Loopback, private, link-local and other special addresses are refused
unless the broker runs open on its own machine (`local`) or the operator allowed them
(`--allow-egress CIDR`). The rule is applied to the address of each connection at the moment its
socket is made, so neither a redirect nor a name that changes its address gets around it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING, Any, TypeAlias

from yarl import URL

if TYPE_CHECKING:
    import aiohttp

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

REMEDY = "Use a public http(s) address, or let the operator start with --allow-egress CIDR."

_METADATA = frozenset(
    map(ip_address, ("169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254"))
)
"""Addresses at which cloud machines hand out their credentials."""
_PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
_ASSIGNED_BY_IETF = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24")))
_NAT64 = IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = IPv6Network("::/96")


class EgressRefused(OSError):
    """The egress rule forbids this target. Also raised as the cause of aiohttp's client errors."""


class Egress:
    """The egress rule of one broker. Immutable.

    `local`: loopback and private addresses are allowed too (authentication off and bound to
    loopback). `allow`: networks that are allowed whatever else holds. Raises ValueError for
    what is no network.
    """

    def __init__(self, *, local: bool = False, allow: Iterable[str] = ()) -> None:
        self.local = local
        self.allow: tuple[Network, ...] = tuple(ip_network(network) for network in allow)
        self._permits = lru_cache(maxsize=1024)(self._judge)

    def permits(self, address: str) -> bool:
        """Tell whether a connection to a numeric IPv4 or IPv6 address is allowed."""
        return self._permits(address)

    def check_url(self, url: str | URL) -> URL:
        """Return the parsed URL of an outgoing request; raises EgressRefused.

        Refused are other schemes than http and https, user names or passwords, a missing host,
        and a numeric host the rule forbids. Names are judged when they are resolved.
        """
        try:
            parsed = URL(url)
            port = parsed.port
        except ValueError:
            raise EgressRefused("It is not a URL.") from None
        if parsed.scheme not in ("http", "https"):
            raise EgressRefused("Its scheme is neither http nor https.")
        if parsed.user is not None or parsed.password is not None:
            raise EgressRefused("It carries a user name or password.")
        if not parsed.host or not port:
            raise EgressRefused("It names no host.")
        if not _is_name(parsed.host) and not self.permits(parsed.host):
            raise EgressRefused("The egress rule forbids its address.")
        return parsed

    def connector(self, **options: Any) -> aiohttp.TCPConnector:
        """Return an aiohttp connector that opens sockets only to permitted addresses."""
        import aiohttp

        return aiohttp.TCPConnector(socket_factory=self._socket, **options)

    def session(
        self, *, timeout: float, connections: int = 64, per_host: int = 8
    ) -> aiohttp.ClientSession:
        """Return a client session under this rule, without proxies and without cookies.

        `timeout` is the total seconds of a request. Needs a running loop; the caller closes it.
        """
        import aiohttp

        return aiohttp.ClientSession(
            connector=self.connector(limit=connections, limit_per_host=per_host),
            timeout=aiohttp.ClientTimeout(total=timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    def _socket(self, target: Any) -> socket.socket:
        family, kind, protocol, _, address = target
        if not self.permits(address[0]):
            raise EgressRefused("The egress rule forbids its address.")
        return socket.socket(family, kind, protocol)

    def _judge(self, text: str) -> bool:
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            return False
        inner = _embedded(address)
        if any(one in network for one in {address, inner} for network in self.allow):
            return True
        if inner in _METADATA:
            return False
        if self.local and (inner.is_loopback or any(inner in network for network in _PRIVATE)):
            return True
        return _is_public(inner)


def _embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for (mapped, 6to4, NAT64, Teredo)."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    low = int(address) & 0xFFFFFFFF
    if address in _NAT64 or (address in _IPV4_COMPATIBLE and low > 1):
        return IPv4Address(low)
    return address


def _is_public(address: Address) -> bool:
    special = (
        address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or address.is_loopback
        or address.is_link_local
        or address.is_private
        or (isinstance(address, IPv6Address) and address.is_site_local)
    )
    return (
        address.is_global
        and not special
        and not any(address in network for network in _ASSIGNED_BY_IETF)
    )


def _is_name(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return True
    return False
