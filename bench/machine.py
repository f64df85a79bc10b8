"""What the figures were measured on. No host names, no paths."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import apsw

PACKAGES = ("uvicorn", "uvloop", "httptools", "orjson", "fastapi", "apsw")


def describe(folder: Path) -> list[str]:
    """Return lines about the machine, the file system of `folder` and the versions."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return [
        f"{cpu_model()}, {os.cpu_count()} cores, {ram_gib():.0f} GiB RAM, {file_system(folder)}",
        f"{system}, Linux {platform.release().partition('-')[0]}",
        f"{platform.python_implementation()} {platform.python_version()}, {packages},"
        f" SQLite {apsw.sqlite_lib_version()}, {wrk_version()}",
    ]


def cpu_model() -> str:
    """Return the name of the processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def ram_gib() -> float:
    """Return the memory of the machine in GiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3


def file_system(folder: Path) -> str:
    """Return the type of the file system that holds `folder`."""
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, fs, *_ = line.split()
        if folder.resolve().is_relative_to(mount) and len(mount) > len(best):
            best, kind = mount, fs
    return kind


def wrk_version() -> str:
    """Return name and version of the load generator."""
    shown = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout
    return shown.partition("-")[0].replace("debian/", "")
