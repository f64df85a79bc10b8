"""What this adapter is."""

from adapters.contract import Level, Manifest

MANIFEST = Manifest(
    name="zigbee_lock",
    title="Door locks through Zigbee2MQTT",
    level=Level.GOLD,
    protocols=("zigbee", "mqtt"),
    codecs=("lock",),
    topics=("zigbee2mqtt/+", "zigbee2mqtt/+/availability", "zigbee2mqtt/bridge/state"),
    entity_types=("Device", "SmartLock"),
    sources=(
        "Zigbee2MQTT documentation, MQTT topics and messages",
        "Zigbee2MQTT documentation, exposes of door locks (lock, pin_code, action, battery)",
    ),
    proofs=(
        "tests/adapters/zigbee_lock/test_wire.py",
        "tests/adapters/zigbee_lock/test_faults.py",
        "tests/adapters/zigbee_lock/test_grants.py",
    ),
    commands=("lock", "unlock"),
)
