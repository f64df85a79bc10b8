"""A message to a recipient, by whichever binding its endpoint names."""

from __future__ import annotations

import asyncio

from broker.egress import Egress
from broker.subscriptions.delivery.http import HttpSender
from broker.subscriptions.delivery.message import Message
from broker.subscriptions.delivery.mqtt import MqttSender
from broker.subscriptions.delivery.policy import Tried
from broker.subscriptions.delivery.recipient import Recipient
from broker.subscriptions.delivery.resolve import Resolver


class Senders:
    """The senders of one broker. Bound to its event loop."""

    def __init__(self, egress: Egress) -> None:
        resolver = Resolver(egress)
        self.http = HttpSender(resolver)
        self.mqtt = MqttSender(resolver)

    async def send(
        self, recipient: Recipient, message: Message, *, attempt: int, timeout: float
    ) -> Tried:
        """Try once; never raises but for cancellation."""
        address = recipient.address
        if address.scheme.startswith("http"):
            return await self.http.send(address, message, attempt=attempt, timeout=timeout)
        return await self.mqtt.send(
            address, message, recipient.quality, attempt=attempt, timeout=timeout
        )

    async def tidy(self) -> None:
        """Close connections unused for long."""
        now = asyncio.get_running_loop().time()
        self.http.tidy(now)
        await self.mqtt.tidy(now)

    async def close(self) -> None:
        """Close all connections."""
        await self.http.close()
        await self.mqtt.close()
