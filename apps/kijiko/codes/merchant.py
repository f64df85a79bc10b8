"""What a shop's code says: whom to pay, and for a code of one use how much (pure).

EMV notation under an identifier of our own; it is not JPQR and says so by its identifier.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from apps.kijiko.codes.emv import BadPayload, Fields, opened, read, sealed, written

IDENTIFIER: Final = "example.machi.kijiko"
"""What marks a payload as ours, in place of a scheme that registers its members."""
TEMPLATE: Final = "26"
STATIC: Final = "11"
DYNAMIC: Final = "12"
YEN: Final = "392"
CODE: Final = re.compile(r"[A-Z0-9][A-Z0-9-]{3,24}")
MOST_AMOUNT: Final = 9_999_999
_NAME: Final = 25
_TOWN: Final = 15
_LOCAL_NAME: Final = 25


@dataclass(frozen=True, slots=True)
class MerchantCode:
    """A shop's code. `category` is an ISO 18245 code; `reference` and `signature` belong to an
    amount: they make it a code of one use that nobody else can have written.
    """

    merchant: str
    name: str
    town: str
    category: str = "5399"
    local_name: str = ""
    amount: int | None = None
    reference: str = ""
    signature: str = ""


def payload(code: MerchantCode) -> str:
    """Return a shop's code as the text of its QR. Raises BadPayload where a part does not fit."""
    _check(code)
    ours = [("00", IDENTIFIER), ("01", code.merchant)]
    if code.signature:
        ours.append(("02", code.signature))
    fields = [
        ("00", "01"),
        ("01", STATIC if code.amount is None else DYNAMIC),
        (TEMPLATE, written(ours)),
        ("52", code.category),
        ("53", YEN),
        *([("54", str(code.amount))] if code.amount is not None else []),
        ("58", "JP"),
        ("59", code.name),
        ("60", code.town),
        *([("62", written([("05", code.reference)]))] if code.reference else []),
        *([("64", written([("00", "ja"), ("01", code.local_name)]))] if code.local_name else []),
    ]
    return sealed(fields)


def scanned(text: str) -> MerchantCode:
    """Return what a scanned text says. Raises BadPayload, which says what is wrong with it."""
    fields = opened(text.strip())
    if fields.get("00") != "01" or next(iter(fields)) != "00":
        raise BadPayload("no_payment", "00", "not a payment code of version 01")
    ours = _part(fields, TEMPLATE)
    if ours.get("00") != IDENTIFIER:
        raise BadPayload("other_scheme", TEMPLATE, "a code of another payment scheme")
    if fields.get("53") != YEN or fields.get("58") != "JP":
        raise BadPayload("other_currency", "53", "not an amount in yen in Japan")
    kind = fields.get("01")
    if kind not in (STATIC, DYNAMIC):
        raise BadPayload("bad_kind", "01", "neither a lasting code (11) nor one of one use (12)")
    code = MerchantCode(
        merchant=ours.get("01", ""),
        name=fields.get("59", ""),
        town=fields.get("60", ""),
        category=fields.get("52", ""),
        local_name=_part(fields, "64").get("01", ""),
        amount=_amount(fields.get("54")),
        reference=_part(fields, "62").get("05", ""),
        signature=ours.get("02", ""),
    )
    if (code.amount is None) != (kind == STATIC):
        raise BadPayload("bad_kind", "54", "an amount goes with a code of one use, and only there")
    _check(code)
    return code


def _check(code: MerchantCode) -> None:
    if not CODE.fullmatch(code.merchant):
        raise BadPayload("bad_merchant", f"{TEMPLATE}/01", "no code of a shop")
    if not re.fullmatch(r"[0-9]{4}", code.category):
        raise BadPayload("bad_category", "52", "a category is four digits")
    if not _plain(code.name, _NAME):
        raise BadPayload("bad_name", "59", f"a name has 1 to {_NAME} ASCII characters")
    if not _plain(code.town, _TOWN):
        raise BadPayload("bad_town", "60", f"a town has 1 to {_TOWN} ASCII characters")
    if len(code.local_name) > _LOCAL_NAME or not code.local_name.isprintable():
        raise BadPayload("bad_name", "64/01", f"a name has at most {_LOCAL_NAME} characters")
    if code.amount is None:
        if code.signature or code.reference:
            raise BadPayload("bad_kind", "62", "a reference goes with an amount")
        return
    if not 0 < code.amount <= MOST_AMOUNT:
        raise BadPayload("bad_amount", "54", f"an amount is from 1 to {MOST_AMOUNT} yen")
    if not (_plain(code.reference, 40) and _plain(code.signature, 40)):
        raise BadPayload("unsigned", "62", "an amount comes with a reference and its signature")


def _part(fields: Fields, tag: str) -> Fields:
    try:
        return read(fields.get(tag, ""))
    except BadPayload as error:
        raise BadPayload(error.key, f"{tag}/{error.place}", str(error)) from error


def _amount(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,6}", text):
        raise BadPayload("bad_amount", "54", f"an amount is from 1 to {MOST_AMOUNT} yen")
    return int(text)


def _plain(text: str, most: int) -> bool:
    return 1 <= len(text) <= most and text.isascii() and text.isprintable()
