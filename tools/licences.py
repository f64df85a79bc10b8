"""Fail when something installed at run time is under the GPL or AGPL.

Looks at the distributions that `machi` requires, directly or not, as installed in this
environment. LGPL and MPL are accepted. A distribution that states no licence fails too.
"""

import re
import sys
from collections.abc import Callable, Iterator
from email.message import Message
from importlib import metadata
from typing import cast

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = "machi"
COPYLEFT = re.compile(r"\bA?GPL|(?<!Lesser )(?<!Library )General Public License", re.IGNORECASE)


def closure(root: str, requires: Callable[[str], list[str]]) -> Iterator[str]:
    """Yield the names of every distribution `root` needs in this environment, `root` left out.

    `requires` gives the requirement strings of an installed distribution.
    """
    seen: set[tuple[str, str]] = set()
    names: set[str] = set()
    waiting = [(canonicalize_name(root), "")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        if name not in names:
            names.add(name)
            if name != root:
                yield name
        for text in requires(name):
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            needed = canonicalize_name(requirement.name)
            waiting.append((needed, ""))
            waiting.extend((needed, wanted) for wanted in requirement.extras)


def stated_licence(about: Message) -> str:
    """Return what a distribution's metadata says of its licence, as one line, or ''.

    The SPDX expression counts first, then the classifiers, then the free text.
    """
    if expression := about.get("License-Expression"):
        return str(expression)
    classifiers = [
        str(line).rpartition(" :: ")[2]
        for line in about.get_all("Classifier", [])
        if str(line).startswith("License :: ")
    ]
    if classifiers:
        return " AND ".join(classifiers)
    return str(about.get("License", "")).strip().partition("\n")[0]


def objection(licence: str) -> str | None:
    """Return why a licence may not be used at run time, or None where it may.

    Of several alternatives one acceptable is enough; an expression that also says AND is read
    strictly, as if each licence in it applied.
    """
    if not licence or licence.upper() == "UNKNOWN":
        return "states no licence"
    alternatives = [licence] if " AND " in licence else licence.split(" OR ")
    if all(COPYLEFT.search(alternative) for alternative in alternatives):
        return "GPL or AGPL"
    return None


def main() -> int:
    """Check this environment; print a table of what is wrong and return the exit status."""

    def requires(name: str) -> list[str]:
        return metadata.requires(name) or []

    names = sorted(closure(ROOT, requires))
    bad = []
    for name in names:
        licence = stated_licence(cast("Message", metadata.metadata(name)))
        if reason := objection(licence):
            bad.append((name, metadata.version(name), licence or "-", reason))
    if bad:
        for name, version, licence, reason in bad:
            print(f"{name:<24} {version:<14} {licence:<40.40} {reason}")
        print(f"{len(bad)} of {len(names)} run-time distributions may not be used")
        return 1
    print(f"{len(names)} run-time distributions, none under the GPL or AGPL")
    return 0


if __name__ == "__main__":
    sys.exit(main())
