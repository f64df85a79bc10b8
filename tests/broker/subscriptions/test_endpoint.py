"""Endpoint URIs: their parts, what is refused, and what of them is shown."""

import pytest

from broker.subscriptions.endpoint import Address, NotAnEndpoint, masked, parse_endpoint


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("http://town.example", Address("http", "town.example", 80, "/")),
        ("HTTPS://Town.example/a?b=%20", Address("https", "town.example", 443, "/a?b=%20")),
        ("http://[::1]:8080/x", Address("http", "::1", 8080, "/x")),
        ("http://人吉.example/", Address("http", "xn--gmq42k.example", 80, "/")),
        ("mqtt://m.example/a/b", Address("mqtt", "m.example", 1883, "a/b")),
        ("mqtts://u:p%40@m.example/a", Address("mqtts", "m.example", 8883, "a", "u", "p@")),
        ("mqtt://u@m.example:99/%E7%94%BA", Address("mqtt", "m.example", 99, "町", "u", None)),
    ],
)
def test_the_parts_of_an_endpoint(uri: str, address: Address) -> None:
    assert parse_endpoint(uri) == address


@pytest.mark.parametrize(
    "uri",
    [
        "", "town", "ftp://town.example/", "http:///x", "http://town.example:0/",
        "http://town.example:99999/", "http://u:p@town.example/", "http://town.example/a b",
        "http://town.example/\r\nX: y", "http://town.example/町", "mqtt://m.example",
        "mqtt://m.example/", "mqtt://m.example/a/+", "mqtt://m.example/a/%23",
        "mqtt://m.example/%00", "mqtt://m.example/" + "x" * 70_000, "http://" + "a" * 64 + ".x/",
    ],
)  # fmt: skip
def test_what_cannot_be_sent_to_is_refused(uri: str) -> None:
    with pytest.raises(NotAnEndpoint):
        parse_endpoint(uri)


def test_an_origin_is_what_receivers_behind_one_server_share() -> None:
    origins = {parse_endpoint(f"http://[::1]/{path}").origin for path in "ab"}
    assert origins == {"http://[::1]:80"}


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("mqtt://u:secret@m.example:99/a", "mqtt://u:***@m.example:99/a"),
        ("mqtt://u:se@cret@m.example/a", "mqtt://u:***@m.example/a"),
        ("mqtt://m.example/a", "mqtt://m.example/a"),
        ("http://town.example/?a=b", "http://town.example/?a=b"),
    ],
)
def test_passwords_are_not_shown(uri: str, told: str) -> None:
    assert masked(uri) == told
