"""A pytest plugin that loads one module of the broker without one of its calls to the guard.

`MACHI_MUTANT` says which: `broker/entities/service.py 3`, counted from 0.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType

from tests.mutation.sites import ROOT, without


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, number: int) -> None:
        super().__init__(name, path)
        self._number = number

    def get_code(self, fullname: str) -> CodeType:
        source = Path(self.path).read_text()
        return compile(without(source, self._number), self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, file: str, number: int) -> None:
        self._name = file.removesuffix(".py").replace("/", ".")
        self._path = str(ROOT / file)
        self._number = number

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        loader = _Loader(fullname, self._path, self._number)
        return importlib.machinery.ModuleSpec(fullname, loader, origin=self._path)


file, _, number = os.environ["MACHI_MUTANT"].partition(" ")
sys.meta_path.insert(0, _Finder(file, int(number)))
