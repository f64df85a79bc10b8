"""Which remote contexts each tenant uses, and how often: what is listed as Cached (§5.13)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

MOST = 10_000
"""Uses that are remembered; the longest unused go first."""


@dataclass(slots=True)
class Use:
    """A tenant's use of a context: since when, when last (seconds), and how often."""

    since: float
    last: float
    hits: int = 0

    def hit(self, now: float) -> None:
        """Count one more."""
        self.hits += 1
        self.last = now


class Uses:
    """The uses of all tenants, by tenant and URL (or id, of a context the broker serves)."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._uses: OrderedDict[tuple[str, str], Use] = OrderedDict()

    def begin(self, tenant: str, url: str, now: float) -> Use:
        """Return a tenant's use of a context, a new one where there is none."""
        key = (tenant, url)
        use = self._uses.get(key)
        if use is None:
            use = self._uses[key] = Use(now, now)
            if len(self._uses) > self._most:
                self._uses.popitem(last=False)
        self._uses.move_to_end(key)
        return use

    def find(self, tenant: str, url: str) -> Use | None:
        """Return a tenant's use of a context."""
        return self._uses.get((tenant, url))

    def of(self, tenant: str) -> dict[str, Use]:
        """Return what a tenant uses, by URL."""
        return {url: use for (owner, url), use in self._uses.items() if owner == tenant}

    def forget(self, tenant: str, url: str) -> None:
        """Forget a use."""
        self._uses.pop((tenant, url), None)
