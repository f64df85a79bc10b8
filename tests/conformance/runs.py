"""One run of Robot Framework: folder by folder, each against a broker that starts empty."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.support.ports import free_port
from tests.support.server import HOST, Server, broker

START_SECONDS = 180
TEST_SECONDS = 90
FOLDER_SECONDS = 1800
_CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld"
_HERE = Path(__file__).parent
_INSTANCES = 30
"""Instances in an answer: the suite wants a part of 40 (020_13), and the whole of 18 (020_05)."""


class RobotFailed(Exception):
    """Robot Framework could not be run; the message carries the end of what it said."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one test. `clauses` are its clauses as `5.6.1`."""

    id: str
    folder: str
    passed: bool
    message: str
    clauses: tuple[str, ...]


def leaves(suite: Path, wanted: list[str]) -> list[Path]:
    """Return the folders with tests at or below `wanted` (relative to TP/NGSI-LD)."""
    root = suite / "TP" / "NGSI-LD"
    places = [root / one for one in wanted or ["."]]
    return sorted({path.parent for place in places for path in place.rglob("*.robot")})


def run_folder(python: Path, suite: Path, folder: Path, work: Path) -> list[Result]:
    """Run the tests that lie right in a folder, against a fresh broker. Raises RobotFailed."""
    output = work / "output.xml"
    output.unlink(missing_ok=True)
    files = sorted(folder.glob("*.robot"))
    with _started() as server:
        variables = work / "variables.py"
        variables.write_text(
            "".join(f"{name} = {value!r}\n" for name, value in _variables(server.port).items())
        )
        command = [
            *(str(python), "-m", "robot", "--nostatusrc", "--console", "none"),
            *("--log", "NONE", "--report", "NONE", "--loglevel", "NONE"),
            *("--outputdir", str(work), "--variablefile", str(variables)),
            *("--prerunmodifier", f"robot_side.Timeout:{TEST_SECONDS}"),
            *map(str, files),
        ]
        ran = subprocess.run(
            command,
            cwd=suite,
            env=_environment(suite, work),
            timeout=FOLDER_SECONDS,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if not output.exists():
        raise RobotFailed(f"Robot Framework left no results of {folder}:\n{ran.stdout[-3000:]}")
    name = str(folder.relative_to(suite / "TP" / "NGSI-LD"))
    return list(read(output, name))


@contextmanager
def _started() -> Iterator[Server]:
    """Give a broker that starts empty, however busy the machine is."""
    with tempfile.TemporaryDirectory() as data:
        server = broker(Path(data), Path(data) / "log", None, "--max-instances", str(_INSTANCES))
        try:
            server.start(START_SECONDS)
            yield server
        finally:
            server.kill()


def read(output: Path, folder: str) -> Iterator[Result]:
    """Yield the results in an `output.xml` of Robot Framework."""
    for test in ElementTree.parse(output).iter("test"):
        status = test.find("status")
        assert status is not None
        tags = [tag.text or "" for tag in test.iter("tag")]
        yield Result(
            test.get("name", "").partition(" ")[0],
            folder,
            status.get("status") == "PASS",
            " ".join((status.text or "").split())[:300],
            tuple(tag.replace("_", ".") for tag in tags if tag[:1].isdigit()),
        )


def mqtt_possible() -> str | None:
    """Return the path of Mosquitto, None where MQTT tests cannot be run."""
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    return shutil.which("mosquitto", path=places)


def _variables(port: int) -> dict[str, object]:
    url = f"http://{HOST}:{port}/ngsi-ld/v1"
    return {
        "url": url,
        "temporal_api_url": url,
        "notification_server_host": HOST,
        "notification_server_port": free_port(),
        "mqtt_broker_host": HOST,
        "mqtt_broker_non_default_port": _MQTT_PORT,
        "context_source_host": HOST,
        "context_source_port": free_port(),
        "context_server_host": HOST,
        "context_server_port": free_port(),
        "core_context": _CORE,
        "delete_temporal_on_core_delete": True,
    }


def _environment(suite: Path, work: Path) -> dict[str, str]:
    """Return the environment of a run, with Mosquitto in the place of docker."""
    tools = work / "bin"
    tools.mkdir(exist_ok=True)
    stand_in = tools / "docker"
    program = _HERE / "mosquitto_for_docker.py"
    stand_in.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(program)])} "$@"\n')
    stand_in.chmod(0o755)
    passwords = suite / "resources" / "mqttUtils" / "mosquitto" / "mosquitto_pwd"
    mqtt = [str(work), mqtt_possible() or "", str(passwords), "1883", str(_MQTT_PORT)]
    return {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": os.pathsep.join([str(_HERE / "side"), str(suite / "libraries")]),
        "MACHI_MQTT": "|".join(mqtt),
    }


_MQTT_PORT = free_port()
