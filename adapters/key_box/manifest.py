"""What this adapter is."""

from adapters.contract import Level, Manifest

MANIFEST = Manifest(
    name="key_box",
    title="Key boxes without network, by offline PIN",
    level=Level.GOLD,
    protocols=("offlinePin",),
    codecs=("offline_pin", "box"),
    topics=(),
    entity_types=("Device", "SmartLock"),
    sources=(
        "RFC 4226, dynamic truncation of an HMAC",
        "Decision 0160: the open offline PIN",
    ),
    proofs=("tests/adapters/key_box/test_door.py",),
)
