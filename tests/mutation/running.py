"""Tests in processes of their own that have libraries loaded, and none of the project's code."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import orjson
import pytest

LIBRARIES: Final = (
    *("pytest", "pytest_asyncio.plugin", "hypothesis.strategies", "aiohttp.web", "fastapi"),
    *("uvicorn", "apsw", "orjson", "argon2", "joserfc.jwt", "shapely.geometry", "jinja2", "icu"),
    *("cryptography.hazmat.primitives.ciphers.aead", "websockets.asyncio.client", "pymongo"),
)
"""What takes time to load; one that is not there is loaded by nobody."""
ARGUMENTS: Final = ("-q", "-x", "-n0", "--no-cov", "-p", "no:randomly", "-p", "no:cacheprovider",
                    "-p", "tests.mutation.plugin")  # fmt: skip


class _Failed:
    """Notes the first test that fails."""

    def __init__(self) -> None:
        self.test = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.test:
            self.test = report.nodeid


def pool(jobs: int) -> ProcessPoolExecutor:
    """Return a pool in which each piece of work has a process of its own."""
    context = get_context("forkserver")
    context.set_forkserver_preload(list(LIBRARIES))
    return ProcessPoolExecutor(jobs, mp_context=context, max_tasks_per_child=1)


def killer(key: str, tests: list[str]) -> str:
    """Return the test that fails without a call, empty where all pass."""
    if not tests:
        return ""
    with tempfile.NamedTemporaryFile("wb") as chosen:
        chosen.write(orjson.dumps(tests))
        chosen.flush()
        files = sorted({test.partition("::")[0] for test in tests})
        return _failed(files, MACHI_MUTANT=key, MACHI_TESTS=chosen.name)


def reach(to: str, suites: Iterable[str]) -> str:
    """Write which tests come to which call; return the test that fails, empty where all pass."""
    return _failed(suites, MACHI_REACH=to)


def _failed(files: Iterable[str], **named: str) -> str:
    os.environ.update(named)
    noting = _Failed()
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        code = pytest.main([*ARGUMENTS, *files], plugins=[noting])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"the tests do not run: {named}, {code!r}")
    return noting.test
