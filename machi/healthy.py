"""`python -m machi.healthy URL…`: exit code 0 where every URL answers 200 (for containers)."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

SECONDS = 4


def healthy(url: str) -> bool:
    """Tell whether a URL answers 200 in time."""
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 (http alone)
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def main(urls: list[str]) -> int:
    """Return the exit code for URLs, which have to be of HTTP."""
    sound = [url.startswith(("http://", "https://")) and healthy(url) for url in urls]
    return 0 if sound and all(sound) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
