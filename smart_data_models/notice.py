"""What a person is shown before they decide: the same words for the page, the digest, the receipt.

In the order of ISO/IEC 29184: what, what for, who receives it, what you get, what can go wrong, how
long, how to take it back, that nothing is lost by refusing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import orjson

LANGUAGES: Final = ("ja", "ja-Hira", "en")
"""Japanese, easy Japanese, English."""
TEXTS: Final = ("name", "description", "benefit", "risks")
FIXED: Final = ("recipients", "dataCategories", "entityScope", "retention", "validFor",
                "withdrawalEffect", "version", "controller")  # fmt: skip
_DURATION: Final = re.compile(r"P(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?")
_DAYS: Final = (365, 30, 7, 1)


def notice(texts: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Return the notice of a purpose in a language.

    `texts` are the purpose's attributes by name: language maps for `TEXTS`, values for `FIXED`.
    """
    said = {name: _in(texts.get(name), language) for name in TEXTS}
    return {"language": language, **said, **{name: texts.get(name) for name in FIXED}}


def term(told: Any) -> timedelta | None:
    """Return how long a duration such as `P1Y` or `P30D` lasts; None for what is none.

    A year has 365 days and a month 30, so that a consent ends no later than its notice says.
    """
    found = _DURATION.fullmatch(told) if isinstance(told, str) else None
    if found is None or not any(found.groups()):
        return None
    numbers = [int(each or 0) for each in found.groups()]
    return timedelta(sum(days * each for days, each in zip(_DAYS, numbers, strict=True)))


def digest(shown: Mapping[str, Any]) -> str:
    """Return the digest of a notice as it was shown."""
    return hashlib.sha256(orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _in(said: Any, language: str) -> str:
    if not isinstance(said, Mapping):
        return str(said or "")
    return str(said.get(language) or said.get("ja") or next(iter(said.values()), ""))
