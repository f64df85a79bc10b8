"""How much each client may ask: a rate, and a quota by day (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

from consent.identity.model import Client

_DAY: Final = 86_400.0


@dataclass(slots=True)
class _Bucket:
    """Tokens as of a moment; they come back at the client's rate, up to its burst."""

    tokens: float
    at: float
    day: float
    asked: int = 0


class Meter:
    """Counts the requests of each client. Times are seconds, days begin at 00:00 UTC."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    def wait(self, client: Client, now: float) -> int:
        """Count a request; return 0, or the whole seconds after which to ask again."""
        bucket = self._bucket(client, now)
        left = self._left(client, bucket, now)
        if not left:
            bucket.asked += 1
            bucket.tokens -= 1
        return left

    def _bucket(self, client: Client, now: float) -> _Bucket:
        bucket = self._buckets.get(client.name)
        if bucket is None:
            bucket = self._buckets[client.name] = _Bucket(client.burst, now, now // _DAY)
        elif bucket.day != now // _DAY:
            bucket.day, bucket.asked = now // _DAY, 0
        passed = max(0.0, now - bucket.at)
        bucket.at = now
        if client.rate is not None:
            bucket.tokens = min(client.burst, bucket.tokens + passed * client.rate)
        return bucket

    def _left(self, client: Client, bucket: _Bucket, now: float) -> int:
        if client.quota is not None and bucket.asked >= client.quota:
            return ceil((bucket.day + 1) * _DAY - now)
        if client.rate is not None and bucket.tokens < 1:
            return max(1, ceil((1 - bucket.tokens) / client.rate))
        return 0
