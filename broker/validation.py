"""The contract by which a registry of data models may check an entity before it is stored.

The broker calls a `Validator` with each entity as a write would leave it, and never looks into
models itself. Where a type is to be rejected, a finding refuses the write; where it is to be
warned of, the write goes through and the findings are told.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from broker.errors import BadRequestData
from broker.model.entity import Entity, Json

MOST_TOLD: Final = 200
"""Ways of not fitting that are told in the log, each once."""

log = logging.getLogger("machi.broker")


class Mode(StrEnum):
    """What happens to entities of a type that do not fit their model."""

    OFF = "off"
    WARN = "warn"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which an entity does not fit a model.

    `attribute` is the IRI of the attribute that is wrong or missing and `term` its name in the
    model; `pointer` leads from the attribute to the place within its value (RFC 6901, empty for
    the whole); `model` and `message` are for people, and tell no value.
    """

    mode: Mode
    model: str
    attribute: str
    term: str
    pointer: str
    message: str


class Validator(Protocol):
    """Checks entities against the models of their types."""

    def check(self, entity: Entity) -> Sequence[Finding]:
        """Return what does not fit; empty where all is well or no type is to be checked."""
        ...


@dataclass(frozen=True, slots=True)
class Models:
    """What data models give a broker: contexts it serves to all, by name, and a validator.

    `default` names the one of them that counts where a request names none; the core context
    alone where it is empty.
    """

    contexts: Mapping[str, Json] = field(default_factory=dict)
    validator: Validator | None = None
    default: str = ""


class Fit:
    """What the broker makes of a validator's findings: refusals, figures, and a line in the log."""

    def __init__(self, validator: Validator) -> None:
        self._validator = validator
        self._warned = 0
        self._rejected = 0
        self._told: set[tuple[str, str]] = set()

    def check(self, entity: Entity) -> None:
        """Raise BadRequestData where a type wants what does not fit it rejected."""
        findings = self._validator.check(entity)
        for finding in findings:
            if finding.mode is Mode.REJECT:
                self._rejected += 1
                raise BadRequestData(
                    finding.message,
                    place=f"entity:/{finding.term}{finding.pointer}",
                    remedy=f"Correct it, or see what the data model {finding.model} wants.",
                )
        for finding in findings:
            self._warn(finding)

    def figures(self) -> Mapping[str, float]:
        """Return figures for /metrics."""
        return {"model_warnings_total": self._warned, "model_rejections_total": self._rejected}

    def _warn(self, finding: Finding) -> None:
        self._warned += 1
        way = finding.model, finding.message
        if way not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(way)
            log.warning("an entity does not fit its data model: %s", finding.message)
