"""What this adapter is."""

from adapters.contract import Manifest

MANIFEST = Manifest(
    name="river_gauge",
    title="River gauge: Milesight EM500-UDL through ChirpStack v4",
    protocols=("lorawan", "mqtt"),
    topics=("application/+/device/+/event/up",),
    entity_types=("RiverLevelStation", "Device"),
)
