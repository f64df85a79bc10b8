"""What reads of a person's data cost, with and without the disclosure log, against `--auth off`.

A recipient reads, for a purpose that the person agreed to, one detection after another. Each read
is decided by the consent, and with the log each answer waits until its entry is on the disk;
answers that wait at the same time share a commit.
"""

import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import orjson

from bench.figures import Figure
from bench.rates import Say
from bench.requests import API
from bench.withdrawal import PASSWORD, Asking, identities
from bench.wrk import load
from tests.support.persons import POLICIES, RESCUE, Papers
from tests.support.server import Server, broker

COUNT = 200
READS = {"log": "with the disclosure log", "rules": "without the disclosure log"}


def measure_consent_bound(folder: Path, rounds: int, seconds: int, say: Say) -> list[Figure]:
    """Return the ratios of requests per CPU-second: consent-bound reads ÷ reads of open data."""
    figures = {
        name: Figure(f"consent-bound read of an entity {text} ÷ --auth off", "ratio")
        for name, text in READS.items()
    }
    folder.mkdir()
    bodies = folder / "no-bodies"
    bodies.touch()
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(_server(folder, name)) for name in ("off", "log", "rules")
        }
        headers = {name: _town(server, folder / name) for name, server in servers.items()}
        cell = 0
        for turn in range(rounds):
            order = list(servers) if turn % 2 else list(servers)[::-1]
            speed = {}
            for name in order:
                cell += 1
                done = load(
                    servers[name],
                    "detection",
                    count=COUNT,
                    cell=cell,
                    seconds=seconds,
                    bodies=bodies,
                    headers=headers[name],
                )
                speed[name] = done.per_cpu
            for name, figure in figures.items():
                figure.values.append(speed[name] / speed["off"])
            told = "  ".join(f"{name} {figure.values[-1]:.3f}" for name, figure in figures.items())
            say(f"consent-bound {turn + 1}/{rounds}  {told}")
    return list(figures.values())


def _server(folder: Path, name: str) -> Server:
    policies = folder / "policies.json"
    policies.write_bytes(orjson.dumps(POLICIES))
    auth = "off" if name == "off" else "embedded"
    options = ["--no-history", "--auth", auth]
    if auth != "off":
        options += ["--policies", str(policies)]
        (folder / name).mkdir()
        (folder / f"{name}.keys.json").write_bytes(orjson.dumps(identities(folder / name)))
    server = broker(folder / name, folder / f"{name}.log", None, *options)
    if name == "rules":
        server.command[:1] = [sys.executable, "-m", "bench.unlogged"]
    return server


def _town(server: Server, data: Path) -> list[str]:
    """Fill a town where Hana agreed; return the headers with which a recipient reads."""
    known = data.with_name(f"{data.name}.keys.json")
    keys: dict[str, str] = orjson.loads(known.read_bytes()) if known.exists() else {}
    asking = Asking(server, keys)
    papers = Papers(lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    if keys:
        session = {"name": "hana", "password": PASSWORD}
        keys["hana"] = asking.send("", "POST", "/ngsi-ld/ex/v1/sessions", session)["token"]
        for made in (papers.assessment("approved"), papers.purpose()):
            asking.send("admin", "POST", f"{API}/entities", made)
        asking.send("hana", "POST", f"{API}/entities", papers.consent("hana"))
    seen = [papers.detection(number, "hana") for number in range(COUNT)]
    writer, reader = ("tags", "rescue") if keys else ("", "")
    asking.send(writer, "POST", f"{API}/entityOperations/create", seen)
    one = f"{API}/entities/{seen[0]['id']}"
    asking.send(reader, "GET", one, purpose=RESCUE if keys else "")
    return [f"Authorization: Bearer {keys['rescue']}", f"Machi-Purpose: {RESCUE}"] if keys else []
