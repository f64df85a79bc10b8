"""Names in the characters of banks' files: half-width katakana, capitals, digits (pure)."""

from __future__ import annotations

import unicodedata
from typing import Final

_WIDE: Final = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
)
_HALF: Final = "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜｦﾝ"
_SMALL: Final = dict(zip("ァィゥェォャュョッヮヵヶ", "アイウエオヤユヨツワカケ", strict=True))
_MARKS: Final = {"\u3099": "ﾞ", "\u309a": "ﾟ", "ー": "-", "・": ".", "「": "｢", "」": "｣"}
_LETTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ().-/｢｣ﾞﾟ" + _HALF)
_NARROW: Final = dict(zip(_WIDE, _HALF, strict=True)) | _MARKS
_HIRAGANA: Final = range(0x3041, 0x3097)
_TO_KATAKANA: Final = 0x60


class NoKana(ValueError):
    """A name with a character that banks' files do not know; the text is the character."""


def half_width(name: str) -> str:
    """Return a reading as banks' files write it: no small kana, marks apart, long mark a hyphen.

    Raises NoKana, for example where the reading of a kanji is not given.
    """
    found = []
    for letter in unicodedata.normalize("NFD", unicodedata.normalize("NFKC", name)):
        letter = chr(ord(letter) + _TO_KATAKANA) if ord(letter) in _HIRAGANA else letter.upper()
        letter = _SMALL.get(letter, letter)
        letter = _NARROW.get(letter, letter)
        if letter not in _LETTERS:
            raise NoKana(letter)
        found.append(letter)
    return "".join(found)
