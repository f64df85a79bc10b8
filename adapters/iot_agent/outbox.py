"""Commands on their way to devices: by MQTT, by HTTP, or kept until a device asks for them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from adapters.common.mqtt import MqttLink
from adapters.common.orders import EXPIRY
from adapters.common.reach import Reach
from adapters.common.registry import Registration
from adapters.contract import BadPayload, Command, CommandFailed, Status
from adapters.iot_agent import iotjson, ultralight
from adapters.iot_agent.groups import Group
from adapters.iot_agent.topics import JSON, ULTRALIGHT, command_topic
from broker.client import value

TIMEOUT: Final = 10.0
MOST_ANSWER: Final = 65_536
ERROR: Final = "ERROR"


@dataclass(slots=True)
class Waiting:
    """A command that a device has not asked for yet."""

    name: str
    payload: bytes
    fetched: asyncio.Event


class Outbox:
    """The ways to devices. A Device says its own: `transport`, `ioProtocol`, `endpoint`."""

    def __init__(self, link: MqttLink, reach: Reach) -> None:
        self._link = link
        self._reach = reach
        self._waiting: defaultdict[str, list[Waiting]] = defaultdict(list)

    async def send(
        self, command: Command, device: Registration, group: Group
    ) -> tuple[Status, str]:
        """Carry a command to a device. Raises CommandFailed."""
        name = str(value(device.device, "deviceId"))
        if protocol_of(device) == JSON:
            payload = iotjson.command(command.name, command.argument)
        else:
            payload = ultralight.command(name, command.name, command.argument)
        if value(device.device, "transport", "MQTT") != "HTTP":
            await self._link.publish(command_topic(group.api_key, name), payload)
            return Status.DELIVERED, ""
        endpoint = value(device.device, "endpoint")
        if endpoint:
            return await self._push(str(endpoint), payload, command.name, protocol_of(device))
        return await self._keep(device, command.name, payload)

    def fetch(self, address: str) -> list[bytes]:
        """Return the commands that wait for a device, which are delivered by that."""
        waiting = self._waiting.pop(address, [])
        for one in waiting:
            one.fetched.set()
        return [one.payload for one in waiting]

    async def _keep(self, device: Registration, name: str, payload: bytes) -> tuple[Status, str]:
        given = value(device.device, "commandExpirySeconds", EXPIRY)
        seconds = float(given) if isinstance(given, int | float) else EXPIRY
        waiting = Waiting(name, payload, asyncio.Event())
        self._waiting[device.address].append(waiting)
        try:
            await asyncio.wait_for(waiting.fetched.wait(), seconds)
        except TimeoutError:
            self._waiting[device.address].remove(waiting)
            return Status.EXPIRED, f"the device did not ask for it within {seconds:g} s"
        return Status.DELIVERED, ""

    async def _push(
        self, endpoint: str, payload: bytes, name: str, protocol: str
    ) -> tuple[Status, str]:
        url, options = await self._reach.request(endpoint)
        options["headers"]["Content-Type"] = (
            "application/json" if protocol == JSON else "text/plain"
        )
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(url, data=payload, **options) as answer,
            ):
                body = await answer.content.read(MOST_ANSWER)
                if answer.status >= 300:
                    raise CommandFailed(f"the device answers {answer.status}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise CommandFailed("the device gives no answer") from error
        return _told(body, name, protocol)


def protocol_of(device: Registration) -> str:
    """Return the protocol a Device speaks: Ultralight unless it says JSON."""
    return JSON if value(device.device, "ioProtocol") == JSON else ULTRALIGHT


def outcome(answer: str) -> Status:
    """Return what a result says: one that begins with ERROR is none of success."""
    return Status.ERROR if answer.upper().startswith(ERROR) else Status.OK


def _told(body: bytes, name: str, protocol: str) -> tuple[Status, str]:
    """Return the result in a device's answer; without one the command is delivered."""
    if not body.strip():
        return Status.DELIVERED, ""
    try:
        results: dict[str, Any] = (
            iotjson.results(body)
            if protocol == JSON
            else {ultralight.result(body)[1]: ultralight.result(body)[2]}
        )
    except BadPayload as fault:
        raise CommandFailed(f"the device's answer cannot be read: {fault.reason}") from fault
    if name not in results:
        return Status.DELIVERED, ""
    return outcome(results[name]), results[name]
