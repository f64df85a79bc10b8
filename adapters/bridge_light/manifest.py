"""What this adapter is."""

from adapters.contract import Level, Manifest

MANIFEST = Manifest(
    name="bridge_light",
    title="Bridge lights: sACN (ANSI E1.31) and WLED",
    level=Level.PLATINUM,
    protocols=("sacn", "wled"),
    codecs=("e131", "wled_json", "addressing", "look"),
    topics=(),
    entity_types=("IlluminationControl",),
    sources=(
        "ANSI E1.31-2018, lightweight streaming protocol for transport of DMX512 using ACN",
        "WLED documentation, JSON API; period of its effect Blink",
    ),
    proofs=(
        "tests/adapters/bridge_light/test_adapter.py",
        "tests/adapters/bridge_light/test_faults.py",
    ),
)
