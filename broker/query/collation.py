"""Collations: in which order texts come, by ICU (RFC 6067). ICU is loaded when first needed."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from broker.errors import BadRequestData

_TAG = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")


def check_collation(tag: str, place: str) -> str:
    """Return a collation tag that ICU understands; raises BadRequestData."""
    if len(tag) > 100 or _TAG.fullmatch(tag) is None or _collator(tag) is None:
        raise BadRequestData(
            f"{tag[:60]!r} is no collation.",
            place=place,
            remedy="Give a language tag, for example und, ja or de-u-co-phonebk.",
        )
    return tag


def sort_key(tag: str, text: str) -> bytes:
    """Return bytes that order like `text` in a collation, the root collation where `tag` is empty.

    Texts that the collation takes for equal have the same bytes.
    """
    key: bytes = _collator(tag).getSortKey(text)
    return key


@lru_cache(maxsize=64)
def _collator(tag: str) -> Any:
    import icu

    try:
        return icu.Collator.createInstance(icu.Locale.forLanguageTag(tag or "und"))
    except icu.ICUError:
        return None
