"""sACN packets: every byte where E1.31 puts it, and nothing else taken for one."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.bridge_light.e131 import (
    MOST_SLOTS,
    NotSacn,
    Packet,
    decode,
    encode,
    in_sequence,
    multicast_group,
)

CID = UUID("d1f6f109-8a48-4435-8157-a226604dea89")
PACKET = Packet(CID, "bridge", 7962, 42, bytes([255, 40, 0]), 200)

packets = st.builds(
    Packet,
    cid=st.uuids(),
    source=st.text(st.characters(codec="ascii", exclude_characters="\x00"), max_size=63),
    universe=st.integers(1, 63_999),
    sequence=st.integers(0, 255),
    slots=st.binary(max_size=MOST_SLOTS),
    priority=st.integers(0, 200),
    preview=st.booleans(),
    terminated=st.booleans(),
)


def test_every_field_is_where_the_standard_puts_it():
    data = encode(PACKET)
    assert len(data) == 126 + 3
    assert data[0:16] == b"\x00\x10\x00\x00ASC-E1.17\x00\x00\x00"
    assert data[16:18] == (0x7000 | 113).to_bytes(2, "big")
    assert data[18:22] == b"\x00\x00\x00\x04"
    assert data[22:38] == CID.bytes
    assert data[38:40] == (0x7000 | 91).to_bytes(2, "big")
    assert data[40:44] == b"\x00\x00\x00\x02"
    assert data[44:108] == b"bridge".ljust(64, b"\x00")
    assert (data[108], data[109:111], data[111], data[112]) == (200, b"\x00\x00", 42, 0)
    assert data[113:115] == (7962).to_bytes(2, "big")
    assert data[115:117] == (0x7000 | 14).to_bytes(2, "big")
    assert data[117:126] == b"\x02\xa1\x00\x00\x00\x01\x00\x04\x00"
    assert data[126:] == b"\xff\x28\x00"


@pytest.mark.parametrize(
    ("option", "bits"), [({"preview": True}, 0x80), ({"terminated": True}, 0x40)]
)
def test_options_have_their_bits(option: dict[str, bool], bits: int):
    packet = Packet(CID, "bridge", 1, 0, b"", **option)
    assert encode(packet)[112] == bits


@given(packet=packets)
def test_what_is_encoded_is_decoded(packet: Packet):
    assert decode(encode(packet)) == packet


@given(data=st.binary(max_size=700))
def test_any_bytes_are_a_packet_or_refused(data: bytes):
    with pytest.raises(NotSacn):
        decode(data)


@given(at=st.integers(0, 43), value=st.integers(0, 255))
def test_packet_changed_in_its_fixed_part_is_refused_or_has_another_sender(at: int, value: int):
    data = bytearray(encode(PACKET))
    if data[at] == value:
        return
    data[at] = value
    try:
        decoded = decode(bytes(data))
    except NotSacn:
        return
    assert 22 <= at < 38
    assert decoded.cid != CID


@pytest.mark.parametrize("universe", [0, 64_000])
def test_universe_out_of_range_is_refused(universe: int):
    with pytest.raises(ValueError, match="universe"):
        encode(Packet(CID, "", universe, 0, b""))


def test_long_name_is_cut_between_characters():
    name = decode(encode(Packet(CID, "水の手橋" * 10, 1, 0, b""))).source
    assert name == ("水の手橋" * 10)[:21]


@pytest.mark.parametrize(
    ("sequence", "last", "taken"),
    [(1, 0, True), (0, 255, True), (5, 5, False), (250, 5, False), (241, 4, False), (240, 4, True)],
)
def test_late_packets_are_dropped_and_a_new_beginning_is_taken(
    sequence: int, last: int, taken: bool
):
    assert in_sequence(sequence, last) is taken


def test_universe_has_its_own_group():
    assert multicast_group(7962) == "239.255.31.26"
