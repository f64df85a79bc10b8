"""`machi keys`, and a broker that asks for them."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from machi.cli import main
from tests.support.patience import PATIENCE
from tests.support.server import Server, broker

EN = {"LC_ALL": "C.UTF-8"}
STATION = {"id": "urn:ngsi-ld:RiverLevelStation:1", "type": "RiverLevelStation"}


def machi(folder: Path, *arguments: str, code: int = 0) -> Result:
    """Run the command on a data folder and want an exit code."""
    done = CliRunner().invoke(main, [*arguments, "--data", str(folder)], env=EN)
    assert done.exit_code == code, done.output
    return done


def made(folder: Path, client: str, *options: str) -> str:
    """Make a key and return its text."""
    told = json.loads(machi(folder, "keys", "create", client, *options, "--json").stdout)
    return str(told["key"])


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """Run a broker that asks for keys."""
    folder = tmp_path_factory.mktemp("town")
    context = ["--policies", str(folder / "policies.json")]
    policy = {
        "id": "urn:ngsi-ld:DataUsePolicy:open",
        "type": "DataUsePolicy",
        "status": "active",
        "policyKind": "publicOpen",
        "odrl": {"permission": [{"action": "read"}]},
        "target": {"types": ["https://uri.etsi.org/ngsi-ld/default-context/RiverLevelStation"]},
    }
    apps = {
        **policy,
        "id": "urn:ngsi-ld:DataUsePolicy:apps",
        "policyKind": "internal",
        "odrl": {"permission": [{"action": ["read", "create", "update", "delete"]}]},
        "target": {},
        "assignee": ["role:app"],
    }
    (folder / "policies.json").write_text(json.dumps([policy, apps]))
    with broker(folder / "data", folder / "log", None, "--auth", "embedded", *context) as server:
        yield server, folder / "data"


def ask(server: Server, method: str, path: str, key: str = "", body: object = None) -> int:
    """Return the status of a request."""
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_key_made_and_revoked_while_the_broker_runs_counts_at_once(town: tuple[Server, Path]):
    server, data = town
    path = "/ngsi-ld/v1/entities"
    assert ask(server, "POST", path, body=STATION) == 401
    key = made(data, "planter", "--role", "app")
    assert ask(server, "POST", path, key, STATION) == 201
    assert ask(server, "GET", f"{path}/{STATION['id']}") == 200
    listed = json.loads(machi(data, "keys", "list", "--json").stdout)
    key_id = next(each["id"] for each in listed if each["client"] == "planter")
    machi(data, "keys", "revoke", key_id)
    assert ask(server, "DELETE", f"{path}/{STATION['id']}", key) == 401


def test_key_is_shown_once_and_alone_on_the_output(tmp_path: Path):
    done = machi(tmp_path, "keys", "create", "mine", "--role", "developer")
    assert done.stdout.startswith("mk_")
    assert len(done.stdout.split()) == 1
    assert "not shown again" in done.stderr
    assert done.stdout.strip() not in machi(tmp_path, "keys", "list").output


def test_list_says_who_has_what_and_whether_it_is_valid(tmp_path: Path):
    assert "no keys yet" in machi(tmp_path, "keys", "list").output
    made(tmp_path, "mine", "--role", "staff:river")
    line = machi(tmp_path, "keys", "list").output.splitlines()[1].split()
    assert line[1:3] == ["mine", "staff:river"]
    assert line[-1] == "valid"


def test_another_key_for_a_client_leaves_what_it_may(tmp_path: Path):
    made(tmp_path, "mine", "--role", "app")
    made(tmp_path, "mine")
    listed = json.loads(machi(tmp_path, "keys", "list", "--json").stdout)
    assert [each["roles"] for each in listed] == [["app"], ["app"]]


def test_own_attributes_of_a_device_are_read_by_the_towns_context(tmp_path: Path):
    from consent.identity.book import IdentityBook

    made(tmp_path, "gauge", "--role", "device", "--own", "urn:x:1=waterLevel,location")
    (client,) = IdentityBook(tmp_path).clients()
    (own,) = client.own
    assert own.entity == "urn:x:1"
    assert own.attributes is not None
    assert "https://uri.etsi.org/ngsi-ld/location" in own.attributes
    assert all(name.startswith("https://") for name in own.attributes)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["keys", "revoke", "00000000"], "machi keys list"),
        (["keys", "remove", "nobody"], "machi keys list"),
    ],
)
def test_what_is_not_known_is_said_with_where_to_look(
    tmp_path: Path, arguments: list[str], said: str
):
    assert said in machi(tmp_path, *arguments, code=1).output


def test_role_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path):
    done = machi(tmp_path, "keys", "create", "x", "--role", "king", code=2)
    assert "developer" in done.output


def test_client_removed_is_gone_with_its_keys(tmp_path: Path):
    made(tmp_path, "mine", "--role", "app")
    machi(tmp_path, "keys", "remove", "mine")
    assert "no keys yet" in machi(tmp_path, "keys", "list").output


def test_policies_that_cannot_be_read_keep_the_broker_from_starting(tmp_path: Path):
    file = tmp_path / "policies.json"
    file.write_text('[{"id": "urn:x:1", "type": "DataUsePolicy", "status": "on"}]')
    arguments = ["broker", "--auth", "embedded", "--policies", str(file)]
    assert "/status" in machi(tmp_path, *arguments, code=2).output
    assert "no JSON" in machi(tmp_path, *_broken(tmp_path), code=2).output
    off = ["broker", "--policies", str(file)]
    assert "--auth embedded" in machi(tmp_path, *off, code=2).output


def _broken(folder: Path) -> list[str]:
    (folder / "broken.json").write_text("{")
    return ["broker", "--auth", "embedded", "--policies", str(folder / "broken.json")]


def test_rate_given_to_a_known_client_is_kept(tmp_path: Path):
    from consent.identity.book import IdentityBook

    made(tmp_path, "mine", "--role", "app")
    made(tmp_path, "mine", "--role", "app", "--rate", "5", "--quota", "1000")
    (client,) = IdentityBook(tmp_path).clients()
    assert (client.rate, client.quota) == (5, 1000)
