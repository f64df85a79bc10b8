"""What tests of every package share.

- `require_tool("mosquitto")` gives the path of a system tool, or skips the test.
- `effort(quick=..., long=...)` picks a number for the quick or the long run.
- `free_port()` gives a TCP port nobody listens on.
- The fixture `reference_data` is the folder of the reference data; mark its tests `reference`.

Set `MACHI_REQUIRE_SYSTEM_TOOLS=1` to turn "tool absent" skips into failures,
`MACHI_HYPOTHESIS=long` for the long run or `repeatable` for the gate's,
`MACHI_REFERENCE_DATA=folder` for the reference tests.
"""

from tests.support.ports import free_port
from tests.support.runs import effort
from tests.support.tools import require_tool

__all__ = ["effort", "free_port", "require_tool"]
