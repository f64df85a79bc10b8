"""System tools that tests drive: a browser, an MQTT broker, a load generator."""

import os
import shutil

import pytest

PACKAGES = {"mosquitto_pub": "mosquitto-clients", "mosquitto_sub": "mosquitto-clients"}


def find_tool(name: str) -> str | None:
    """Return the path of a system tool, or None where it is absent."""
    # Debian keeps servers in sbin, which is not on every user's path.
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    return shutil.which(name, path=places)


def require_tool(name: str) -> str:
    """Return the path of a system tool.

    Skips the calling test where the tool is absent; fails it where MACHI_REQUIRE_SYSTEM_TOOLS
    is set, so that a check which must see every part cannot pass by leaving some out.
    """
    if path := find_tool(name):
        return path
    reason = f"{name} is not installed (Debian package {PACKAGES.get(name, name)})"
    if os.environ.get("MACHI_REQUIRE_SYSTEM_TOOLS"):
        pytest.fail(reason)
    pytest.skip(reason)
