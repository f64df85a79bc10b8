"""`python -m apps.staff`: serve the staff page."""

import argparse
import logging
from pathlib import Path

import uvicorn

from apps.staff.app import StaffSettings, staff
from broker.client import key_of

log = logging.getLogger("apps.staff")


def main() -> None:
    """Run the staff page until it is stopped."""
    parser = argparse.ArgumentParser(prog="apps.staff", description=__doc__)
    parser.add_argument("--port", type=int, default=8081, help="port on the loopback address")
    parser.add_argument("--broker", default="http://127.0.0.1:1026", help="URL of the broker")
    parser.add_argument("--drill-tenant", default="drill", help="tenant whose events are drills")
    parser.add_argument("--adapters", type=Path, help="folder with the adapters' private doors")
    parser.add_argument("--sign-in", action="store_true", help="let only staff in, by accounts")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")

    def ready() -> None:
        log.info("ready: the staff page is on http://localhost:%d", options.port)

    settings = StaffSettings(
        options.broker,
        options.drill_tenant,
        options.adapters,
        options.sign_in,
        key_of("staff"),
        ready,
    )
    app = staff(settings)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=options.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
