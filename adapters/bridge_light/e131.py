"""sACN: the data packet of ANSI E1.31, to and from bytes. Pure.

0    root layer     preamble, packet identifier, length, vector 4, CID of the sender
38   framing layer  length, vector 2, source name, priority, synchronisation address,
                    sequence, options, universe
115  DMP layer      length, vector 2, types A1, first address 0, increment 1, count
125  start code 0, then up to 512 slots
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final
from uuid import UUID

PORT: Final = 5568
LOSS: Final = 2.5
"""Seconds without a packet after which a receiver gives a source up."""
KEEP_ALIVE: Final = 0.8
"""Seconds after which an unchanged packet is sent again."""
MOST_SLOTS: Final = 512
UNIVERSES: Final = range(1, 64_000)

IDENTIFIER: Final = b"ASC-E1.17\x00\x00\x00"
PREVIEW: Final = 0x80
TERMINATED: Final = 0x40
FLAGS: Final = 0x7000
ROOT_LAYOUT: Final = struct.Struct(">HH12sHI16s")
FRAMING_LAYOUT: Final = struct.Struct(">HI64sBHBBH")
DMP_LAYOUT: Final = struct.Struct(">HBBHHHB")
HEAD: Final = ROOT_LAYOUT.size + FRAMING_LAYOUT.size + DMP_LAYOUT.size
ROOT, FRAMING, DMP = 16, 38, 115


class NotSacn(ValueError):
    """These bytes are no data packet of E1.31; the text says where they differ."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A data packet. `slots` are the DMX levels from channel 1 on.

    `preview` asks receivers not to show it on real fixtures; `terminated` says that the source
    ends its stream now.
    """

    cid: UUID
    source: str
    universe: int
    sequence: int
    slots: bytes
    priority: int = 100
    preview: bool = False
    terminated: bool = False


def encode(packet: Packet) -> bytes:
    """Return the packet's bytes. Raises ValueError where a field is out of its range."""
    if packet.universe not in UNIVERSES:
        raise ValueError(f"universe {packet.universe} is not 1 to 63999")
    if not 0 <= packet.priority <= 200:
        raise ValueError(f"priority {packet.priority} is not 0 to 200")
    if len(packet.slots) > MOST_SLOTS:
        raise ValueError(f"{len(packet.slots)} slots; a universe has {MOST_SLOTS}")
    whole = HEAD + len(packet.slots)
    options = PREVIEW * packet.preview | TERMINATED * packet.terminated
    sequence, name = packet.sequence % 256, _name(packet.source)
    return (
        ROOT_LAYOUT.pack(0x0010, 0, IDENTIFIER, FLAGS | whole - ROOT, 4, packet.cid.bytes)
        + FRAMING_LAYOUT.pack(
            *(FLAGS | whole - FRAMING, 2, name, packet.priority, 0),
            *(sequence, options, packet.universe),
        )
        + DMP_LAYOUT.pack(FLAGS | whole - DMP, 2, 0xA1, 0, 1, 1 + len(packet.slots), 0)
        + packet.slots
    )


def decode(data: bytes) -> Packet:
    """Return the packet in a datagram. Raises NotSacn."""
    if len(data) < HEAD:
        raise NotSacn(f"{len(data)} bytes are too few")
    preamble, postamble, identifier, root, root_vector, cid = ROOT_LAYOUT.unpack_from(data)
    framing, framing_vector, name, priority, _, sequence, options, universe = (
        FRAMING_LAYOUT.unpack_from(data, FRAMING)
    )
    dmp, dmp_vector, types, first, increment, count, start = DMP_LAYOUT.unpack_from(data, DMP)
    whole = HEAD + count - 1
    checks = {
        "preamble": (preamble, postamble, identifier) == (0x0010, 0, IDENTIFIER),
        "vectors": (root_vector, framing_vector, dmp_vector) == (4, 2, 2),
        "DMP layer": (types, first, increment, start) == (0xA1, 0, 1, 0),
        "count": 1 <= count <= MOST_SLOTS + 1 and len(data) >= whole,
        "lengths": (root, framing, dmp)
        == (FLAGS | whole - ROOT, FLAGS | whole - FRAMING, FLAGS | whole - DMP),
        "universe": universe in UNIVERSES,
        "priority": priority <= 200,
    }
    wrong = [name for name, right in checks.items() if not right]
    if wrong:
        raise NotSacn(f"wrong {wrong[0]}")
    return Packet(
        cid=UUID(bytes=cid),
        source=name.partition(b"\x00")[0].decode(errors="replace"),
        universe=universe,
        sequence=sequence,
        slots=data[HEAD:whole],
        priority=priority,
        preview=bool(options & PREVIEW),
        terminated=bool(options & TERMINATED),
    )


def in_sequence(sequence: int, last: int) -> bool:
    """Say whether a receiver takes a packet after the one numbered `last` (E1.31 §6.7.2).

    Up to nineteen numbers behind is late and dropped; farther behind is a new beginning.
    """
    behind = (last - sequence + 128) % 256 - 128
    return not 0 <= behind < 20


def multicast_group(universe: int) -> str:
    """Return the IPv4 group of a universe."""
    return f"239.255.{universe >> 8}.{universe & 255}"


def _name(text: str) -> bytes:
    return text.encode()[:63].decode(errors="ignore").encode()
