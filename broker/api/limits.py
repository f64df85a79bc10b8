"""What clients may ask of the server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of HTTP connections. Sizes are bytes, times seconds, kept to a second or so.

    `head` is request line and headers together; `head_time` from its first byte to its last.
    A body may make no pause longer than `pause`, and the request may take no longer than
    `request`. A connection without a request is closed after `idle`; one whose client takes
    nothing of an answer after `stalled`; one that is closed and whose client does not notice
    after `linger`. `bodies` is what the bodies of all requests that arrive or are being answered
    may hold together; where the largest body allowed is more than half of that, twice its size.
    """

    head: int = 64 * 1024
    headers: int = 100
    head_time: float = 10.0
    pause: float = 10.0
    request: float = 120.0
    idle: float = 60.0
    stalled: float = 60.0
    linger: float = 3.0
    connections: int = 5000
    bodies: int = 128 * 1024 * 1024
