"""The simulated locks of the town's facilities, behind a Zigbee2MQTT made of software."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final

import aiomqtt

from adapters.common.mqtt_client import MqttClient
from adapters.contract import Message
from adapters.zigbee_lock.fake import FakeLock
from machi.pauses import pauses
from machi.seed.facilities import simulated_locks

log = logging.getLogger("machi.devices")

PAUSE: Final = 2.0


async def run_doors(host: str, port: int, every: float) -> None:
    """Let every simulated lock report its state and take commands and codes until cancelled.

    A lock reports as often as this; waits out an absent MQTT broker. Codes are forgotten at a stop.
    """
    locks = {name: FakeLock(name) for name in simulated_locks("zigbee_lock")}
    while True:
        try:
            await _connected(host, port, locks, every)
        except aiomqtt.MqttError as error:
            _heed_cancellation()
            log.warning("MQTT at %s:%d is away: %s", host, port, error)
        await asyncio.sleep(PAUSE)


def _heed_cancellation() -> None:
    """Stop where somebody wants it: a cancellation that meets an answer of MQTT gets lost."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _connected(host: str, port: int, locks: dict[str, FakeLock], every: float) -> None:
    async with MqttClient(host, port, protocol=aiomqtt.ProtocolVersion.V311) as mqtt:
        for lock in locks.values():
            await mqtt.subscribe(lock.listens_to, qos=1)
        reporting = asyncio.create_task(_report(mqtt, locks, every))
        try:
            async for message in mqtt.messages:
                await _take(mqtt, locks, message)
                _heed_cancellation()
        finally:
            reporting.cancel()
            await asyncio.gather(reporting, return_exceptions=True)


async def _report(mqtt: aiomqtt.Client, locks: dict[str, FakeLock], every: float) -> None:
    for pause in pauses(every):
        for lock in locks.values():
            await _publish(mqtt, lock.availability("online"))
            await _publish(mqtt, lock.message(""))
        await asyncio.sleep(pause)


async def _take(mqtt: aiomqtt.Client, locks: dict[str, FakeLock], message: aiomqtt.Message) -> None:
    lock = locks.get(str(message.topic).split("/")[1])
    if lock is None or not isinstance(message.payload, bytes):
        return
    with suppress(ValueError, KeyError, TypeError):
        answer = lock.take(message.payload)
        if answer is not None:
            await _publish(mqtt, answer)


async def _publish(mqtt: aiomqtt.Client, message: Message) -> None:
    await mqtt.publish(message.topic, message.payload, qos=1)
