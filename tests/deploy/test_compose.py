"""compose.yaml is what the Compose specification allows, and keeps to the rules of a hard host."""

import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from broker.api.routes import EX, TABLE
from machi.access import HANDED
from machi.deploying import Secrets
from tests.deploy.composed import COMPOSE, OWN, ROOT, SERVICES, compose, secret_files, texts
from tests.support.patience import PATIENCE
from tests.support.tools import require_tool

EACH = pytest.mark.parametrize("name", SERVICES)


def test_docker_compose_takes_it() -> None:
    command = [require_tool("docker-compose"), "-f", str(COMPOSE), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr


@EACH
def test_no_service_is_root_or_may_become_it(name: str) -> None:
    service = SERVICES[name]
    assert int(service["user"].partition(":")[0]) > 0
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


@EACH
def test_every_root_file_system_is_read_only(name: str) -> None:
    assert SERVICES[name]["read_only"] is True


@EACH
def test_every_service_has_a_check_or_says_that_it_has_none(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check.get("disable") or check["test"][0] == "CMD"


@EACH
def test_secrets_come_as_files(name: str) -> None:
    service = SERVICES[name]
    given = {f"/run/secrets/{each}" for each in service.get("secrets", ())}
    environment = service.get("environment", {})
    for variable, value in environment.items():
        if any(word in variable for word in ("KEY", "PASSWORD", "STORE", "SSL")):
            assert value in given, variable
    named = {text for text in texts(service.get("command", [])) if "/run/secrets/" in text}
    assert {text[text.index("/run/secrets/") :] for text in named} <= given


@EACH
def test_what_is_mounted_from_here_is_here(name: str) -> None:
    for volume in filter(lambda each: isinstance(each, str), SERVICES[name].get("volumes", ())):
        place = volume.partition(":")[0]
        if place.startswith("./"):
            assert (ROOT / place).exists()
        else:
            assert place in compose()["volumes"]


def test_brokers_differ_in_their_own_folder_and_in_who_begins() -> None:
    one, other = dict(SERVICES["broker-1"]), dict(SERVICES["broker-2"])
    volumes = one.pop("volumes"), other.pop("volumes")
    first, second = one.pop("depends_on"), other.pop("depends_on")
    assert one == other
    assert second == first | {"broker-1": {"condition": "service_healthy"}}
    assert volumes == (["town:/town", "broker-1:/broker"], ["town:/town", "broker-2:/broker"])


def test_every_process_is_handed_the_keys_of_its_clients() -> None:
    for name, service in OWN.items():
        wanted = {f"MACHI_KEY_{client.upper()}_FILE" for client in HANDED.get(name, ())}
        assert wanted <= service.get("environment", {}).keys(), name


def test_all_secrets_it_reads_are_made(tmp_path: Path) -> None:
    made = tmp_path / "secrets"
    made.mkdir()
    Secrets(made, "town.example").all(tmp_path / "data")
    assert {path.name for path in made.iterdir()} >= set(secret_files().values())


def test_nobody_needs_a_secret_before_the_secrets_are_made() -> None:
    setup = SERVICES["setup"]
    assert not setup.keys() & {"secrets", "depends_on"}
    assert setup["profiles"] == ["setup"]
    assert (setup["user"], setup["cap_drop"]) == ("10001:10001", ["ALL"])
    assert "docker compose run --rm setup" in (ROOT / "docs" / "operate.md").read_text()


def test_setup_makes_the_secrets_that_the_others_read(tmp_path: Path) -> None:
    places = {"/secrets": str(tmp_path / "secrets"), "/town/data": str(tmp_path / "data")}
    command = [places.get(word, word) for word in SERVICES["setup"]["command"]]
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, timeout=PATIENCE, check=False)
    assert done.returncode == 0
    made = {path.name for path in (tmp_path / "secrets").iterdir()}
    assert made >= set(secret_files().values())


@EACH
def test_who_is_given_a_secret_may_read_it(name: str) -> None:
    service = SERVICES[name]
    if "secrets" in service:
        assert {service["user"].partition(":")[2], *service.get("group_add", ())} >= {"10001"}


def test_a_secret_that_is_there_is_not_read(tmp_path: Path) -> None:
    unreadable = tmp_path / "mongo.keyfile"
    unreadable.mkdir()
    Secrets(tmp_path, "town.example").all(tmp_path / "data")
    assert unreadable.is_dir()


def test_a_secret_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    def failing() -> bytes:
        raise OSError

    secrets = Secrets(tmp_path, "town.example")
    with pytest.raises(OSError):
        secrets.make("master.key", failing)
    assert not list(tmp_path.iterdir())
    assert stat.S_IMODE(secrets.make("master.key", lambda: b"k").stat().st_mode) == 0o440


def test_secrets_that_are_there_are_left_alone(tmp_path: Path) -> None:
    made = tmp_path / "secrets"
    made.mkdir()

    def contents() -> dict[str, bytes]:
        Secrets(made, "town.example").all(tmp_path / "data")
        return {path.name: path.read_bytes() for path in made.iterdir()}

    first: Any = contents()
    assert contents() == first


def test_what_a_ticket_opens_goes_to_the_broker_that_gave_it() -> None:
    text = (ROOT / "deploy" / "Caddyfile").read_text()
    (paths,) = re.findall(r"@streams path (.+)", text)
    (policy,) = re.findall(r"reverse_proxy @streams .+ \{\s+lb_policy (\w+)", text)
    wanted = {f"{EX}/{name}" for name in ("stream", "ws", "tickets")}
    assert (set(paths.split()), policy) == (wanted, "first")
    assert wanted <= {route.template for route in TABLE.routes}
