"""What this adapter is."""

from adapters.contract import Level, Manifest

MANIFEST = Manifest(
    name="river_gauge",
    title="River gauges on LoRaWAN: Milesight EM500-UDL, Dragino LDDS75",
    level=Level.PLATINUM,
    protocols=("lorawan", "mqtt"),
    codecs=("chirpstack", "things_stack", "lorawan", "milesight", "dragino", "level"),
    topics=(
        "application/+/device/+/event/up",
        "application/+/device/+/event/status",
        "v3/+/devices/+/up",
    ),
    entity_types=("RiverLevelStation", "Device"),
    sources=(
        "ChirpStack v4, integration events (UplinkEvent, StatusEvent)",
        "The Things Stack v3, uplink messages of the MQTT server",
        "Milesight, EM500-UDL payload structure V1.0",
        "Dragino, LDDS75 user manual, uplink payload",
    ),
    proofs=(
        "tests/adapters/river_gauge/test_adapter.py",
        "tests/adapters/river_gauge/test_wire.py",
        "tests/adapters/river_gauge/test_faults.py",
    ),
)
