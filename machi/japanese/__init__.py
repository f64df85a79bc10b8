"""What the command line says, in Japanese: by the first line of what it says in English.

A module has the words of the commands in the module of its name, `shared` those of several.
"""

from __future__ import annotations

from typing import Final

from machi.japanese import (
    accounts,
    audit,
    box,
    broker,
    data,
    dead_letters,
    doctor,
    explain_subscription,
    history,
    keys,
    leader,
    ledger,
    migrate,
    replay,
    shared,
    subscriptions,
    tail,
    up,
)

MODULES: Final = (
    accounts,
    audit,
    box,
    broker,
    data,
    dead_letters,
    doctor,
    explain_subscription,
    history,
    keys,
    leader,
    ledger,
    migrate,
    replay,
    shared,
    subscriptions,
    tail,
    up,
)

JAPANESE: Final[dict[str, str]] = {
    english: words for module in MODULES for english, words in module.WORDS.items()
}
