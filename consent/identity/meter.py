"""How much each client may ask: a rate, and a quota by day (pure)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Final

from consent.identity.model import Client

_DAY: Final = 86_400.0
_MOST: Final = 100_000
"""Clients and addresses told apart; beyond, the oldest begins anew."""


@dataclass(slots=True)
class _Bucket:
    """Tokens as of a moment; they come back at the client's rate, up to its burst."""

    tokens: float
    at: float
    day: float
    asked: int = 0


def day_of(seconds: float) -> int:
    """Return the day (since 1970, UTC) of a moment in seconds."""
    return int(seconds // _DAY)


class Meter:
    """Counts the requests of each client. Times are seconds, days begin at 00:00 UTC."""

    def __init__(self, asked: Callable[[int, str], int] = lambda day, client: 0) -> None:
        """`asked` tells what a client had asked on a day before it was counted here."""
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._asked = asked

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
            day = now // _DAY
            bucket = _Bucket(client.burst, now, day, self._asked(int(day), client.name))
            self._buckets[client.name] = bucket
            if len(self._buckets) > _MOST:
                self._buckets.popitem(last=False)
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
