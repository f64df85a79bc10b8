"""`machi broker --store`: the whole broker on a server of MongoDB's wire protocol."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.requests import API, Requests
from tests.support.mongodb import database_name, kept_apart, nx_server
from tests.support.server import HOST, Server, broker

RIVER = {"id": "urn:ngsi-ld:River:kuma", "type": "River", "level": 3.1}
SUBSCRIPTION = {
    "id": "urn:ngsi-ld:Subscription:level",
    "type": "Subscription",
    "entities": [{"type": "River"}],
    "notification": {"endpoint": {"uri": "http://127.0.0.1:9/nobody"}},
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of an empty database."""
    with kept_apart(tmp_path_factory.mktemp("mongodb")) as found:
        yield found + database_name()


def started(folder: Path, url: str) -> Server:
    return broker(folder / "data", folder / "broker.log", None, "--store", url)


def test_what_was_answered_is_there_after_a_kill(tmp_path: Path, url: str) -> None:
    first = started(tmp_path, url)
    with first:
        requests = Requests(first)
        requests.expect(201, "POST", f"{API}/subscriptions", SUBSCRIPTION)
        requests.expect(201, "POST", f"{API}/entities", RIVER)
        requests.expect(204, "PATCH", f"{API}/entities/{RIVER['id']}/attrs", {"level": 3.5})
        found = requests.expect(200, "GET", f"{API}/entities?type=River&q=level%3E3.4")
        assert [each["id"] for each in found] == [RIVER["id"]]
        first.kill()
    with started(tmp_path, url) as second:
        requests = Requests(second)
        assert requests.expect(200, "GET", f"{API}/entities/{RIVER['id']}")["level"]["value"] == 3.5
        books = requests.expect(200, "GET", "/ngsi-ld/ex/v1/books")["all"]
        assert (books["queued"], books["waiting"], books["balanced"]) == (2, 2, True)
        past = requests.expect(
            200, "GET", f"{API}/temporal/entities/{RIVER['id']}?options=temporalValues"
        )
        assert [value for value, _ in past["level"]["values"]] == [3.1, 3.5]


def test_a_server_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    away = f"mongodb://{HOST}:{nx_server(tmp_path).port}/town?serverSelectionTimeoutMS=500"
    with pytest.raises(Exception, match="database did not answer"), started(tmp_path, away):
        pass
