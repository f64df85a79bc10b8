"""Files for the bank and from it: the same sums when read again, every fault named."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.kijiko.bank import deposits, zengin
from apps.kijiko.bank.kana import NoKana, half_width
from apps.kijiko.bank.zengin import Account, BadFile, Client, Order, Transfer, read, written

TOWN = Client("0000432032", Account("0182", "101", "1234567", "ﾋﾄﾖｼｼ", "9", "ﾋｺﾞ", "ﾋﾄﾖｼ"))
SHOP = Account("0182", "102", "0000042", "ｶ)ｷﾞﾝｻﾞﾊﾟﾝ")
ORDER = Order(TOWN, date(2026, 12, 10), (Transfer(SHOP, 12_345, "KJ-0007"), Transfer(SHOP, 5)))
KANA = st.text("ｱｲｳｴｵｶﾞﾊﾟｯABC019() .-".replace("ｯ", "ﾂ"), min_size=1, max_size=30).map(str.rstrip)
ACCOUNTS = st.builds(
    Account,
    bank=st.from_regex(r"[0-9]{4}", fullmatch=True).filter(str.isascii),
    branch=st.from_regex(r"[0-9]{3}", fullmatch=True).filter(str.isascii),
    number=st.from_regex(r"[0-9]{7}", fullmatch=True).filter(str.isascii),
    holder=KANA,
    kind=st.sampled_from(zengin.KINDS),
)
TRANSFERS = st.builds(
    Transfer,
    ACCOUNTS,
    st.integers(1, 9_999_999_999),
    st.from_regex(r"[A-Z0-9]{0,10}", fullmatch=True),
)


def test_file_of_two_transfers_is_these_records():
    header, first, second, trailer, end, rest = written(ORDER).decode("cp932").split("\r\n")
    assert header == (
        "12100000432032" + "ﾋﾄﾖｼｼ".ljust(40) + "1210" + "0182" + "ﾋｺﾞ".ljust(15) + "101"
        + "ﾋﾄﾖｼ".ljust(15) + "91234567" + " " * 17
    )  # fmt: skip
    assert first == (
        "20182" + " " * 15 + "102" + " " * 15 + "0000" + "10000042" + "ｶ)ｷﾞﾝｻﾞﾊﾟﾝ".ljust(30)
        + "0000012345" + "0" + "KJ-0007".ljust(20) + "7" + " " * 8
    )  # fmt: skip
    assert second[80:91] == "00000000050"
    assert trailer == "8000002000000012350" + " " * 101
    assert end == "9" + " " * 119
    assert rest == ""


@given(st.lists(TRANSFERS, min_size=1, max_size=20), st.dates(date(2024, 1, 1), date(2030, 1, 1)))
def test_file_is_read_again_to_the_same_transfers_and_sum(transfers, day):
    order = Order(TOWN, day, tuple(transfers))
    content = written(order)
    assert {len(one) for one in content.split(b"\r\n")[:-1]} == {zengin.RECORD}
    again = read(content, day.year)
    assert again == order
    assert again.total == sum(one.amount for one in transfers)


def _changed(record: int, place: int, text: bytes) -> bytes:
    lines = written(ORDER).split(b"\r\n")
    lines[record] = lines[record][:place] + text + lines[record][place + len(text) :]
    return b"\r\n".join(lines)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "at least"),
        (written(ORDER)[:-2], "CR LF"),
        (written(ORDER).replace(b"\r\n", b"\n"), "CR LF"),
        (written(ORDER).replace(b"  \r\n", b"\r\n", 1), "record 1"),
        (_changed(0, 0, b"2"), "records are not"),
        (_changed(0, 1, b"11"), "kind 11"),
        (_changed(0, 54, b"0230"), "no day 0230"),
        (_changed(1, 80, b"1"), "trailer: says 12350 yen"),
        (_changed(1, 80, b"X"), "is no number"),
        (_changed(3, 6, b"9"), "trailer: says 9 transfers"),
        (_changed(1, 50, b"\xff"), "characters"),
    ],
)
def test_file_that_does_not_add_up_is_refused(content, told):
    with pytest.raises(BadFile, match=told):
        read(content, 2026)


@pytest.mark.parametrize(
    "order",
    [
        replace(ORDER, transfers=()),
        replace(ORDER, transfers=(Transfer(SHOP, 0),)),
        replace(ORDER, transfers=(Transfer(SHOP, 10**10),)),
        replace(ORDER, transfers=(Transfer(SHOP, 1, "KJ-00000007"),)),
        replace(ORDER, transfers=(Transfer(replace(SHOP, number="12345678"), 1),)),
        replace(ORDER, transfers=(Transfer(replace(SHOP, bank="一"), 1),)),
        replace(ORDER, transfers=(Transfer(replace(SHOP, holder="豆腐店"), 1),)),
        replace(ORDER, transfers=(Transfer(replace(SHOP, kind="3"), 1),)),
    ],
)
def test_order_without_room_in_the_file_is_refused(order):
    with pytest.raises(BadFile):
        written(order)


@pytest.mark.parametrize(
    ("name", "kana"),
    [
        ("ガッコウ", "ｶﾞﾂｺｳ"),
        ("ぱんや", "ﾊﾟﾝﾔ"),
        ("カ）キジウマ", "ｶ)ｷｼﾞｳﾏ"),
        ("スーパー・人".replace("人", "A"), "ｽ-ﾊﾟ-.A"),
        ("ｶ)ｷﾞﾝｻﾞ", "ｶ)ｷﾞﾝｻﾞ"),
        ("ヴ abc", "ｳﾞ ABC"),
    ],
)
def test_names_are_half_width_with_their_marks_apart(name, kana):
    assert half_width(name) == kana


def test_kanji_has_no_reading_of_its_own():
    with pytest.raises(NoKana, match="豆"):
        half_width("豆腐")


FILE = 'date,reference,amount,payer\n2026-11-25,K7QH-22MX,"5,000",ﾊﾅｺ\n2026/11/25,k7qh-22mx,5000,\n'


def test_deposits_are_read_without_their_payers():
    rows, faulty = deposits.read(FILE)
    assert [(one.line, one.reference, one.amount) for one in rows] == [
        (2, "K7QH-22MX", 5000), (3, "K7QH-22MX", 5000),
    ]  # fmt: skip
    assert faulty == []
    assert "ﾊﾅｺ" not in str(rows)


def test_equal_rows_are_two_deposits_and_a_file_read_twice_is_one():
    first, again = deposits.read(FILE)[0], deposits.read(FILE)[0]
    assert [one.key for one in first] == [one.key for one in again]
    assert len({one.key for one in first}) == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2026-02-30,K7QH-22MX,5000", "bad_date"),
        ("2026-02-03,ﾊﾅｺ,5000", "bad_reference"),
        ("2026-02-03,K7QH-22MX,-5", "bad_amount"),
        ("2026-02-03,K7QH-22MX,0", "bad_amount"),
        ("2026-02-03,K7QH-22MX,1000001", "bad_amount"),
        ("2026-02-03", "bad_reference"),
    ],
)
def test_row_that_cannot_be_taken_is_named(row, reason):
    rows, faulty = deposits.read(f"date,reference,amount\n{row}\n")
    assert rows == []
    assert [(one.line, one.reason) for one in faulty] == [(2, reason)]


def test_file_in_the_coding_of_banks_is_read():
    assert deposits.read(deposits.decoded(FILE.encode("cp932"))) == deposits.read(FILE)


@pytest.mark.parametrize(("text", "told"), [("a,b\n", "no_columns"), ("", "no_columns")])
def test_text_without_the_columns_is_no_file_of_deposits(text, told):
    with pytest.raises(deposits.BadDeposits, match=told):
        deposits.read(text)


def test_bytes_in_no_known_coding_are_refused():
    with pytest.raises(deposits.BadDeposits, match="bad_coding"):
        deposits.decoded(b"\x81\xff\xff")
