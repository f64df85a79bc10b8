"""`python -m apps.portal`: serve the page."""

import argparse
import logging

import uvicorn

from apps.portal.app import PortalSettings, portal
from broker.client import key_of

log = logging.getLogger("apps.portal")


def main() -> None:
    """Run the portal until it is stopped."""
    parser = argparse.ArgumentParser(prog="apps.portal", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--broker", default="http://127.0.0.1:1026", help="URL of the broker")
    parser.add_argument("--drill-tenant", default="drill", help="tenant whose events are drills")
    parser.add_argument(
        "--public-broker", default="", help="URL of the broker as developers see it"
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    told: list[bool] = []

    def ready() -> None:
        if not told:
            told.append(True)
            log.info("ready: the page is on http://%s:%d", options.host, options.port)

    settings = PortalSettings(
        options.broker,
        options.drill_tenant,
        ready,
        options.public_broker,
        key=key_of("portal"),
    )
    app = portal(settings)
    uvicorn.run(
        app,
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
