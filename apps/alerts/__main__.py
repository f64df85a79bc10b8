"""`python -m apps.alerts`: run the alerts app."""

import argparse
import asyncio
import contextlib
import logging
from contextlib import AsyncExitStack
from functools import partial

from apps.alerts.service import Alerts
from broker.client import Client, Retry

log = logging.getLogger("apps.alerts")


async def run(broker: str, drills: tuple[str, ...]) -> None:
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
                Client(broker, tenant=tenant, name="alerts", retry=Retry(attempts=None))
            )
            app = Alerts(client, drill=tenant in drills, ready=partial(connected, tenant))
            tasks.create_task(app.run())


def main() -> None:
    """Run the app until it is stopped."""
    parser = argparse.ArgumentParser(prog="apps.alerts", description=__doc__)
    parser.add_argument("--broker", default="http://127.0.0.1:1026", help="URL of the broker")
    parser.add_argument(
        "--drill-tenant", action="append", help="tenant whose events are drills; repeatable"
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(options.broker, tuple(options.drill_tenant or ())))


if __name__ == "__main__":
    main()
