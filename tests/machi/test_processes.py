"""Ports and processes of the town."""

import asyncio
import re
import socket
import sys

import pytest

from machi.errors import PortBusy
from machi.ports import require_free
from machi.process import READY, Child, Role
from tests.support import free_port
from tests.support.patience import PATIENCE


def test_busy_port_is_named_with_who_cannot_start_and_the_option():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortBusy) as caught:
            require_free("127.0.0.1", port, "The portal", "--portal-port")
    assert f"port {port}" in str(caught.value)
    assert str(caught.value).startswith("The portal cannot start")
    assert re.search(r"--portal-port \d+", caught.value.remedy)


def test_free_port_is_free():
    require_free("127.0.0.1", free_port(), "The portal", "--portal-port")


@pytest.mark.parametrize(
    ("line", "ready"),
    [
        ("INFO ready: the page is on", True),
        ("INFO broker ready on http://127.0.0.1:1026", True),
        ("portal is not ready in time", False),
        ("already: seen", False),
    ],
)
def test_a_process_is_ready_when_it_says_so(line: str, ready: bool):
    assert (READY.search(line) is not None) is ready


async def test_lines_of_a_process_are_passed_on_with_its_name():
    said: list[tuple[str, str]] = []
    child = Child(Role("zen", "this"), lambda name, text: said.append((name, text)))
    await child.start()
    assert await child.wait() == 0
    assert said[0] == ("zen", "The Zen of Python, by Tim Peters")


async def test_a_running_process_is_stopped():
    child = Child(Role("web", "http.server", (str(free_port()),)), lambda name, text: None)
    await child.start()
    waiting = asyncio.create_task(child.wait())
    await child.stop()
    assert await waiting != 0


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
async def test_no_process_outlives_a_killed_supervisor():
    port = free_port()
    program = f"""
import asyncio
from machi.process import Child, Role

async def main():
    await Child(Role("web", "http.server", ("{port}",)), lambda name, text: None).start()
    print("started", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    await parent.stdout.readline()
    await until_listening(port, True)
    parent.kill()
    await parent.wait()
    await until_listening(port, False)


async def until_listening(port: int, wanted: bool) -> None:
    """Wait until somebody, or nobody, listens on the port."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                listening = False
            else:
                listening = True
                writer.close()
            if listening == wanted:
                return
            await asyncio.sleep(0.02)
