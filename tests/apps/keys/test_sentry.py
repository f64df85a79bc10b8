"""Alerts of doors under the town's policies and models: raised, seen by staff, by nobody else."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.keys.grants import read
from apps.keys.misuse import TYPE, ended
from apps.keys.sentry import Sentry
from broker.client import Client, Forbidden, NotFound, timestamp, value
from consent.identity.model import Client as Known
from consent.identity.model import Role
from tests.apps.keys.test_doorlog import END, LOCK, MINUTE, START
from tests.support.guarded import guarded_town

GRANT = "urn:ngsi-ld:AccessGrant:432148:B-1"
KNOWN = (
    Known("admin", frozenset({Role.ADMINISTRATOR})),
    Known("bookings", frozenset({Role.APP})),
    Known("demo", frozenset({Role.DEVELOPER})),
    Known("portal", frozenset({Role.APP})),
    Known("account:anna", frozenset({"citizen"}), user="anna"),
    Known("account:river", frozenset({"staff:river"}), user="river"),
    Known("account:facilities", frozenset({"staff:facilities"}), user="facilities"),
)


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Client]:
    """Give a town in which somebody came in the booked time, and a door was forced."""
    async with guarded_town(tmp_path, *KNOWN) as client:
        plant = client.acting_for("admin")
        await plant.create(
            _entity(LOCK, ["Device", "SmartLock"], controlledProperty=["lockState"],
                    lockKind="electronicLock", connectivity="viaGateway", lockState="unlocked")
            | {"refBuilding": _relation("urn:ngsi-ld:Building:432148:gym")}
        )  # fmt: skip
        times = {"startAt": START, "endAt": END,
                 "validFrom": START - 10 * MINUTE, "validTo": END + 10 * MINUTE}  # fmt: skip
        told = {name: timestamp(at) for name, at in times.items()}
        await plant.create(
            _entity(GRANT, "AccessGrant", grantKind="pin", status="active", **told)
            | {"refLock": _relation([LOCK])}
        )
        await plant.create(_line("1", "unlocked", START, GRANT))
        await plant.create(_line("2", "doorForced", START + 40 * MINUTE))
        yield client


def _entity(known: str, kind: Any, **values: Any) -> dict[str, Any]:
    parts = {name: {"type": "Property", "value": part} for name, part in values.items()}
    return {"id": known, "type": kind, **parts}


def _relation(target: Any) -> dict[str, Any]:
    return {"type": "Relationship", "object": target}


def _line(local: str, kind: str, at: Any, grant: str = "") -> dict[str, Any]:
    line = _entity(f"urn:ngsi-ld:AccessEvent:432148:{local}", "AccessEvent", eventType=kind,
                   dateObserved=timestamp(at), receivedAt=timestamp(at),
                   source="device")  # fmt: skip
    return line | {"refLock": _relation(LOCK)} | ({"refGrant": _relation(grant)} if grant else {})


async def _looked(town: Client, at: Any) -> dict[str, str]:
    """Let the app look at a time; return the alerts it sees: state by misuse."""
    app = town.acting_for("bookings")
    await Sentry(app, lambda: at).step()
    return {
        str(value(one, "misuse")): str(value(one, "alertState"))
        for one in await app.query(type=TYPE)
    }


async def _seen_by(town: Client, name: str, path: str) -> int:
    """Return how many alerts somebody finds at a path."""
    try:
        found = await town.acting_for(name or None).call("GET", f"/ngsi-ld/v1/{path}")
    except (NotFound, Forbidden):
        return 0
    return len(found)


async def test_misuse_is_raised_once_and_over_once_staff_have_seen_it(town: Client):
    at = END + 9 * MINUTE
    assert await _looked(town, at) == {"forced": "active"}
    assert await _looked(town, at) == {"forced": "active"}
    app = town.acting_for("bookings")
    [alert] = await app.query(type=TYPE)
    await app.append(alert["id"], ended(at, "urn:ngsi-ld:Staff:7"))
    assert await _looked(town, at) == {"forced": "ended"}


async def test_overstay_is_raised_and_over_once_the_lock_is_shut(town: Client):
    late = END + 10 * MINUTE
    assert (await _looked(town, late))["overstay"] == "active"
    assert read(await town.acting_for("bookings").retrieve(GRANT)).stays
    plant = town.acting_for("admin")
    await plant.append(LOCK, {"lockState": {"type": "Property", "value": "locked"}})
    await plant.create(_line("3", "locked", late + MINUTE))
    assert (await _looked(town, late + timedelta(minutes=2)))["overstay"] == "ended"
    assert read(await town.acting_for("bookings").retrieve(GRANT)).left == late + MINUTE


NOW = f"entities?type={TYPE}"
SINCE = "timeproperty=modifiedAt&timerel=after&timeAt=2020-01-01T00:00:00Z"
PAST = f"temporal/entities?type={TYPE}&{SINCE}"


@pytest.mark.parametrize("path", [NOW, PAST], ids=["now", "past"])
async def test_only_facility_staff_and_administrators_see_alerts_of_doors(town: Client, path: str):
    await _looked(town, END + 10 * MINUTE)
    for name in ("", "demo", "portal", "account:anna", "account:river"):
        assert await _seen_by(town, name, path) == 0, name
    for name in ("account:facilities", "admin", "bookings"):
        assert await _seen_by(town, name, path) > 0, name
