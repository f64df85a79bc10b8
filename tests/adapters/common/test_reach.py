"""Which addresses an adapter may call."""

import pytest

from adapters.common.reach import Reach
from adapters.contract import CommandFailed


async def test_without_named_networks_only_this_machine_is_called():
    assert await Reach().address("localhost") in {"127.0.0.1", "::1"}
    with pytest.raises(CommandFailed, match="--device-network"):
        await Reach().address("192.168.7.1")


async def test_named_networks_are_called_and_no_others():
    reach = Reach(["192.168.7.0/24"])
    assert await reach.address("192.168.7.1") == "192.168.7.1"
    for host in ("127.0.0.1", "169.254.169.254", "192.168.8.1"):
        with pytest.raises(CommandFailed):
            await reach.address(host)


async def test_connection_goes_to_the_address_that_was_judged():
    url, options = await Reach().request("http://localhost:8081/json?x=1")
    assert url.host in {"127.0.0.1", "::1"}
    assert (url.port, url.path_qs) == (8081, "/json?x=1")
    assert options["headers"] == {"Host": "localhost:8081"}
    assert options["allow_redirects"] is False


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://localhost/", "localhost", "http://"])
async def test_only_http_is_spoken(url: str):
    with pytest.raises(CommandFailed):
        await Reach().request(url)
