"""The topics of the IoT agents: `/<protocol>/<API key>/<device>/attrs` and so on. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from adapters.contract import BadPayload

ULTRALIGHT: Final = "ul"
JSON: Final = "json"


@dataclass(frozen=True, slots=True)
class Topic:
    """What a topic says. `kind`: attrs or cmdexe; `attribute` that of a single measure."""

    protocol: str
    api_key: str
    device: str
    kind: str
    attribute: str = ""

    def __str__(self) -> str:
        """Return the topic as it is written."""
        single = f"/{self.attribute}" if self.attribute else ""
        return f"/{self.protocol}/{self.api_key}/{self.device}/{self.kind}{single}"


def parse(topic: str) -> Topic:
    """Return what a topic says. Raises BadPayload."""
    parts = topic.split("/")
    if len(parts) not in {5, 6} or parts[0] or parts[1] not in {ULTRALIGHT, JSON}:
        raise BadPayload("not a topic of the IoT agents", place="topic")
    _, protocol, api_key, device, kind, *attribute = parts
    if not (api_key and device) or kind not in {"attrs", "cmdexe"}:
        raise BadPayload("not a topic of the IoT agents", place="topic")
    return Topic(protocol, api_key, device, kind, attribute[0] if attribute else "")


def command_topic(api_key: str, device: str) -> str:
    """Return the topic on which a device takes commands; it names no protocol."""
    return f"/{api_key}/{device}/cmd"
