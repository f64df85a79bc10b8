"""What a process has loaded."""

import subprocess
import sys


def loaded_by(code: str) -> list[str]:
    """Return the modules that a process of its own has loaded once it has run `code`."""
    return subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
