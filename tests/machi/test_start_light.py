"""The town's processes start without the libraries they may never need (decision 0395)."""

import pytest

from tests.support.loaded import loaded_by

PAGES = (
    "apps.consent.__main__",
    "apps.portal.__main__",
    "apps.staff.__main__",
    "machi.bookings",
    "machi.kijiko",
)
OTHERS = ("adapters.__main__", "apps.alerts.__main__", "machi.devices", "machi.mqtt")
LATER = ("fastapi", "numpy", "pydantic", "pymongo", "shapely")


@pytest.mark.parametrize("module", [*PAGES, *OTHERS])
def test_a_process_starts_without_what_it_may_never_need(module: str) -> None:
    loaded = loaded_by(f"import {module}")
    assert module in loaded
    assert not [name for name in LATER if name in loaded]


@pytest.mark.parametrize("module", OTHERS)
def test_what_serves_no_pages_starts_without_templates(module: str) -> None:
    assert "jinja2" not in loaded_by(f"import {module}")


def test_the_supervisor_starts_the_processes_before_it_loads_what_plants() -> None:
    loaded = loaded_by("import machi.commands.up, machi.supervisor")
    assert "machi.supervisor" in loaded
    assert not [name for name in ("aiohttp", "broker.client", "starlette") if name in loaded]
