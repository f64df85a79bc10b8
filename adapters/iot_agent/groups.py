"""Service groups: which API key belongs to which group of devices, and to which tenant.

API keys are secrets, so they are no attributes: they stand in a file for its owner only.

    {"groups": [{"name": "school", "apiKey": "…", "tenant": ""}]}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from adapters.contract import CannotRun


class BadGroups(CannotRun):
    """The file of service groups cannot be used; the text says why, without its content."""


@dataclass(frozen=True, slots=True)
class Group:
    """A service group. The key is left out wherever the group is shown."""

    name: str
    api_key: str = field(repr=False)
    tenant: str = ""


class Groups:
    """All service groups, by API key and by tenant and name."""

    def __init__(self, groups: Iterable[Group] = ()) -> None:
        listed = list(groups)
        self.by_key: Mapping[str, Group] = {group.api_key: group for group in listed}
        self.by_name: Mapping[tuple[str, str], Group] = {(g.tenant, g.name): g for g in listed}
        if len(self.by_key) != len(listed) or len(self.by_name) != len(listed):
            raise BadGroups("two groups have the same key, or the same name in one tenant")


def read(path: Path | None) -> Groups:
    """Return the groups in a file; none where there is no file. Raises BadGroups."""
    if path is None:
        return Groups()
    try:
        if path.stat().st_mode & 0o077:
            raise BadGroups(f"{path} holds keys and must be for its owner only: chmod 600")
        entries = orjson.loads(path.read_bytes())["groups"]
        groups = [Group(e["name"], e["apiKey"], e.get("tenant", "")) for e in entries]
    except OSError as error:
        raise BadGroups(f"{path} cannot be read: {error.strerror}") from error
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise BadGroups(f"{path} is not {{'groups': [{{'name', 'apiKey', 'tenant'}}]}}") from error
    for group in groups:
        if not all(isinstance(part, str) for part in (group.name, group.api_key, group.tenant)):
            raise BadGroups(f"{path}: name, apiKey and tenant are texts")
        if not group.api_key or set(group.api_key) & set("/+#"):
            raise BadGroups(f"{path}: a key is empty or has one of / + # in it")
    return Groups(groups)
