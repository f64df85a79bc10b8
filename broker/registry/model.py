"""The context source registration as data (§5.2.8 to §5.2.11): all names are full IRIs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final


class Mode(StrEnum):
    """How the source's data stands to our own (§4.3.6)."""

    INCLUSIVE = "inclusive"
    EXCLUSIVE = "exclusive"
    REDIRECT = "redirect"
    AUXILIARY = "auxiliary"


PROXIED: Final = frozenset((Mode.EXCLUSIVE, Mode.REDIRECT))
"""Modes in which what is registered is the source's, and none of ours."""


@dataclass(frozen=True, slots=True)
class EntityInfo:
    """Which entities: any of `types` (all where there is none), by id, else by pattern."""

    types: tuple[str, ...] = ()
    id: str | None = None
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Information:
    """What a source may have: attributes (any where there is none) of entities (any likewise)."""

    entities: tuple[EntityInfo, ...] = ()
    attributes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Interval:
    """A time interval, ends included, open where there is no `end`; times are sortable."""

    start: str
    end: str | None = None


@dataclass(frozen=True, slots=True)
class Registration:
    """One registration. `expires_at` is sortable.

    `members` is what a client is shown, names expanded; members that are the client's own
    (Context Source Properties) are in `properties`, by IRI. Secrets are masked, and in `sealed`.
    """

    id: str
    created_at: str
    modified_at: str
    information: tuple[Information, ...]
    mode: Mode = Mode.INCLUSIVE
    expires_at: str | None = None
    observation: Interval | None = None
    management: Interval | None = None
    members: dict[str, Any] = field(default_factory=dict, compare=False)
    sealed: str | None = field(default=None, compare=False)
    properties: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def temporal(self) -> bool:
        """Tell whether the source has the past, and not what is now (§5.9.1)."""
        return self.observation is not None or self.management is not None

    def expired(self, now: str) -> bool:
        """Tell whether the registration is over."""
        return self.expires_at is not None and self.expires_at <= now
