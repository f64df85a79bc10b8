"""A shop's code: golden text, round trip, and what is wrong with a bad one."""

import io
import string
from dataclasses import replace

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from apps.kijiko.codes import emv
from apps.kijiko.codes.emv import BadPayload, checksum, sealed, written
from apps.kijiko.codes.link import code_in, link
from apps.kijiko.codes.merchant import IDENTIFIER, MerchantCode, payload, scanned
from apps.kijiko.codes.picture import svg

TOFU = MerchantCode("KJ-0007", "Kajiyamachi Tofu", "Hitoyoshi", "5499", "鍛冶屋町とうふ")
BILL = replace(TOFU, amount=850, reference="1795680000.abcdefghijklmnop", signature="s" * 22)
GOLDEN = (
    "00020101021126350020example.machi.kijiko0107KJ-00075204549953033925802JP"
    "5916Kajiyamachi Tofu6009Hitoyoshi64170002ja0107鍛冶屋町とうふ6304"
)
SAID = st.text(string.ascii_letters + string.digits + " .&'-", min_size=1, max_size=15)
CODES = st.builds(
    MerchantCode,
    merchant=st.from_regex(r"[A-Z0-9][A-Z0-9-]{3,24}", fullmatch=True),
    name=SAID,
    town=SAID,
    category=st.from_regex(r"[0-9]{4}", fullmatch=True).filter(str.isascii),
    local_name=st.text(st.characters(categories=("L", "N")), max_size=25),
)
SIGNED = st.tuples(CODES, st.integers(1, 9_999_999)).map(
    lambda pair: replace(pair[0], amount=pair[1], reference="r1", signature="s1")
)


def test_checksum_has_the_published_check_value():
    assert checksum("123456789") == "29B1"


def test_payload_of_a_known_shop_is_this_text():
    assert payload(TOFU) == GOLDEN + checksum(GOLDEN)


@given(CODES | SIGNED)
def test_what_is_written_is_read(code):
    assert scanned(payload(code)) == code


@given(CODES | SIGNED, st.data())
def test_one_changed_character_is_noticed(code, data):
    text = payload(code)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(min_codepoint=33, max_codepoint=126))
    changed = text[:place] + other + text[place + 1 :]
    if changed.upper() != text.upper() or changed[:-4] != text[:-4]:
        with pytest.raises(BadPayload):
            scanned(changed)


@given(st.text(max_size=600))
def test_any_text_is_refused_with_a_place(text):
    with pytest.raises(BadPayload) as caught:
        scanned(text)
    assert caught.value.key
    assert caught.value.place


def _with(tag: str, content: str) -> str:
    fields = emv.opened(payload(TOFU)) | {tag: content}
    return sealed([(tag, text) for tag, text in fields.items() if text])


@pytest.mark.parametrize(
    ("text", "key", "place"),
    [
        ("", "no_checksum", "63"),
        ("hello", "bad_tag", "character 0"),
        ("0002016304", "cut_off", "63"),
        ("0099", "cut_off", "00"),
        ("00000", "bad_length", "00"),
        ("0002010002016304ABCD", "twice", "00"),
        (GOLDEN + "0000", "bad_checksum", "63"),
        ("9" * 513, "too_long", "payload"),
        ("\ud800", "no_text", "payload"),
        (_with("00", "02"), "no_payment", "00"),
        (_with("26", written([("00", "jp.or.paymentsjapan")])), "other_scheme", "26"),
        (_with("26", "nonsense"), "bad_tag", "26/character 0"),
        (_with("26", ""), "other_scheme", "26"),
        (_with("26", written([("00", IDENTIFIER), ("01", "x")])), "bad_merchant", "26/01"),
        (_with("53", "840"), "other_currency", "53"),
        (_with("58", "US"), "other_currency", "53"),
        (_with("01", "13"), "bad_kind", "01"),
        (_with("01", "12"), "bad_kind", "54"),
        (_with("54", "100"), "bad_kind", "54"),
        (_with("54", "1.5"), "bad_amount", "54"),
        (_with("54", "0"), "bad_amount", "54"),
        (_with("52", "abc"), "bad_category", "52"),
        (_with("59", ""), "bad_name", "59"),
        (_with("60", "人吉"), "bad_town", "60"),
        (_with("62", written([("05", "r")])), "bad_kind", "62"),
    ],
)
def test_bad_payload_says_what_and_where(text, key, place):
    with pytest.raises(BadPayload) as caught:
        scanned(text)
    assert (caught.value.key, caught.value.place) == (key, place)


@pytest.mark.parametrize(
    "part",
    [{"signature": ""}, {"reference": ""}, {"amount": 0}, {"amount": 10_000_000},
     {"merchant": "k"}, {"name": "名"}, {"name": "x" * 26}],
)  # fmt: skip
def test_code_that_could_not_be_read_is_not_written(part):
    with pytest.raises(BadPayload):
        payload(replace(BILL, **part))


def test_picture_is_an_svg_that_shrinks_whole_and_has_no_scripts():
    drawn = svg(payload(BILL))
    assert drawn.startswith(b"<svg")
    assert b"viewBox" in drawn
    assert b"width=" not in drawn.partition(b">")[0]
    assert b"script" not in drawn


@given(CODES | SIGNED)
def test_link_carries_the_code(code):
    text = payload(code)
    assert code_in(link("https://kijiko.example", text)) == code_in(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "https://kijiko.example/", "https://kijiko.example/pay", "ftp://x/pay?code=1", "http://["],
)
def test_other_texts_are_no_links_of_codes(text):
    assert code_in(text) == text


def test_picture_holds_japanese_names_as_utf_8():
    assert svg("鍛冶屋町とうふ") == _drawn("鍛冶屋町とうふ".encode())


def _drawn(content):
    out = io.BytesIO()
    segno.make_qr(content, error="m").save(
        out, kind="svg", border=4, xmldecl=False, omitsize=True, dark="#000", light="#fff"
    )
    return out.getvalue()
