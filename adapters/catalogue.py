"""Every adapter there is, by name. A folder under `adapters/` with a manifest belongs here."""

from __future__ import annotations

from adapters.bridge_light.adapter import build as bridge_light
from adapters.bridge_light.manifest import MANIFEST as BRIDGE_LIGHT
from adapters.common.host import Build
from adapters.contract import Manifest
from adapters.iot_agent.adapter import build as iot_agent
from adapters.iot_agent.manifest import MANIFEST as IOT_AGENT
from adapters.key_box.adapter import build as key_box
from adapters.key_box.manifest import MANIFEST as KEY_BOX
from adapters.remotelock.adapter import build as remotelock
from adapters.remotelock.manifest import MANIFEST as REMOTELOCK
from adapters.river_gauge.adapter import build as river_gauge
from adapters.river_gauge.manifest import MANIFEST as RIVER_GAUGE
from adapters.zigbee_lock.adapter import build as zigbee_lock
from adapters.zigbee_lock.manifest import MANIFEST as ZIGBEE_LOCK

CATALOGUE: dict[str, tuple[Manifest, Build]] = {
    manifest.name: (manifest, build)
    for manifest, build in (
        (RIVER_GAUGE, river_gauge),
        (BRIDGE_LIGHT, bridge_light),
        (IOT_AGENT, iot_agent),
        (ZIGBEE_LOCK, zigbee_lock),
        (REMOTELOCK, remotelock),
        (KEY_BOX, key_box),
    )
}
