"""How an MQTT message is wanted: `notifierInfo` of an endpoint (Table 7.2-1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

V5: Final = "mqtt5.0"
V311: Final = "mqtt3.1.1"


@dataclass(frozen=True, slots=True)
class Quality:
    """How a subscription wants to be told: version and QoS (Table 7.2-1)."""

    version: str = V5
    qos: int = 0


def quality_of(notifier_info: Mapping[str, str]) -> Quality:
    """Return what `notifierInfo` asks for; its values were checked with the subscription."""
    return Quality(notifier_info.get("MQTT-Version", V5), int(notifier_info.get("MQTT-QoS", "0")))
