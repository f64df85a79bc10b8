"""What the command line says, in Japanese: by the first line of what it says in English.

A module has the words of the commands in the module of its name, `shared` those of several.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Final

MODULES: Final = tuple(import_module(f"{__name__}.{one.name}") for one in iter_modules(__path__))

JAPANESE: Final[dict[str, str]] = {
    english: words for module in MODULES for english, words in module.WORDS.items()
}
