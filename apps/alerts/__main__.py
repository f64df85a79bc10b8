"""`python -m apps.alerts`: run the alerts app."""

import argparse
import asyncio
import contextlib
import logging
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from apps.alerts.channels.config import Channel, ChannelsRefused, read_channels
from apps.alerts.channels.messenger import Messenger
from apps.alerts.service import Alerts
from broker.client import Client, Retry, key_of

log = logging.getLogger("apps.alerts")


async def run(broker: str, drills: tuple[str, ...], channels: tuple[Channel, ...] = ()) -> None:
    """Follow the default tenant and the drill tenants until cancelled."""
    waiting = {"", *drills}

    def connected(tenant: str) -> None:
        if tenant in waiting:
            waiting.discard(tenant)
            if not waiting:
                log.info("ready: following river stations of %d tenants", 1 + len(drills))

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        for tenant in ("", *drills):
            client = await stack.enter_async_context(
                Client(
                    broker,
                    tenant=tenant,
                    name="alerts",
                    key=key_of("alerts"),
                    retry=Retry(attempts=None),
                )
            )
            app = Alerts(client, drill=tenant in drills, ready=partial(connected, tenant))
            tasks.create_task(app.run())
            if channels:
                tasks.create_task(Messenger(client, channels).run())


def main() -> None:
    """Run the app until it is stopped."""
    parser = argparse.ArgumentParser(prog="apps.alerts", description=__doc__)
    parser.add_argument("--broker", default="http://127.0.0.1:1026", help="URL of the broker")
    parser.add_argument(
        "--drill-tenant", action="append", help="tenant whose events are drills; repeatable"
    )
    parser.add_argument(
        "--channels", type=Path, help="file with mail and webhook receivers, for its owner only"
    )
    options = parser.parse_args()
    try:
        channels = read_channels(options.channels) if options.channels else ()
    except (ChannelsRefused, OSError) as error:
        parser.error(str(error))
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(options.broker, tuple(options.drill_tenant or ()), channels))


if __name__ == "__main__":
    main()
