"""What can be seen on this machine, whether a broker runs or not: folder, disk, clock, ports."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from machi.doctor.finding import Finding, note, ok, problem
from machi.language import t

DATA_FILE: Final = "machi.sqlite"
LEAST_FREE: Final = 500 * 1024 * 1024
LEAST_SHARE: Final = 0.05
CLOCK_SLACK: Final = 5.0
"""Seconds by which two clocks may differ."""


def folder(data: Path, newest_version: int) -> Finding:
    """Look at the data folder: there, ours, writable, of a version we read.

    `newest_version` is that of the data file this program writes.
    """
    file = data / DATA_FILE
    if not data.exists():
        if _parent(data) is None or not os.access(_parent(data) or data, os.W_OK):
            return problem(
                "data",
                t("{data} is not there and cannot be made.", data=data),
                t("Give a folder that you may write: --data DIR"),
            )
        return ok(
            "data",
            t("{data} is not there yet; it will be made.", data=data),
        )
    if not data.is_dir():
        return problem("data", t("{data} is no folder.", data=data), t("Give a folder: --data DIR"))
    for path in (data, file):
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
            owner = _owner(path)
            return problem(
                "data",
                t(
                    "{path} belongs to {owner} and cannot be written by you.",
                    path=path,
                    owner=owner,
                ),
                t(
                    "Run the broker as {owner}, or change the owner: sudo chown -R $USER {data}",
                    owner=owner,
                    data=data,
                ),
            )
    return _file(file, newest_version)


def _file(file: Path, newest_version: int) -> Finding:
    """Look at the data file of a folder that can be written."""
    data = file.parent
    version = _version(file)
    if version is None:
        return ok("data", t("{data} can be written.", data=data))
    if version < 0:
        return problem(
            "data",
            t("{file} is no data file of Machi, or damaged.", file=file),
            t(
                "Look closer: machi check --data {data}. Or restore a backup: machi restore --help",
                data=data,
            ),
        )
    if version > newest_version:
        return problem(
            "data",
            t(
                "{file} was written by a newer Machi (version {version}; this one reads up to "
                "{newest_version}).",
                file=file,
                version=version,
                newest_version=newest_version,
            ),
            t("Install that newer Machi, or use another folder."),
        )
    return ok(
        "data",
        t("{data} can be written, version {version}.", data=data, version=version),
    )


def disk(data: Path) -> Finding:
    """Look at the room left where the data are."""
    usage = shutil.disk_usage(_parent(data) or Path("/"))
    free = f"{usage.free / 1e9:.1f} GB"
    if usage.free < LEAST_FREE or usage.free < usage.total * LEAST_SHARE:
        return problem(
            "disk",
            t("The disk of {data} is nearly full: {free} left.", data=data, free=free),
            t(
                "Make room; a broker whose disk is full refuses writes. Old backups and logs "
                "are a start."
            ),
        )
    return ok("disk", t("{free} left for {data}.", free=free, data=data))


def clock(data: Path, now: datetime) -> Finding:
    """Look whether the clock is behind what was written last."""
    newest = max(
        (
            path.stat().st_mtime
            for path in (data / DATA_FILE, data / f"{DATA_FILE}-wal")
            if path.exists()
        ),
        default=0.0,
    )
    behind = newest - now.timestamp()
    if behind > CLOCK_SLACK or now.year < 2026:
        return problem(
            "clock",
            t(
                "This machine's clock says {now:%Y-%m-%d %H:%M}; the data were written later "
                "than that.",
                now=now,
            ),
            t("Set the clock, and keep it by NTP: timedatectl set-ntp true"),
        )
    return ok("clock", t("The clock is not behind the data."))


def port(host: str, number: int, who: str) -> Finding:
    """Look whether somebody listens on a port of this machine that should be free."""
    try:
        with closing(socket.create_connection((host, number), timeout=1.0)):
            return problem(
                "port",
                t(
                    "Port {number}, which {who} needs, is taken by something that is no Machi.",
                    number=number,
                    who=who,
                ),
                t(
                    "Find it: ss -ltnp 'sport = :{number}'. Stop it, or choose another port with "
                    "--port.",
                    number=number,
                ),
            )
    except OSError:
        return note("port", t("Port {number} is free.", number=number))


def _parent(data: Path) -> Path | None:
    """Return the folder itself or the nearest one above it that exists."""
    return next(
        (path for path in (data.absolute(), *data.absolute().parents) if path.is_dir()), None
    )


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except (KeyError, OSError):
        return "?"


def _version(file: Path) -> int | None:
    """Return the version of a data file, None without one, -1 where it is something else."""
    if not file.exists():
        return None
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=1.0)) as connection:
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
            return version
    except sqlite3.Error:
        return -1
