"""A message to a recipient, by whichever binding its endpoint names."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from broker.egress import Egress
from broker.subscriptions.delivery.http import HttpSender
from broker.subscriptions.delivery.message import Message
from broker.subscriptions.delivery.policy import Tried
from broker.subscriptions.delivery.recipient import Recipient
from broker.subscriptions.delivery.resolve import Resolver

if TYPE_CHECKING:
    from broker.subscriptions.delivery.mqtt import MqttSender


class Senders:
    """The senders of one broker. Bound to its event loop.

    That of MQTT is loaded, in a thread, with the first message that goes by it.
    """

    def __init__(self, egress: Egress) -> None:
        self._resolver = Resolver(egress)
        self._http = HttpSender(self._resolver)
        self._mqtt: MqttSender | None = None

    @property
    def notes(self) -> Mapping[str, str]:
        """What an operator should know although deliveries succeed, by server."""
        return {} if self._mqtt is None else self._mqtt.notes

    async def send(
        self, recipient: Recipient, message: Message, *, attempt: int, timeout: float
    ) -> Tried:
        """Try once; never raises but for cancellation."""
        address = recipient.address
        if address.scheme.startswith("http"):
            return await self._http.send(address, message, attempt=attempt, timeout=timeout)
        sender = await self._mqtt_sender()
        return await sender.send(
            address, message, recipient.quality, attempt=attempt, timeout=timeout
        )

    async def tidy(self) -> None:
        """Close connections unused for long."""
        now = asyncio.get_running_loop().time()
        self._http.tidy(now)
        if self._mqtt is not None:
            await self._mqtt.tidy(now)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()
        if self._mqtt is not None:
            await self._mqtt.close()

    async def _mqtt_sender(self) -> MqttSender:
        if self._mqtt is None:
            module = await asyncio.to_thread(import_module, "broker.subscriptions.delivery.mqtt")
            if self._mqtt is None:
                self._mqtt = module.MqttSender(self._resolver)
        return self._mqtt
