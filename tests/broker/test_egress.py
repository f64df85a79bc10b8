"""The egress rule: which addresses outgoing requests reach."""

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from broker.egress import Egress, EgressRefused

PUBLIC = [
    "8.8.8.8",
    "2001:4860:4860::8888",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]
LOOPBACK_AND_PRIVATE = [
    "127.0.0.1",
    "127.9.9.9",
    "::1",
    "10.0.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "fd12::1",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "2002:7f00:1::1",
    "64:ff9b::7f00:1",
]
SPECIAL = [
    "0.0.0.0",
    "::",
    "0.1.2.3",
    "100.64.0.1",
    "169.254.1.1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "192.0.0.8",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "ff02::1",
    "2001:db8::1",
    "64:ff9b:1::a00:1",
]
METADATA = ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "100.100.100.200"]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_allowed(address):
    assert Egress().permits(address)


@pytest.mark.parametrize("address", LOOPBACK_AND_PRIVATE)
def test_loopback_and_private_are_allowed_only_locally(address):
    assert not Egress().permits(address)
    assert Egress(local=True).permits(address)


@pytest.mark.parametrize("address", [*SPECIAL, *METADATA, "not an address", ""])
def test_special_address_is_refused_even_locally(address):
    assert not Egress().permits(address)
    assert not Egress(local=True).permits(address)


@pytest.mark.parametrize("address", METADATA[:2])
def test_metadata_address_is_allowed_by_its_network_only(address):
    assert not Egress(local=True, allow=["10.0.0.0/8"]).permits(address)
    assert Egress(allow=["169.254.169.254/32"]).permits(address)


def test_allowed_network_adds_just_its_addresses():
    egress = Egress(allow=["10.1.0.0/16", "fd00::/16"])
    assert egress.permits("10.1.2.3")
    assert egress.permits("fd00::1")
    assert not egress.permits("10.2.0.1")


def test_what_is_no_network_cannot_be_allowed():
    with pytest.raises(ValueError):
        Egress(allow=["10.1.2.3/8"])


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "//example.org/",
        "example.org",
        "",
        "http:///path",
        "http://user@example.org/",
        "http://:secret@example.org/",
        "http://example.org:99999/",
        "http://127.0.0.1/",
        "http://[::1]:8080/",
        "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest/meta-data",
    ],
)
def test_url_that_may_not_be_requested_is_refused(url):
    with pytest.raises(EgressRefused):
        Egress().check_url(url)


def test_names_pass_the_url_check_and_are_judged_when_resolved():
    assert Egress().check_url("https://example.org/a").host == "example.org"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433"])
async def test_no_connection_is_opened_to_a_refused_address(host):
    visits = []

    async def visit(request):
        visits.append(request.host)
        return web.Response()

    app = web.Application()
    app.router.add_get("/", visit)
    async with TestServer(app) as server, Egress().session(timeout=30) as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"http://{host}:{server.port}/")
    assert visits == []


async def test_redirect_to_a_refused_address_is_not_followed():
    async def away(request):
        raise web.HTTPFound(f"http://127.0.0.2:{request.url.port}/")

    app = web.Application()
    app.router.add_get("/", away)
    egress = Egress(allow=["127.0.0.1/32"])
    async with TestServer(app, host="127.0.0.1") as server, egress.session(timeout=30) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as refused:
            await session.get(server.make_url("/"))
    assert isinstance(refused.value.os_error, EgressRefused)


async def test_permitted_address_is_reached():
    async def hello(_):
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    async with (
        TestServer(app) as server,
        Egress(local=True).session(timeout=30) as session,
        session.get(server.make_url("/")) as response,
    ):
        assert await response.text() == "hello"
