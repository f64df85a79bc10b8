"""A policy shows attributes coarse, pseudonymous or not at all, on every way out."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from broker.store.memory import MemoryStore
from consent.policies.document import PolicyError, rules_of
from consent.records.model import HOLDER
from tests.support.asgi import Ticking
from tests.support.persons import (
    ENTITIES,
    POLICIES,
    RESCUE,
    RSSI,
    SHOPS,
    TAG,
    Town,
    holder,
    policy,
    town,
)

LOCATION = "https://uri.etsi.org/ngsi-ld/location"
HERE = {"type": "Point", "coordinates": [130.757312, 32.213147]}
COARSE = policy(
    "tags",
    "consentBound",
    {"types": [TAG]},
    assignee=["role:developer"],
    purposes=[RESCUE, SHOPS],
    transform=[
        {"op": "coarsen", "attribute": LOCATION, "param": 500},
        {"op": "hash", "attribute": HOLDER},
        {"op": "drop", "attribute": RSSI},
    ],
)
WORLD = [*(one for one in POLICIES if not one["id"].endswith(":tags")), COARSE]
PATH = f"{ENTITIES}/urn:ngsi-ld:TagDetection:1"
QUOTED = TAG.replace("#", "%23")


@pytest.fixture
async def coarse_town(tmp_path: Path) -> AsyncIterator[Town]:
    """Give a town where Hana agreed to two purposes."""
    async with town(MemoryStore(clock=Ticking()), tmp_path, WORLD) as made:
        await made.open_up()
        seen = {**made.detection(1, "hana"), "location": {"type": "GeoProperty", "value": HERE}}
        seen["location"]["observedAt"] = "2026-01-02T03:04:05Z"
        await made.make(seen, "tags")
        for purpose in (RESCUE, SHOPS):
            await made.make(made.consent("hana", purpose), "account:hana")
        yield made


async def read(made: Town, key: str, purpose: str, path: str = PATH) -> Any:
    """Return what a recipient reads."""
    answer = await made.ask("GET", path, key, machi_purpose=purpose)
    assert answer.status == 200, answer.body
    return answer.json()


async def test_recipient_sees_coarse_places_pseudonyms_and_nothing_dropped(coarse_town: Town):
    told = await read(coarse_town, "rescue", RESCUE)
    assert RSSI not in told
    assert told[HOLDER]["object"].startswith("urn:ngsi-ld:Holder:p-")
    assert told["location"]["value"]["coordinates"] != HERE["coordinates"]
    assert told["location"]["observedAt"] == "2026-01-02T03:00:00Z"


async def test_two_recipients_cannot_join_what_they_see(coarse_town: Town):
    one = await read(coarse_town, "rescue", RESCUE)
    other = await read(coarse_town, "shops", SHOPS)
    assert one[HOLDER]["object"] != other[HOLDER]["object"]
    assert one == await read(coarse_town, "rescue", RESCUE)


async def test_person_and_service_see_what_is_there(coarse_town: Town):
    for key in ("account:hana", "tags"):
        told = (await coarse_town.ask("GET", PATH, key)).json()
        assert told["location"]["value"] == HERE
        assert told[HOLDER]["object"] == holder("hana")


async def test_conditions_and_places_do_not_probe_what_is_coarse(coarse_town: Town):
    for condition in (
        f"q={HOLDER.replace('#', '%23')}==%22{holder('hana')}%22",
        f"q={RSSI.replace('#', '%23')}%3C0",
        "georel=near;maxDistance==1&geometry=Point&coordinates=[130.757312,32.213147]",
    ):
        path = f"{ENTITIES}?type={QUOTED}&{condition}"
        assert await read(coarse_town, "rescue", RESCUE, path) == []


async def test_history_is_as_coarse(coarse_town: Town):
    path = PATH.replace("/entities/", "/temporal/entities/")
    answer = await coarse_town.ask("GET", path, "rescue", machi_purpose=RESCUE)
    assert answer.status == 200
    for exact in ("130.757312", "03:04:05Z", holder("hana"), RSSI, '"value":-71'):
        assert exact not in answer.body.decode()


def test_transformation_that_is_not_known_is_refused():
    unknown = {**COARSE, "transform": [{"op": "noise", "attribute": RSSI}]}
    with pytest.raises(PolicyError, match="/transform/0/op"):
        rules_of(unknown, str)
