"""What compose.yaml would run, as services with their commands, environment and secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
COMPOSE = ROOT / "compose.yaml"


def compose() -> dict[str, Any]:
    """Return compose.yaml with the variables' own values put in."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", COMPOSE.read_text())
    document: dict[str, Any] = yaml.safe_load(text)
    return document


SERVICES: dict[str, dict[str, Any]] = compose()["services"]

OWN = {
    name: service
    for name, service in SERVICES.items()
    if "build" in service and not service.keys() & {"entrypoint", "profiles"}
}
"""The services that run a module of Machi for as long as the town runs."""


def secret_files() -> Mapping[str, str]:
    """Return the name of each secret's file."""
    return {name: Path(each["file"]).name for name, each in compose()["secrets"].items()}


def texts(value: Any) -> Iterator[str]:
    """Yield all texts within a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
