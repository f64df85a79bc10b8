"""How long after the answer to a withdrawal data of the person still leave.

1,000 subscriptions of a recipient are told of each change of a person's data, and a service goes
on changing them, faster than they can be delivered, so that many wait when the person withdraws.
The receiver is a process of its own and notes when the newest notification came.
"""

import http.client
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import orjson

from bench.figures import Figure, Target
from bench.rates import Say
from bench.requests import API, RequestFailed
from consent.identity.book import IdentityBook
from consent.identity.keys import make
from consent.identity.model import Account, Client, Key
from consent.identity.passwords import Argon2
from consent.identity.secret import read_secret, secret_beside
from consent.identity.signing_in import handle_of
from tests.support.persons import POLICIES, RESCUE, TAG, Papers, attributes, people
from tests.support.ports import free_port
from tests.support.server import HOST, Server, broker

SUBSCRIPTIONS = 1000
ROUNDS = 5
GOES_ON = 3.0
"""Seconds for which the data go on changing after the answer."""
EVERY = 0.2
PASSWORD = "a citizen of the benchmark"
LIMIT = Target(1.0, at_least=False, worst=True)


class Asking:
    """Requests with keys."""

    def __init__(self, server: Server, keys: dict[str, str]) -> None:
        self._server = server
        self.keys = keys

    def send(self, key: str, method: str, path: str, body: Any = None, purpose: str = "") -> Any:
        """Send a document; return the answer's. Raises RequestFailed where it is refused."""
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {self.keys[key]}"
        if purpose:
            headers["Machi-Purpose"] = purpose
        with closing(http.client.HTTPConnection(HOST, self._server.port, timeout=60)) as connection:
            connection.request(method, path, None if body is None else orjson.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
        if answer.status >= 400:
            raise RequestFailed(f"{method} {path}: {answer.status} {text[:300].decode()}")
        return orjson.loads(text) if text else None


def measure_withdrawal(folder: Path, say: Say) -> list[Figure]:
    """Return how long after its answer a withdrawal was not yet in force, and what then waited."""
    port = free_port()
    command = [sys.executable, "-m", "bench.receiver", str(port)]
    receiver = Server(command, port, folder / "receiver.log", ready="/figures")
    policies = folder / "policies.json"
    policies.write_bytes(orjson.dumps(POLICIES))
    keys = identities(folder / "data")
    options = ("--auth", "embedded", "--policies", str(policies), "--allow-egress", f"{HOST}/32")
    server = broker(folder / "data", folder / "broker.log", None, *options)
    late = Figure("newest notification after the answer to a withdrawal", "s", LIMIT)
    waited = Figure("notifications withheld that were queued before or after it", "")
    with server, receiver:
        asking = Asking(server, keys)
        session = {"name": "hana", "password": PASSWORD}
        keys["hana"] = asking.send("", "POST", "/ngsi-ld/ex/v1/sessions", session)["token"]
        papers = _open_up(asking, receiver)
        for number in range(ROUNDS):
            late.values.append(_round(asking, papers, receiver, number))
            books = asking.send("admin", "GET", "/ngsi-ld/ex/v1/books")["all"]
            waited.values.append(books["withheld"] - sum(waited.values))
            say(f"withdrawal {number + 1}: newest {late.values[-1]:.3f} s after the answer")
    return [late, waited]


def identities(data: Path) -> dict[str, str]:
    """Make clients with keys, and the account of Hana; return the keys."""
    keys = {}
    book = IdentityBook(data)
    for client in people():
        if client.user is None:
            book.put(Client(client.name, client.roles, client.purposes))
            key_id, text, digest = make(secrets.token_bytes)
            book.add(Key(key_id, client.name, digest, "2026-01-01T00:00:00.000000Z"))
            keys[client.name] = text
    handle = handle_of("hana", read_secret(secret_beside(data)))
    password = Argon2().hash(PASSWORD)
    book.people.add(Account("hana", handle, password, frozenset({"citizen"})))
    book.close()
    return keys


def _open_up(asking: Asking, receiver: Server) -> Papers:
    """Make the purpose active, let the recipient subscribe, and let a tag be seen."""
    papers = Papers(lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    for made in (papers.assessment("approved"), papers.purpose()):
        asking.send("admin", "POST", f"{API}/entities", made)
    asking.send("tags", "POST", f"{API}/entities", papers.detection(1, "hana"))
    for number in range(SUBSCRIPTIONS):
        body = {
            "id": f"urn:ngsi-ld:Subscription:{number:04d}",
            "type": "Subscription",
            "entities": [{"type": TAG}],
            "notification": {"endpoint": {"uri": f"{receiver.url}/{number % 16}"}},
        }
        asking.send("rescue", "POST", f"{API}/subscriptions", body, RESCUE)
    return papers


def _round(asking: Asking, papers: Papers, receiver: Server, number: int) -> float:
    """Consent, let the tag be seen, withdraw; return by how much notifications came later."""
    told = papers.consent("hana", recordId=f"r{number}")
    told["id"] += f"-{number}"
    asking.send("hana", "POST", f"{API}/entities", told)
    with _changing(asking, number):
        while not _figures(receiver)["unique"]:
            time.sleep(0.01)
        time.sleep(1.0)
        end = attributes(state="withdrawn", withdrawnAt=papers.now())
        asking.send("hana", "POST", f"{API}/entities/{told['id']}/attrs", end)
        answered = time.time()
        time.sleep(GOES_ON)
    return float(_figures(receiver)["newest"]) - answered


def _figures(receiver: Server) -> Any:
    with closing(http.client.HTTPConnection(HOST, receiver.port, timeout=60)) as connection:
        connection.request("GET", "/figures")
        return orjson.loads(connection.getresponse().read())


@contextmanager
def _changing(asking: Asking, number: int) -> Iterator[None]:
    """Let the tag be seen again and again, with another strength each time."""
    ended = Event()

    def change() -> None:
        strength = 0
        while not ended.wait(EVERY):
            strength += 1
            body = attributes(rssi=-(number * 1000 + strength))
            path = f"{API}/entities/urn:ngsi-ld:TagDetection:1/attrs"
            asking.send("tags", "POST", path, body)

    changes = Thread(target=change)
    changes.start()
    try:
        yield
    finally:
        ended.set()
        changes.join()
