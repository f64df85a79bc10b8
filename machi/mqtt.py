"""The town's own MQTT broker: amqtt, on loopback, without accounts. Speaks MQTT 3.1.1.

For one machine and a demonstration. A production town runs a broker of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal

from amqtt.broker import Broker

log = logging.getLogger("machi.mqtt")


async def run(host: str, port: int) -> None:
    """Serve MQTT until cancelled or asked to stop."""
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}"}},
            "plugins": {
                "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
            },
        }
    )
    await broker.start()
    log.info("ready: MQTT 3.1.1 on %s:%d", host, port)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    try:
        await stop.wait()
    finally:
        await broker.shutdown()


def main() -> None:
    """Run the MQTT broker until it is stopped."""
    parser = argparse.ArgumentParser(prog="machi.mqtt", description="The town's MQTT broker.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    log.setLevel(logging.INFO)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(options.host, options.port))


if __name__ == "__main__":
    main()
