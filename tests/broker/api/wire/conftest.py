"""HTTP connections are tested on the event loop the broker runs on."""

import asyncio
from collections.abc import Callable, Mapping

import uvloop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Return the loops to run on."""
    return {"uvloop": uvloop.new_event_loop}
