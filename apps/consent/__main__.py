"""`python -m apps.consent`: serve the consent centre."""

import argparse
import logging

import uvicorn

from apps.consent.app import ConsentSettings, centre

log = logging.getLogger("apps.consent")


def main() -> None:
    """Run the consent centre until it is stopped."""
    parser = argparse.ArgumentParser(prog="apps.consent", description=__doc__)
    parser.add_argument("--port", type=int, default=8082, help="port on the loopback address")
    parser.add_argument("--broker", default="http://127.0.0.1:1026", help="URL of the broker")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")

    def ready() -> None:
        log.info("ready: the consent centre is on http://localhost:%d", options.port)

    uvicorn.run(
        centre(ConsentSettings(options.broker, ready)),
        host="127.0.0.1",
        port=options.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
