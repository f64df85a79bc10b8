"""Stands in for `docker` where the suite starts its MQTT broker: `run` starts Mosquitto instead.

    docker run … -e CONF=<file> --name <name> <image>      starts it on port 1883 and the other one
    docker [container] rm -f <name>                        stops it

MACHI_MQTT has the folder for its files, the path of mosquitto, the password file and the ports,
separated by `|`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Do what one call of docker asks."""
    folder, mosquitto, passwords, *ports = os.environ["MACHI_MQTT"].split("|")
    running = Path(folder) / "mosquitto.pid"
    if running.exists():
        _stop(running)
    if "run" not in arguments:
        return 0
    with_password = any("CONF=" in one and "user" in one for one in arguments)
    lines = ["user root", f"allow_anonymous {str(not with_password).lower()}"]
    if with_password:
        lines.append(f"password_file {passwords}")
    lines += [f"listener {port} 127.0.0.1" for port in ports]
    settings = Path(folder) / "mosquitto.conf"
    settings.write_text("\n".join([*lines, ""]))
    process = subprocess.Popen(
        [mosquitto, "-c", settings],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    running.write_text(str(process.pid))
    return 0 if all(_answers(int(port)) for port in ports) else 1


def _stop(running: Path) -> None:
    pid = int(running.read_text())
    running.unlink()
    for _ in range(50):
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        time.sleep(0.1)


def _answers(port: int) -> bool:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
