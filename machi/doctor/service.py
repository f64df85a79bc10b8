"""What a running broker tells: tenant, context, names, subscriptions, dead letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from broker.subscriptions.endpoint import masked
from machi.api import EX, V1, Api
from machi.doctor.finding import Finding, note, ok, problem
from machi.doctor.machine import CLOCK_SLACK
from machi.errors import NotReachable, Refusal
from machi.language import failure, t

LOOKED_AT: Final = 200
"""Entities whose names are looked at."""

SHOWN: Final = 5


def reachable(api: Api) -> tuple[Finding, datetime | None]:
    """Look whether a Machi broker answers; also return what time it has, if so."""
    try:
        ready, headers = api.call("GET", "/ready")
    except NotReachable as error:
        return problem("broker", str(error), error.remedy), None
    except Refusal as error:
        return problem(
            "broker",
            t(
                "What answers at {url} is no Machi broker, or refuses: {error}",
                url=api.url,
                error=error,
            ),
            error.remedy or t("Check --broker."),
        ), None
    if not isinstance(ready, dict) or ready.get("status") != "ready":
        return problem(
            "broker",
            t("What answers at {url} is no Machi broker.", url=api.url),
            t("Check --broker."),
        ), None
    date = headers.get("Date")
    return (
        ok(
            "broker",
            t("The broker at {url} is ready.", url=api.url),
        ),
        parsedate_to_datetime(date) if date else None,
    )


def clocks(theirs: datetime | None, now: datetime) -> Finding:
    """Compare the broker's clock with this machine's."""
    apart = 0.0 if theirs is None else (theirs - now).total_seconds()
    if abs(apart) > CLOCK_SLACK:
        return problem(
            "clock",
            t("The broker's clock and this machine's are {apart:.0f} s apart.", apart=abs(apart)),
            t("Keep both by NTP: timedatectl set-ntp true"),
        )
    return ok("clock", t("The clocks agree."))


def tenant(api: Api) -> Finding:
    """Look whether the tenant is there, and whether a similar one is."""
    name = api.tenant
    if not name:
        return ok("tenant", t("The default tenant is looked at."))
    if _is_there(api, name):
        return ok("tenant", t("The tenant {name} is there.", name=name))
    similar = [each for each in variants(name) if _is_there(api, each)]
    hint = t("A tenant comes into being with the first entity created in it.")
    if similar:
        hint = t("There is {similar}: --tenant {similar}", similar=similar[0])
    return problem("tenant", t("There is no tenant {name}.", name=name), hint)


def variants(name: str) -> list[str]:
    """Return what a tenant's name may have been meant to be."""
    found = [name.lower(), name.upper(), name.capitalize(), name.rstrip("s"), f"{name}s"]
    found += [
        name.replace("-", "_"),
        name.replace("_", "-"),
        name.replace("-", ""),
        name.replace("_", ""),
    ]
    found += [name[:at] + name[at + 1 :] for at in range(len(name))]
    found += [name[:at] + name[at + 1] + name[at] + name[at + 2 :] for at in range(len(name) - 1)]
    return [each for each in dict.fromkeys(found) if each and each != name]


def context(api: Api, url: str | None) -> Finding:
    """Look whether the broker can have the @context."""
    if url is None:
        return ok("context", t("Only the core context is used."))
    try:
        api.call("GET", f"{V1}/entities", query={"local": "true", "limit": "1"})
    except Refusal as error:
        remedy = error.remedy or t("Check the URL.")
        return problem("context", str(error), remedy)
    return ok(
        "context",
        t("The broker has the @context {url}.", url=url),
    )


def names(api: Api) -> Finding:
    """Look for types and attributes that fell back to the default vocabulary beside real ones."""
    found, _ = api.call(
        "GET",
        f"{V1}/entities",
        query={"local": "true", "limit": str(LOOKED_AT), "options": "keyValues"},
    )
    used = {name for entity in found for name in _names(entity)}
    short = {name for name in used if ":" not in name}
    twice = {
        name: iri
        for iri in sorted(used - short)
        if (name := iri.replace("#", "/").rpartition("/")[2]) in short
    }
    if twice:
        name, iri = next(iter(sorted(twice.items())))
        return problem(
            "names",
            t(
                "{twice} are there twice: once as of a context ({iri}), and once in the default"
                " vocabulary, where a name falls that no context defines.",
                twice=", ".join(sorted(twice)[:SHOWN]),
                iri=iri,
            ),
            t(
                "Some client sends {name!r} without the context. See: "
                "{EX}/explain/term?term={name}",
                name=name,
                EX=EX,
            ),
        )
    return ok("names", t("No name is there both with and without a context."))


def subscriptions(found: list[dict[str, Any]], why: Callable[[str], str]) -> Iterator[Finding]:
    """Look for subscriptions whose receiver refuses, is away, or may not be reached.

    `why` gives what the newest failure of one was.
    """
    failing = [one for one in found if one["notification"].get("status") == "failed"]
    for one in failing[:SHOWN]:
        sent = one["notification"]
        since = sent.get("lastSuccess") or t("it was made")
        yield problem(
            "subscription",
            t(
                "{id}: {uri} has not taken a notification since {since}. {why}",
                id=one["id"],
                uri=masked(sent["endpoint"]["uri"]),
                since=since,
                why=failure(why(one["id"])),
            ),
            t(
                "Mend the receiver or its address; a private address needs machi broker "
                "--allow-egress CIDR. What was given up: machi dead-letters list"
            ),
        )
    paused = [one["id"] for one in found if one.get("status") not in (None, "active")]
    if paused:
        yield note(
            "subscription",
            t(
                "{paused} subscriptions notify nobody, being paused or expired: {value} …",
                paused=len(paused),
                value=paused[0],
            ),
            f"machi subscriptions resume {paused[0]}",
        )
    if not failing:
        yield ok(
            "subscription",
            t("{count} subscriptions, none failing.", count=len(found)),
        )


def last_error(api: Api) -> Callable[[str], str]:
    """Return what asks the books why a subscription's newest try failed."""

    def why(id_: str) -> str:
        try:
            books, _ = api.call("GET", f"{EX}/books", query={"subscriptionId": id_})
        except Refusal as error:
            return str(error)
        return str(books.get("lastError") or "")

    return why


def dead_letters(api: Api) -> Finding:
    """Look for notifications that could not be delivered."""
    found, headers = api.call("GET", f"{EX}/dead-letters", query={"limit": "1", "count": "true"})
    count = int(headers.get("NGSILD-Results-Count", len(found)))
    if count:
        return problem(
            "dead-letters",
            t("{count} notifications could not be delivered.", count=count),
            t("See why: machi dead-letters list. Then replay or discard them."),
        )
    return ok("dead-letters", t("No notification was given up."))


def present() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def _is_there(api: Api, name: str) -> bool:
    try:
        Api(api.url, name).call("POST", f"{EX}/tickets")
    except Refusal:
        return False
    return True


def _names(entity: dict[str, Any]) -> Iterator[str]:
    kinds = entity["type"]
    yield from [kinds] if isinstance(kinds, str) else kinds
    yield from entity.keys() - {
        "id",
        "type",
        "scope",
        "location",
        "observationSpace",
        "operationSpace",
    }
