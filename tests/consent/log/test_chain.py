"""A changed byte anywhere in the log is found, and its line named."""

from hypothesis import given
from hypothesis import strategies as st

from consent.log.chain import Tip, add, read, seal, verify

KEY = b"k" * 32
AT = "2026-11-27T00:00:00.000000Z"


def a_log(*groups: int) -> list[bytes]:
    """Return a log of groups of so many entries, each group sealed."""
    tip = Tip()
    lines = []
    for size in groups:
        lines += [add(tip, {"holder": "urn:x:花子", "at": AT}) for _ in range(size)]
        lines.append(seal(tip, AT, KEY))
    return lines


def split(text: bytes) -> list[bytes]:
    """Return the lines of a text as a file gives them."""
    parts = text.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def test_log_as_it_was_written_is_sound():
    verdict = verify(a_log(2, 1), KEY)
    assert (verdict.entries, verdict.sealed, verdict.fault) == (3, 3, None)


def test_every_changed_byte_is_found_in_its_line():
    lines = a_log(2, 1)
    text = b"".join(lines)
    place = 0
    for number, line in enumerate(lines, 1):
        for offset in range(len(line)):
            changed = bytearray(text)
            changed[place + offset] ^= 1
            fault = verify(split(bytes(changed)), KEY).fault
            assert fault is not None
            assert (fault.line, fault.offset) == (number, place)
        place += len(line)


@given(st.data())
def test_bytes_changed_to_anything_are_found(data: st.DataObject):
    text = bytearray(b"".join(a_log(1, 2, 1)))
    place = data.draw(st.integers(0, len(text) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda byte: byte != text[place]))
    text[place] = value
    assert verify(split(bytes(text)), KEY).fault is not None


def test_line_that_was_taken_out_is_found():
    lines = a_log(3)
    fault = verify([lines[0], *lines[2:]], KEY).fault
    assert fault is not None


def test_entries_at_the_end_without_a_seal_are_reported():
    verdict = verify(a_log(2, 2)[:-1], KEY)
    assert (verdict.entries, verdict.unsealed, verdict.fault) == (4, 2, None)


def test_whoever_writes_the_log_anew_cannot_seal_it():
    tip = Tip()
    lines = [add(tip, {"holder": "nobody", "at": AT}), seal(tip, AT, b"another key" * 3)]
    fault = verify(lines, KEY).fault
    assert fault is not None
    assert (fault.line, fault.reason) == (2, "the seal is not genuine")


def test_line_that_is_written_differently_is_none():
    line = a_log(1)[0]
    assert read(line) is not None
    assert read(line.replace(b'":', b'": ', 1)) is None
