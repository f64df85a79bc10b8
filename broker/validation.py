"""The contract by which a registry of data models may check an entity before it is stored.

The broker calls a `Validator` with each entity as a write would leave it, and never looks into
models itself. Where a type is to be rejected, a finding refuses the write; where it is to be
warned of, the write goes through and the findings are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from broker.model.entity import Entity


class Mode(StrEnum):
    """What happens to entities of a type that do not fit their model."""

    OFF = "off"
    WARN = "warn"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which an entity does not fit a model.

    `attribute` is the IRI of the attribute that is wrong or missing; `pointer` leads from the
    attribute to the place within its value (RFC 6901, empty for the whole); `model` and `message`
    are for people.
    """

    mode: Mode
    model: str
    attribute: str
    pointer: str
    message: str


class Validator(Protocol):
    """Checks entities against the models of their types."""

    def check(self, entity: Entity) -> Sequence[Finding]:
        """Return what does not fit; empty where all is well or no type is to be checked."""
        ...
