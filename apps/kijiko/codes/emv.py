"""The notation of merchant-presented QR payments: tag, length, value, and a checksum (pure).

Two digits of tag, two of length in characters, then the value; the last object is `63`, four
hexadecimal digits of CRC-16/CCITT-FALSE over everything before them, `6304` included (EMV QR Code
Specification for Payment Systems, Merchant-Presented Mode, §3 and §4.7.3).
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable
from typing import Final, TypeAlias

Fields: TypeAlias = dict[str, str]
"""Values by tag, in the order they are written."""

MOST: Final = 512
"""Characters of the longest payload."""
LONGEST: Final = 99
CRC_TAG: Final = "63"
_CRC_HEAD: Final = "6304"
_START: Final = 0xFFFF


class BadPayload(ValueError):
    """A text that is no payload. `key` names why, for pages; `place` is a tag or a position."""

    def __init__(self, key: str, place: str, detail: str) -> None:
        super().__init__(f"{place}: {detail}")
        self.key = key
        self.place = place


def checksum(text: str) -> str:
    """Return the four hexadecimal digits of a text's CRC-16/CCITT-FALSE."""
    return f"{binascii.crc_hqx(text.encode(), _START):04X}"


def written(fields: Iterable[tuple[str, str]]) -> str:
    """Return fields in the notation, without a checksum. Raises BadPayload for what has no room."""
    parts = []
    for tag, content in fields:
        if not _digits(tag):
            raise BadPayload("bad_tag", tag, "a tag is two digits")
        if not 1 <= len(content) <= LONGEST:
            raise BadPayload("bad_length", tag, f"a value has 1 to {LONGEST} characters")
        parts.append(f"{tag}{len(content):02d}{content}")
    return "".join(parts)


def sealed(fields: Iterable[tuple[str, str]]) -> str:
    """Return fields in the notation with the checksum at the end. Raises BadPayload."""
    body = written(fields) + _CRC_HEAD
    text = body + checksum(body)
    if len(text) > MOST:
        raise BadPayload("too_long", "payload", f"longer than {MOST} characters")
    return text


def opened(text: str) -> Fields:
    """Return the fields of a payload whose checksum holds, the checksum left out.

    Raises BadPayload, which says what is wrong and where.
    """
    if len(text) > MOST:
        raise BadPayload("too_long", "payload", f"longer than {MOST} characters")
    try:
        whole = text.encode()
    except UnicodeEncodeError as error:
        raise BadPayload("no_text", "payload", "not a text of Unicode characters") from error
    fields = read(text)
    if not fields or list(fields)[-1] != CRC_TAG or len(fields[CRC_TAG]) != 4:
        raise BadPayload("no_checksum", CRC_TAG, "the last field is a checksum of four digits")
    found = fields.pop(CRC_TAG)
    wanted = f"{binascii.crc_hqx(whole[:-4], _START):04X}"
    if found.upper() != wanted:
        raise BadPayload("bad_checksum", CRC_TAG, "the checksum does not fit: misread or changed")
    return fields


def read(text: str) -> Fields:
    """Return the fields of a text in the notation. Raises BadPayload."""
    fields: Fields = {}
    at = 0
    while at < len(text):
        tag, length = text[at : at + 2], text[at + 2 : at + 4]
        if not _digits(tag):
            raise BadPayload("bad_tag", f"character {at}", "a tag is two digits")
        if not _digits(length) or length == "00":
            raise BadPayload("bad_length", tag, "a length is two digits from 01 to 99")
        end = at + 4 + int(length)
        if end > len(text):
            raise BadPayload("cut_off", tag, f"{length} characters are announced, fewer follow")
        if tag in fields:
            raise BadPayload("twice", tag, "the field is there twice")
        fields[tag] = text[at + 4 : end]
        at = end
    return fields


def _digits(text: str) -> bool:
    return len(text) == 2 and text.isascii() and text.isdecimal()
