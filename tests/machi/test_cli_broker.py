"""Commands that speak to a running broker: subscriptions, dead letters, tail, doctor."""

import http.client
import http.server
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from broker.client import Event
from broker.safe import KEY_FILE
from machi.api import Api
from machi.cli import main
from machi.commands import doctor
from machi.commands.tail import line
from machi.doctor import machine, mqtt, service
from machi.doctor.finding import State
from tests.support import free_port
from tests.support.patience import PATIENCE
from tests.support.server import Server, broker

EN = {"LC_ALL": "C.UTF-8"}
GAUGE: dict[str, Any] = {
    "id": "urn:ngsi-ld:Gauge:1",
    "type": "Gauge",
    "level": {"type": "Property", "value": 1},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a broker for all tests of this file."""
    folder = tmp_path_factory.mktemp("town")
    with broker(folder / "data", folder / "broker.log") as started:
        started.data = folder / "data"  # type: ignore[attr-defined]
        yield started


class Machi:
    """The command, on one broker and a tenant of its own."""

    def __init__(self, server: Server, tenant: str) -> None:
        self.url = server.url
        self.tenant = tenant

    def __call__(self, *arguments: str, code: int = 0) -> Result:
        """Run the command and want an exit code."""
        done = CliRunner().invoke(
            main, [*arguments, "--broker", self.url, "--tenant", self.tenant], env=EN
        )
        assert done.exit_code == code, (done.output, done.exception)
        return done

    def write(self, document: Any, path: str = "entityOperations/upsert") -> None:
        """Upsert entities into the tenant."""
        host = self.url.removeprefix("http://")
        with closing(http.client.HTTPConnection(host, timeout=PATIENCE)) as connection:
            headers = {"Content-Type": "application/json", "NGSILD-Tenant": self.tenant}
            connection.request("POST", f"/ngsi-ld/v1/{path}", json.dumps(document), headers)
            assert connection.getresponse().status < 300


@pytest.fixture
def machi(server: Server, request: pytest.FixtureRequest) -> Machi:
    """Give the command for a tenant of the test's own, which has one gauge."""
    given = Machi(server, f"t{request.node.name[:50]}".translate(str.maketrans("[]-", "___")))
    given.write([GAUGE])
    return given


def make(machi: Machi, *options: str) -> str:
    """Make a subscription; return its id."""
    return machi("subscriptions", "create", "--type", "Gauge", "--to", "http://127.0.0.1:9/n",
                 *options).output.strip()  # fmt: skip


def test_a_subscription_is_made_listed_paused_resumed_and_deleted(machi: Machi):
    made = make(machi, "--watch", "level", "--q", "level>3", "--name", "high")
    assert made.startswith("urn:ngsi-ld:Subscription:")
    listed = machi("subscriptions", "list").output
    assert made in listed
    assert "Gauge level>3 level" in listed
    machi("subscriptions", "pause", made)
    assert "paused" in machi("subscriptions", "list").output
    machi("subscriptions", "resume", made)
    shown = json.loads(machi("subscriptions", "show", made).output)
    assert (shown["status"], shown["subscriptionName"]) == ("active", "high")
    machi("subscriptions", "delete", made)
    assert "There are no subscriptions" in machi("subscriptions", "list").output
    gone = machi("subscriptions", "show", made, code=7)
    assert "[path:" in gone.stderr


def test_every_option_of_create_has_its_member(machi: Machi):
    made = make(
        machi, "--id", "urn:x:1", "--scope", "/a/#", "--near", "130.7,32.2,500", "--on",
        "entityDeleted", "--throttling", "5", "--expires", "2090-01-01T00:00:00Z", "--format",
        "simplified", "--pick", "level", "--header", "Authorization: x",
    )  # fmt: skip
    shown = json.loads(machi("subscriptions", "show", made).output)
    assert shown["entities"] == [{"type": "Gauge", "id": "urn:x:1"}]
    assert shown["geoQ"]["coordinates"] == [130.7, 32.2]
    assert (shown["scopeQ"], shown["throttling"]) == ("/a/#", 5)
    assert shown["notificationTrigger"] == ["entityDeleted"]
    told = shown["notification"]
    assert (told["format"], told["pick"]) == ("simplified", ["level"])
    assert told["endpoint"]["receiverInfo"] == [{"key": "Authorization", "value": "***"}]


def test_tokens_and_passwords_are_shown_where_that_is_asked_for_only(machi: Machi):
    made = machi("subscriptions", "create", "--type", "Gauge", "--header", "Authorization: sesame",
                 "--to", "mqtt://town:sesame@127.0.0.1:9/n").output.strip()  # fmt: skip
    asked = (["list"], ["list", "--json"], ["show", made])
    assert [one for one in asked if "sesame" in machi("subscriptions", *one).output] == []
    whole = json.loads(machi("subscriptions", "show", made, "--secrets").output)
    endpoint = whole["notification"]["endpoint"]
    assert endpoint["uri"] == "mqtt://town:sesame@127.0.0.1:9/n"
    assert endpoint["receiverInfo"] == [{"key": "Authorization", "value": "sesame"}]


@pytest.mark.parametrize(
    "options", [["--near", "here"], ["--id-pattern", ".", "--near", "1,2"]], ids=" ".join
)
def test_options_that_say_nothing_are_wrong_usage(machi: Machi, options: list[str]):
    done = machi("subscriptions", "create", "--to", "http://x/", *options, code=2)
    assert "Usage: " in done.stderr


def test_a_subscription_is_explained(machi: Machi):
    made = make(machi, "--q", "level>3")
    assert "Nothing was due" in machi("subscriptions", "explain", made).output
    machi("subscriptions", "explain", made, "--entity", "urn:x:1", "--change", "1", code=2)
    told = machi("subscriptions", "explain", made, "--entity", GAUGE["id"]).output
    assert told.startswith("It was not to be notified.")
    assert "!! q" in told
    machi.write([{**GAUGE, "level": {"type": "Property", "value": 5}}])
    told = machi("subscriptions", "explain", made, "--entity", GAUGE["id"]).output
    assert told.startswith("A notification was due")
    seq = json.loads(
        machi("subscriptions", "explain", made, "--entity", GAUGE["id"], "--json").output
    )["change"]["seq"]
    by_change = machi("subscriptions", "explain", made, "--change", str(seq)).output
    assert f"Change {seq} at" in by_change


@contextmanager
def gone() -> Iterator[str]:
    """Run a receiver that wants no more notifications; give its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(410)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


def dead(machi: Machi, count: int) -> list[dict[str, Any]]:
    """Return the tenant's dead letters, once there are so many."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found: list[dict[str, Any]] = json.loads(machi("dead-letters", "list", "--json").output)
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, found


def test_dead_letters_are_listed_shown_replayed_and_discarded(machi: Machi, server: Server):
    assert "There are no dead letters" in machi("dead-letters", "list").output
    with gone() as url:
        made = machi("subscriptions", "create", "--type", "Gauge", "--to", url).output.strip()
        for value in (7, 8):
            machi.write([{**GAUGE, "level": {"type": "Property", "value": value}}])
        letters = dead(machi, 2)
        listed = machi("dead-letters", "list", "--limit", "1").output
        assert "410 Gone" in listed
        assert "1 more" in listed
        found = examined(machi, server)
        assert found["dead-letters"][0].state is State.PROBLEM
        assert "410 Gone" in found["subscription"][0].text
        shown = json.loads(machi("dead-letters", "show", letters[0]["id"]).output)
        assert shown["notification"]["data"][0]["level"]["value"] == 8
        assert "waits" in machi("dead-letters", "replay", letters[0]["id"]).output
        dead(machi, 2)
        assert "2 wait" in machi("dead-letters", "replay", "--subscription", made).output
        dead(machi, 2)
    machi("dead-letters", "discard", letters[0]["id"])
    assert "1 are gone" in machi("dead-letters", "discard", "--subscription", made).output
    machi("dead-letters", "show", letters[0]["id"], code=7)


@pytest.mark.parametrize("command", ["replay", "discard"])
def test_one_letter_or_one_subscription_is_to_be_named(machi: Machi, command: str):
    machi("dead-letters", command, code=2)
    machi("dead-letters", command, "1-2", "--subscription", "urn:s:1", code=2)


def test_what_the_broker_refuses_is_said_with_the_remedy(machi: Machi):
    refused = machi("subscriptions", "create", "--to", "ftp://x/", "--type", "A", code=7)
    assert "[body:/notification/endpoint/uri]" in refused.stderr


def test_a_broker_that_is_away_is_exit_code_4():
    address = f"http://127.0.0.1:{free_port()}"
    for command in (["subscriptions", "list"], ["dead-letters", "list"], ["tail"]):
        done = CliRunner().invoke(main, [*command, "--broker", address], env=EN)
        assert done.exit_code == 4
        assert "machi broker" in done.stderr


def test_tail_shows_what_is_there_and_what_happens(machi: Machi):
    done = machi("tail", "--snapshot", "--count", "1")
    assert "-- connected" in done.output
    assert "enter" in done.output
    assert "level=1" in done.output
    machi.write([{**GAUGE, "level": {"type": "Property", "value": 2}}])
    lines = machi("tail", "--after", "0", "--json", "--count", "2").output.splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["enter", "update"]
    assert json.loads(lines[1])["changed"] == ["level"]


def test_tail_ends_well_on_ctrl_c(machi: Machi):
    command = [sys.executable, "-m", "machi", "tail", "--snapshot", "--broker", machi.url]
    # A shell that runs the tests in the background has them ignore Ctrl-C, and what they start.
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **EN},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as run:
        assert run.stdout is not None
        assert "connected" in run.stdout.readline()
        run.send_signal(signal.SIGINT)
        assert run.wait(PATIENCE) == 0


def test_a_line_of_tail_names_what_changed_and_fits_the_terminal():
    entity = {**GAUGE, "name": {"type": "Property", "value": "人吉" * 40}}
    event = Event("update", 7, GAUGE["id"], 2, "2020-07-03T19:10:00Z", ("level", "gone"), entity)
    assert click.unstyle(line(event)) == "19:10:00  update  urn:ngsi-ld:Gauge:1  level=1  gone=-"
    whole = Event("enter", 0, GAUGE["id"], entity=entity)
    assert click.unstyle(line(whole)).startswith("now       enter   urn:ngsi-ld:Gauge:1  level=1")
    assert len(click.unstyle(line(whole, 60))) < 60
    assert click.unstyle(line(Event("lost", 0))) == "-- connection lost, trying again"
    stopped = Event("lost", 0, reason="The broker stops.")
    assert click.unstyle(line(stopped)) == "-- connection lost, trying again (The broker stops.)"


def test_tail_says_why_a_filter_is_refused(machi: Machi):
    refused = machi("tail", "--q", "level>", code=7)
    assert "[query:q]" in refused.stderr


def examined(machi: Machi, server: Server, **options: Any) -> dict[str, list[Any]]:
    """Return the doctor's findings by what was looked at."""
    api = Api(machi.url, options.get("tenant", machi.tenant), options.get("context"))
    found: dict[str, list[Any]] = {}
    data = server.data  # type: ignore[attr-defined]
    for one in doctor.examine(data, ("127.0.0.1", free_port()), api, options.get("context")):
        found.setdefault(one.check, []).append(one)
    return found


def test_a_well_broker_gets_a_clean_bill(machi: Machi, server: Server):
    found = examined(machi, server)
    assert not [one for all_ in found.values() for one in all_ if one.state is State.PROBLEM]
    data = str(server.data)  # type: ignore[attr-defined]
    done = machi("doctor", "--data", data, "--mqtt", f"127.0.0.1:{free_port()}")
    assert "All is well." in done.output


def test_a_tenant_that_is_misspelt_is_found(machi: Machi, server: Server):
    (finding,) = examined(machi, server, tenant=machi.tenant.upper())["tenant"]
    assert finding.state is State.PROBLEM
    assert machi.tenant in finding.remedy


def test_a_context_that_cannot_be_had_is_found(machi: Machi, server: Server):
    (finding,) = examined(machi, server, context="http://127.0.0.1:9/c.jsonld")["context"]
    assert finding.state is State.PROBLEM


def test_names_that_fell_back_to_the_default_vocabulary_are_found(machi: Machi, server: Server):
    twin = {"type": "Property", "value": 1}
    machi.write([{"id": "urn:x:2", "type": "Gauge", "https://example.org/terms#level": twin}])
    (finding,) = examined(machi, server)["names"]
    assert finding.state is State.PROBLEM
    assert "level" in finding.text


def test_subscriptions_that_fail_and_their_dead_letters_are_found():
    failed = {"status": "failed", "endpoint": {"uri": "http://x/"}, "timesFailed": 3}
    found = list(service.subscriptions([{"id": "urn:s:1", "notification": failed}], str.upper))
    assert [one.state for one in found] == [State.PROBLEM]
    assert "--allow-egress" in found[0].remedy


def test_the_doctor_shows_no_password():
    failed = {"status": "failed", "endpoint": {"uri": "mqtt://town:sesame@x/t"}}
    (found,) = service.subscriptions([{"id": "urn:s:1", "notification": failed}], str.upper)
    assert "mqtt://town:***@x/t" in found.text


def test_a_broker_that_is_away_is_found_and_what_has_its_port(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        threading.Thread(target=lambda: taken.accept()[0].close(), daemon=True).start()
        api = Api(f"http://127.0.0.1:{port}", timeout=1.0)
        found = list(doctor.examine(tmp_path, ("127.0.0.1", free_port()), api, None))
    by_check = {one.check: one for one in found}
    assert by_check["broker"].state is State.PROBLEM
    assert by_check["port"].state is State.PROBLEM
    assert str(port) in by_check["port"].remedy


def test_doctor_ends_with_exit_code_8_where_something_is_wrong(tmp_path: Path):
    address = f"http://127.0.0.1:{free_port()}"
    given = ["doctor", "--data", str(tmp_path), "--broker", address, "--json"]
    done = CliRunner().invoke(main, given, env=EN)
    assert done.exit_code == 8
    assert {one["check"] for one in json.loads(done.stdout)} == {
        "data", "disk", "clock", "broker", "port", "mqtt",
    }  # fmt: skip


def test_a_broker_does_not_start_on_a_key_that_is_none(tmp_path: Path):
    (tmp_path / KEY_FILE).write_text("no key")
    given = ["broker", "--data", str(tmp_path), "--port", str(free_port())]
    done = CliRunner().invoke(main, given, env=EN)
    assert done.exit_code == 6
    assert f"{tmp_path / KEY_FILE} is no key" in done.stderr


def test_a_data_file_that_is_none_or_newer_is_found(tmp_path: Path):
    file = tmp_path / machine.DATA_FILE
    file.write_text("no database")
    assert machine.folder(tmp_path, 5).state is State.PROBLEM
    file.unlink()
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    found = machine.folder(tmp_path, 5)
    assert (found.state, "99" in found.text) == (State.PROBLEM, True)
    assert machine.folder(file, 5).state is State.PROBLEM


def test_a_clock_behind_the_data_is_found(tmp_path: Path):
    (tmp_path / machine.DATA_FILE).touch()
    now = service.present()
    assert machine.clock(tmp_path, now).state is State.OK
    assert machine.clock(tmp_path, now.replace(year=2025)).state is State.PROBLEM
    assert service.clocks(now.replace(year=2025), now).state is State.PROBLEM


def test_a_full_disk_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "LEAST_FREE", 10**18)
    assert machine.disk(tmp_path).state is State.PROBLEM


class Mqtt:
    """A server that accepts clients of some protocol levels only."""

    def __init__(self, *levels: int) -> None:
        self.levels = levels
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with connection:
                level = connection.recv(100)[8]
                connection.sendall(bytes([0x20, 2, 0, 0 if level in self.levels else 1]))


@pytest.mark.parametrize(
    ("levels", "state"), [((5, 4), State.OK), ((4,), State.NOTE), ((), State.PROBLEM)]
)
def test_an_mqtt_broker_of_another_version_is_found(levels: tuple[int, ...], state: State):
    given = Mqtt(*levels)
    assert mqtt.mqtt("127.0.0.1", given.port, needed=True).state is state
    given.server.close()


def test_an_mqtt_broker_that_is_away_matters_where_it_is_needed():
    port = free_port()
    assert mqtt.mqtt("127.0.0.1", port, needed=True).state is State.PROBLEM
    assert mqtt.mqtt("127.0.0.1", port, needed=False).state is State.NOTE
