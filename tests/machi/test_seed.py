"""The demo town's entities: ids, types, sources, and planting without harm."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from broker.client import Client, Entity, NotFound, value
from consent.transform.counts import PUBLIC
from machi.seed import flow
from machi.seed.parts import facts
from machi.seed.plant import plant, reset_drill
from machi.seed.town import drill_entities, gauges, town_entities
from smart_data_models.offer import offered
from smart_data_models.own import NAMESPACE
from tests.support.guarded import planting
from tests.support.live import live_broker

NOW = datetime(2026, 7, 4, tzinfo=UTC)
STATION = "urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi"
CLOUD_LOCK = "urn:ngsi-ld:SmartLock:432148:E4321400036111"
LIGHT = "urn:ngsi-ld:IlluminationControl:432032:mizunote"


@pytest.mark.parametrize("name", ["river", "shelters", "kuma-2020", "facilities", "services"])
def test_every_file_of_facts_names_its_source_and_terms(name: str):
    assert facts(name)["source"]["terms"]


def test_every_id_names_its_type_and_the_city():
    for entity in town_entities():
        types = entity["type"] if isinstance(entity["type"], list) else [entity["type"]]
        match = re.fullmatch(r"urn:ngsi-ld:(\w+):(?:432032|432148):[\w-]+", entity["id"])
        assert match is not None
        assert match[1] in types


def test_ids_and_device_addresses_are_unique():
    ids = [entity["id"] for entity in town_entities()]
    euis = [eui for gauge in gauges() for eui in (gauge.dev_eui, gauge.drill_dev_eui)]
    assert len(set(ids)) == len(ids)
    assert len(set(euis)) == len(euis)


def test_official_types_stand_beside_own_ones():
    types = {tuple(e["type"]) for e in town_entities() if isinstance(e["type"], list)}
    assert types == {
        ("PointOfInterest", "EvacuationShelter"),
        ("FloodMonitoring", "RiverLevelStation"),
        ("Streetlight", "IlluminationControl"),
        ("Device", "SmartLock"),
    }


def of_type(kind: str) -> list[dict[str, Any]]:
    """Return the town's entities of a type."""
    return [entity for entity in town_entities() if kind in entity["type"]]


def named(kind: str) -> dict[str, list[float]]:
    """Return where the town's entities of a type are, by their Japanese names."""
    return {value(e, "name")["ja"]: value(e, "location")["coordinates"] for e in of_type(kind)}


def test_the_town_has_the_four_stations_of_the_kuma_river():
    """kumariver-r0207archive.jp; places to about 2 km."""
    assert named("RiverLevelStation") == {
        "人吉": [130.757, 32.213],
        "渡": [130.694, 32.234],
        "大野": [130.63, 32.27],
        "横石": [130.66, 32.42],
    }


def test_the_town_has_the_lights_of_its_bridge():
    """Bulletin of the city of Hitoyoshi on the lights of 水の手橋; place to about 2 km."""
    assert named("IlluminationControl") == {"水の手橋": [130.766, 32.212]}


def test_the_town_has_the_shelters_of_hitoyoshi():
    """指定緊急避難場所・指定避難所データ, 国土地理院, as of 2025-10-27: 39 places, some by name."""
    shelters = named("EvacuationShelter")
    assert len(shelters) == 39
    assert shelters["中原コミュニティセンター"] == [130.724358, 32.231716]
    assert shelters["西瀬小学校グラウンド"] == [130.736632, 32.205572]
    assert shelters["特別養護老人ホーム龍生園"] == [130.720161, 32.23078]
    assert shelters["人吉城跡ふるさと歴史の広場"] == [130.762739, 32.211099]


def test_sixteen_facilities_have_a_space_that_the_lock_of_the_building_opens():
    spaces, locks = of_type("BookableSpace"), {lock["id"]: lock for lock in of_type("SmartLock")}
    parts = [part for space in spaces for part in value(space, "refPart", [])]
    assert len(spaces) - len(parts) == len(locks) == len(of_type("Building")) == 16
    for space in spaces:
        (lock,) = (locks[one] for one in value(space, "refLock"))
        assert space["id"] in parts or value(lock, "refSpace") == [space["id"]]
        assert value(lock, "refBuilding") == value(space, "refBuilding")
    kinds = {value(lock, "lockKind"): value(lock, "connectivity") for lock in locks.values()}
    assert kinds == {"electronicLock": "viaGateway", "keyBox": "offlineAlgorithmic"}


def test_consent_names_its_purpose_and_wallets_are_left_to_the_app_that_keeps_the_ledger():
    (consent,), (purpose,) = of_type("ConsentRecord"), of_type("DataPurpose")
    assert value(consent, "refPurpose") == purpose["id"]
    assert value(purpose, "required") is False
    assert len(of_type("LocalCurrency")) == 1
    assert of_type("Wallet") == []


def test_thresholds_are_those_of_the_bridge_and_begin_with_its_lights():
    station = next(e for e in town_entities() if e["id"] == STATION)
    (table,) = value(station, "stageTable")
    assert [step["level"] for step in table["steps"]] == [3.0, 3.4, 4.07]
    assert table["validFrom"] == "2022-04-16T00:00:00+09:00"
    assert value(station, "designHighWaterLevel") == 4.07


def test_a_drill_applies_todays_tables_to_any_time():
    station = next(e for e in drill_entities("run", NOW) if e["id"] == STATION)
    (table,) = value(station, "stageTable")
    assert "validFrom" not in table


def test_everything_of_a_drill_is_marked_as_test():
    marked = [e for e in drill_entities("run", NOW) if e["type"] != "StreetlightGroup"]
    assert {value(entity, "operationStatus") for entity in marked} == {"test"}


def test_no_entity_holds_a_null():
    assert b"null" not in orjson.dumps([*town_entities(), *drill_entities("run", NOW)])


async def test_planting_again_leaves_what_was_changed_and_looks_for_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked: list[str | None] = []
    query = Client.query

    async def noted(self: Client, **how: Any) -> list[Entity]:
        asked.append(how.get("id"))
        return await query(self, **how)

    monkeypatch.setattr(Client, "query", noted)
    async with (
        live_broker(tmp_path) as url,
        Client(url) as town,
        Client(url, tenant="drill") as drill,
    ):
        first = await plant(town, drill)
        await town.append(LIGHT, {"mode": {"type": "Property", "value": "manual"}})
        await town.delete(STATION)
        second = await plant(town, drill)
        assert (first.present, second.created) == (0, 1)
        assert second.present == first.created - 1
        assert value(await town.retrieve(LIGHT), "mode") == "manual"
        assert asked
        assert all(asked)


async def test_drill_which_the_page_waits_for_is_there_only_when_the_town_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    rules, seen = Client.set_type_rules, []

    async def noted(client: Client, *given: Any, **more: Any) -> Any:
        if client.tenant:
            seen.append(len(await town.query(type="EvacuationShelter")))
        return await rules(client, *given, **more)

    monkeypatch.setattr(Client, "set_type_rules", noted)
    async with (
        live_broker(tmp_path) as url,
        Client(url) as town,
        Client(url, tenant="drill") as drill,
    ):
        with pytest.raises(NotFound):
            await drill.types()
        await plant(town, drill)
        shelters = len(await town.query(type="EvacuationShelter"))
    assert shelters
    assert set(seen) == {shelters}


async def test_town_planted_without_the_pinned_context_is_planted_anew_in_its_terms(
    tmp_path: Path,
):
    async with (
        live_broker(tmp_path) as url,
        Client(url) as town,
        Client(url, tenant="drill") as drill,
    ):
        await plant(town, drill)
    async with (
        live_broker(tmp_path, models=offered(everywhere=True)) as url,
        Client(url) as town,
        Client(url, tenant="drill") as drill,
    ):
        first, second = await plant(town, drill), await plant(town, drill)
        (station,) = await town.query(id=STATION, type=f"{NAMESPACE}RiverLevelStation")
    assert (first.created, second.created) == (0, 0)
    assert station["type"] == ["FloodMonitoring", "RiverLevelStation"]


@pytest.mark.parametrize(("simulated", "adapter"), [(True, "remotelock"), (False, "zigbee_lock")])
async def test_simulated_lock_of_an_earlier_version_gets_the_adapter_of_now_and_a_real_one_stays(
    tmp_path: Path, simulated: bool, adapter: str
):
    earlier = {"adapter": "zigbee_lock", "simulated": simulated}
    async with (
        live_broker(tmp_path) as url,
        Client(url) as town,
        Client(url, tenant="drill") as drill,
    ):
        await plant(town, drill)
        told = {name: {"type": "Property", "value": part} for name, part in earlier.items()}
        await town.append(CLOUD_LOCK, told)
        await plant(town, drill)
        assert value(await town.retrieve(CLOUD_LOCK), "adapter") == adapter


async def test_memory_of_the_apps_is_not_among_the_types_of_the_town(tmp_path: Path):
    async with (
        live_broker(tmp_path) as url,
        Client(url) as town,
        Client(url, tenant="drill") as drill,
    ):
        await plant(town, drill)
        for client in (town, drill):
            await client.create({"id": "urn:ngsi-ld:FeedCursor:x", "type": "FeedCursor"})
            names = [info["typeName"] for info in await client.types()]
            assert "FeedCursor" not in names
            assert "RiverLevelStation" in names


async def test_reset_sets_the_drill_back_and_forgets_its_alerts(tmp_path: Path):
    extra = {"id": "urn:ngsi-ld:Drill:432032:x", "type": "Drill"}
    async with (
        live_broker(tmp_path) as url,
        Client(url) as town,
        Client(url, tenant="drill") as drill,
    ):
        await plant(town, drill)
        await drill.append(STATION, {"waterLevel": {"type": "Property", "value": 5.0}})
        await drill.create({"id": "urn:ngsi-ld:Alert:432032:x", "type": "Alert"})
        for run in ("first", "second"):
            await reset_drill(drill, run, [extra], NOW)
        station = await drill.retrieve(STATION)
        assert value(station, "waterLevel") is None
        assert value(station, "drillRun") == "second"
        assert await drill.query(type="Alert") == []
        assert [e["id"] for e in await drill.query(type="Drill")] == [extra["id"]]


@pytest.mark.reference
def test_shelters_are_those_of_the_reference_files(reference_data):
    ids = set()
    for kind in ("emergency", "evacuation"):
        file = reference_data / f"gsi-shelters/432032-hitoyoshi-{kind}.geojson"
        ids |= {f["properties"]["共通ID"] for f in orjson.loads(file.read_bytes())["features"]}
    ours = [number for s in facts("shelters")["shelters"] for number in s["openDataIds"]]
    assert set(ours) == ids
    assert len(ours) == len(ids)


@pytest.mark.reference
def test_facilities_are_in_the_reference_files(reference_data):
    known = {}
    for kind in ("emergency", "evacuation"):
        file = reference_data / f"gsi-shelters/432148-aso-{kind}.geojson"
        for feature in orjson.loads(file.read_bytes())["features"]:
            known[feature["properties"]["共通ID"]] = feature
    for facility in facts("facilities")["facilities"]:
        feature = known[facility["local"]]
        assert feature["properties"]["施設・場所名"] == facility["name"]["ja"]
        assert feature["properties"]["住所"].endswith(facility["streetAddress"])
        assert feature["geometry"]["coordinates"] == facility["position"]


def test_made_up_walkers_are_the_same_for_a_day_and_many_enough_to_be_counted():
    day = flow.yesterday(NOW)
    assert str(day) == "2026-07-03"
    seen = flow.sightings(day)
    assert seen == flow.sightings(day) != flow.sightings(day - timedelta(days=1))
    people = Counter((value(one, "refDetector"), value(one, "refHolder")) for one in seen)
    passed = Counter(place for place, _ in people)
    assert min(passed.values()) >= 2 * PUBLIC
    agreed = {value(one, "refPrincipal") for one in flow.consents(NOW)}
    assert {who for _, who in people} <= agreed


def test_made_up_walkers_are_of_a_day_that_is_counted_already():
    midnight = datetime(2026, 7, 3, 15, tzinfo=UTC)
    assert str(flow.yesterday(midnight + timedelta(minutes=59))) == "2026-07-02"
    assert str(flow.yesterday(midnight + timedelta(minutes=61))) == "2026-07-03"


async def test_counts_of_the_town_show_who_walked_yesterday(tmp_path: Path):
    async with planting(tmp_path) as (town, drill):
        await plant(town, drill)
        anybody = town.acting_for(None)
        (offer,) = await anybody.call("GET", "/ngsi-ld/ex/v1/counts")
        day = flow.yesterday(datetime.now(UTC))
        path = f"/ngsi-ld/ex/v1/counts/{offer['id']}?day={day}"
        counts = (await anybody.call("GET", path))["counts"]
    shown = [one["people"] for one in counts if one["people"] is not None]
    assert len(shown) >= 3
    assert min(shown) >= PUBLIC


async def test_town_is_planted_again_behind_its_policies_as_it_is(tmp_path: Path):
    async with planting(tmp_path) as (town, drill):
        first, second = await plant(town, drill), await plant(town, drill)
    assert (first.present, second.created, second.present) == (0, 0, first.created)
