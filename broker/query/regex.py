"""Regular expressions of queries: RE2, so that a match takes time linear in the text."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

import re2

Pattern: TypeAlias = Any

MAX_MEMORY = 1 << 20
"""Bytes a compiled pattern may take; larger ones (such as deep counted repeats) are refused."""


class PatternError(ValueError):
    """The pattern does not compile; the message says why."""


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Pattern:
    """Compile a pattern; its `search(text)` is None where nothing matches. Raises PatternError."""
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "not a regular expression"
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise PatternError(text) from None


def matches(pattern: str, text: str) -> bool:
    """Tell whether `text` contains a match of `pattern`."""
    return compile_pattern(pattern).search(text) is not None
