"""A broker that takes the tokens of an OpenID Connect provider, in a process of its own."""

import json
import time
import urllib.error
import urllib.request
from pathlib import Path

from click.testing import CliRunner

from machi.cli import main
from tests.support.provider import Provider
from tests.support.server import broker

ENTITIES = "/ngsi-ld/v1/entities"


def status(url: str, token: str) -> int:
    """Return the status of an answer to a bearer of a token."""
    request = urllib.request.Request(
        f"{url}{ENTITIES}?type=Device", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_broker_decides_by_the_tokens_of_a_provider(tmp_path: Path):
    provider = Provider()
    provider.make("first")
    (tmp_path / "roles.json").write_text(
        json.dumps({"claim": "groups", "roles": {"river-team": "staff:river"}})
    )
    with provider.running() as issuer:
        options = ("--auth", "oidc", "--oidc-issuer", issuer, "--oidc-roles")
        more = (*options, str(tmp_path / "roles.json"))
        with broker(tmp_path / "data", tmp_path / "log", None, *more) as server:
            now = time.time()
            good = provider.token(now, "first", groups=["river-team"])
            assert status(server.url, good) == 200
            assert status(server.url, provider.token(now, "first", aud="another")) == 401
        said = (tmp_path / "log").read_text()
        assert good not in said
        assert "hanako" not in said


def test_oidc_and_its_issuer_go_together(tmp_path: Path):
    for options in (("--auth", "oidc"), ("--auth", "embedded", "--oidc-issuer", "https://x.y")):
        done = CliRunner().invoke(
            main, ["broker", "--data", str(tmp_path), *options], env={"LC_ALL": "C.UTF-8"}
        )
        assert done.exit_code == 2
        assert "--auth oidc and --oidc-issuer go together" in done.output


def test_file_of_roles_that_cannot_be_read_says_where(tmp_path: Path):
    (tmp_path / "roles.json").write_text('{"roles": {"g1": "king"}}')
    options = ["--auth", "oidc", "--oidc-issuer", "http://127.0.0.1:9", "--oidc-roles"]
    done = CliRunner().invoke(
        main,
        ["broker", "--data", str(tmp_path / "data"), *options, str(tmp_path / "roles.json")],
        env={"LC_ALL": "C.UTF-8"},
    )
    assert done.exit_code == 6
    assert "/roles/g1" in done.output
