"""A broker starts without the libraries it may never need (decision 0390)."""

import subprocess
import sys

LATER = ("aiohttp", "aiomqtt", "fastapi", "jinja2", "numpy", "pydantic", "pymongo", "shapely")


def test_a_broker_starts_without_what_it_may_never_need() -> None:
    code = (
        "import sys; import machi.commands.broker as command; import broker.main; "
        "command._offer('off', (), False); print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "broker.main" in loaded
    assert not [name for name in LATER if name in loaded]
