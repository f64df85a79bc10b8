"""What a broker can be told at its start."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one broker process. Sizes are bytes, times seconds.

    `allow_egress` lists networks (CIDR) that outgoing requests may reach although they are not
    public. `allow_hosts` lists names beyond `host` and loopback that the Host header may carry,
    `public_url` is the address at which clients reach the broker where that is not the one they
    name themselves. `allow_origins` are the web pages beyond the broker's own that may read answers
    and listen to streams.
    A WebSocket whose client reads nothing for `patience`, or asks for nothing, is closed.
    `store` is the URL of a MongoDB database that entities, feed and history lie in; where it is
    empty they are a file in `data`. Keys lie in `shared` where several brokers share them, else in
    `data`.
    Without `deliver` notifications are queued and none is sent. Without `history` changes are not
    followed; what the feed still has of them is, once it is on again. `history_policy` is a file
    that says what history is kept of which types, and for how long (`broker.temporal.policy`).
    `max_instances` is how many attribute instances one answer of the temporal API holds.
    `max_streams` counts connections in all, `max_streams_each` those of one known caller.
    """

    host: str = "127.0.0.1"
    port: int = 1026
    data: Path = field(default_factory=lambda: Path("data"))
    shared: Path | None = None
    store: str = ""
    auth: str = "off"
    allow_egress: tuple[str, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()
    public_url: str = ""
    max_streams: int = 4_000
    max_streams_each: int = 200
    heartbeat: float = 15.0
    patience: float = 60.0
    max_body: int = 8 * MIB
    max_batch: int = 1000
    max_operations: int = 500
    max_limit: int = 1000
    max_instances: int = 10_000
    feed_days: int = 7
    context_timeout: float = 1.5
    deliver: bool = True
    history: bool = True
    history_policy: Path | None = None
    render_cache: int = 48 * MIB

    @property
    def common(self) -> Path:
        """The folder of keys and secrets."""
        return self.shared or self.data

    @property
    def loopback(self) -> bool:
        """Whether the broker is reachable from this machine only."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
