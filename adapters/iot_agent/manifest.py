"""What this adapter is."""

from adapters.contract import Level, Manifest

MANIFEST = Manifest(
    name="iot_agent",
    title="FIWARE IoT agent protocols: Ultralight 2.0 and JSON",
    level=Level.GOLD,
    protocols=("mqtt", "http"),
    codecs=("ultralight", "iotjson", "topics", "attributes"),
    topics=(
        "/ul/+/+/attrs",
        "/ul/+/+/attrs/+",
        "/ul/+/+/cmdexe",
        "/json/+/+/attrs",
        "/json/+/+/attrs/+",
        "/json/+/+/cmdexe",
    ),
    entity_types=("Device",),
    sources=(
        "FIWARE IoT Agent for Ultralight 2.0, user manual (protocol description)",
        "FIWARE IoT Agent for JSON, user manual (protocol description)",
    ),
    proofs=(
        "tests/adapters/iot_agent/school.py",
        "tests/adapters/iot_agent/test_mqtt.py",
        "tests/adapters/iot_agent/test_http.py",
    ),
)
