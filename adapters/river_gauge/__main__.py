"""`python -m adapters.river_gauge`: run the river gauge adapter."""

import argparse
import asyncio
import contextlib
import logging

from adapters.river_gauge.runner import Settings, run


def main() -> None:
    """Run the adapter until it is stopped."""
    parser = argparse.ArgumentParser(prog="adapters.river_gauge", description=__doc__)
    parser.add_argument("--broker", default="http://127.0.0.1:1026", help="URL of the broker")
    parser.add_argument("--mqtt-host", default="127.0.0.1")
    parser.add_argument("--mqtt-port", type=int, default=1883)
    parser.add_argument(
        "--tenant", action="append", help="tenant to serve besides the default one; repeatable"
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    settings = Settings(
        options.mqtt_host, options.mqtt_port, options.broker, ("", *(options.tenant or ()))
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(settings))


if __name__ == "__main__":
    main()
