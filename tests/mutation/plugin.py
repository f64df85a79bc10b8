"""A pytest plugin that loads the broker with its calls of the guard changed.

`MACHI_MUTANT` names a call that is taken away: `broker/entities/service.py 3`, counted from 0.
`MACHI_TESTS` names a file that lists the tests to run, in their order. `MACHI_REACH` names a file
to write in which tests come to which call, and how long each takes.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, TypeVar

import pytest

from tests.mutation.sites import ROOT, reporting, sites, without

CALLED = "machi_called"
Called = TypeVar("Called")
Change = Callable[[str], ast.Module]
Names = dict[str, Any]


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, change: Change, names: Names) -> None:
        super().__init__(name, path)
        self._change = change
        self._names = names

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._change(Path(self.path).read_text()), self.path, "exec")

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(self._names)
        super().exec_module(module)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, file: str, change: Change, names: Names) -> None:
        self._name = file.removesuffix(".py").replace("/", ".")
        self._path = str(ROOT / file)
        self._change = change
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        loader = _Loader(fullname, self._path, self._change, self._names)
        return importlib.machinery.ModuleSpec(fullname, loader, origin=self._path)


class _Reach:
    """Notes which tests come to which call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._now = ""
        self._calls: dict[str, set[str]] = defaultdict(set)
        self._seconds: dict[str, float] = defaultdict(float)
        for file in {site.file for site in sites()}:
            names = {CALLED: self._noting(file)}
            sys.meta_path.insert(0, _Finder(file, lambda text: reporting(text, CALLED), names))

    def _noting(self, file: str) -> Callable[[int, Called], Called]:
        def called(number: int, function: Called) -> Called:
            # A guard that allows everything answers as the code without the call goes on.
            if type(getattr(function, "__self__", None)).__name__ != "OpenGuard":
                self._calls[f"{file} {number}"].add(self._now)
            return function

        return called

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._now = item.nodeid
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self) -> None:
        calls = {
            key: sorted((round(self._seconds[test], 3), test) for test in tests)
            for key, tests in sorted(self._calls.items())
        }
        self._path.write_text(json.dumps(calls, indent=1))


class _Chosen:
    """Runs the tests of a list only, in its order."""

    def __init__(self, path: Path) -> None:
        self._order = {test: at for at, test in enumerate(json.loads(path.read_text()))}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        kept = [item for item in items if item.nodeid in self._order]
        items[:] = sorted(kept, key=lambda item: self._order[item.nodeid])


def _changed_as_told() -> Iterator[object]:
    """Change what is to be imported, and yield the plugins that this needs."""
    if mutant := os.environ.get("MACHI_MUTANT"):
        file, _, number = mutant.partition(" ")
        sys.meta_path.insert(0, _Finder(file, lambda source: without(source, int(number)), {}))
    if tests := os.environ.get("MACHI_TESTS"):
        yield _Chosen(Path(tests))
    if reach := os.environ.get("MACHI_REACH"):
        yield _Reach(Path(reach))


_PLUGINS = list(_changed_as_told())
"""Made as this module is imported: later some of the broker is there already."""


def pytest_configure(config: pytest.Config) -> None:
    """Let the plugins take part."""
    for plugin in _PLUGINS:
        config.pluginmanager.register(plugin)
