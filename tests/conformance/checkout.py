"""A working copy of the suite that needs no internet, and an environment to run it in.

The checkout itself is never changed. In the copy, the addresses of @context documents on the
internet become addresses of a server on loopback (`tests.conformance.contexts`).
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PARTS = ("TP", "data", "libraries", "resources")
_TEXT = frozenset((".robot", ".resource", ".json", ".jsonld", ".geojson", ".py"))
_CONTEXT = re.compile(r"https://[^\s\"'<>\\)\]},;`]+\.jsonld")
_OURS = re.compile(r"https://uri\.etsi\.org/|https://example\.(org|com)/")
"""What a broker has built in, and what nobody is meant to reach."""


class NotASuite(Exception):
    """The folder is no checkout of the ETSI NGSI-LD test suite."""


def copy(suite: Path, target: Path) -> None:
    """Copy what is needed of a checkout. Raises NotASuite."""
    if not (suite / "TP" / "NGSI-LD").is_dir() or not (suite / "resources").is_dir():
        raise NotASuite(f"{suite} has no TP/NGSI-LD and resources: give a checkout of the suite.")
    shutil.rmtree(target, ignore_errors=True)
    for part in PARTS:
        shutil.copytree(suite / part, target / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(suite / "requirements.txt", target)


def text_files(folder: Path) -> Iterator[Path]:
    """Yield the files of the suite that may name a context."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in _TEXT and path.is_file():
            yield path


def redirect(folder: Path, base: str) -> set[str]:
    """Let all contexts on the internet come from below `base`; return their URLs as they were."""
    found: set[str] = set()

    def local(match: re.Match[str]) -> str:
        url = match[0]
        if _OURS.match(url):
            return url
        found.add(url)
        return f"{base}/{url.removeprefix('https://')}"

    for path in text_files(folder):
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        changed = _CONTEXT.sub(local, text)
        if changed != text:
            path.write_text(changed, encoding="utf-8", errors="surrogateescape")
    return found


def requirements(folder: Path) -> list[str]:
    """Return what pip must install: the suite's requirements without its linter."""
    text = (folder / "requirements.txt").read_text()
    lines = (line.partition("#")[0] for line in text.splitlines())
    wanted = [line.strip().removeprefix("-e").strip() for line in lines]
    return [line for line in wanted if line and "robocop" not in line]


def environment(folder: Path, target: Path) -> Path:
    """Return the Python of an environment with the suite's requirements, made where it is not."""
    wanted = requirements(folder)
    stamp = target / "requirements.sha256"
    digest = hashlib.sha256("\n".join(wanted).encode()).hexdigest()
    python = target / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != digest:
        subprocess.run([sys.executable, "-m", "venv", "--clear", target], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *wanted], check=True, cwd=folder)
        stamp.write_text(digest)
    return python
