"""The command that runs adapters: what it says when it cannot, and how it ends."""

import socket
import subprocess
import sys
from pathlib import Path

from tests.support import free_port
from tests.support.patience import PATIENCE


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run adapters without a broker or an MQTT broker, until they end by themselves."""
    command = [sys.executable, "-m", "adapters", *options, "--state", str(folder)]
    command += ["--broker", "http://127.0.0.1:9", "--mqtt-port", "9"]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)


def test_busy_port_is_named_with_the_option_for_another(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run(tmp_path, "iot_agent", "--http-port", port)
    assert ended.returncode == 1
    assert f"port {port}" in ended.stderr
    assert "--http-port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_missing_config_is_named(tmp_path: Path):
    port = str(free_port())
    ended = run(tmp_path, "iot_agent", "--http-port", port, "--config", str(tmp_path / "none"))
    assert ended.returncode == 1
    assert "cannot be read" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_unknown_adapter_is_wrong_usage(tmp_path: Path):
    assert run(tmp_path, "teapot").returncode == 2
