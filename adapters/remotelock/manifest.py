"""What this adapter is."""

from adapters.contract import Level, Manifest

MANIFEST = Manifest(
    name="remotelock",
    title="RemoteLOCK door locks through the vendor's cloud",
    level=Level.GOLD,
    protocols=("https", "webhook"),
    codecs=("wire",),
    topics=(),
    entity_types=("Device", "SmartLock"),
    sources=(
        "RemoteLOCK API documentation: authentication, errors, rate limiting",
        "RemoteLOCK API documentation: access persons, devices, events, webhook subscribers",
    ),
    proofs=(
        "tests/adapters/remotelock/hall.py",
        "tests/adapters/remotelock/test_wire.py",
        "tests/adapters/remotelock/test_faults.py",
    ),
    commands=("lock", "unlock"),
)
