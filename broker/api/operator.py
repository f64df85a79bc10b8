"""`/operator`: how deliveries are, for whoever runs the broker. Works without scripts."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from broker.api.books import servers
from broker.api.broker import Broker
from broker.api.forms import session_of
from broker.api.language import language
from broker.api.operator_entry import HEADERS, entrance, wants_html
from broker.api.operator_words import TEXTS
from broker.api.request import Request
from broker.api.response import Response
from broker.errors import BadRequestData, Forbidden, NonexistentTenant, Unauthorized
from broker.guard import Action
from broker.store.outbox import DeadLetter, StoredSubscription
from broker.subscriptions.delivery.clock import seconds_between
from broker.subscriptions.endpoint import masked
from broker.subscriptions.reasons import reason
from broker.subscriptions.show import status

if TYPE_CHECKING:
    from jinja2 import Template

PAGE: Final = 25
LETTERS: Final = 20


async def page(broker: Broker, request: Request) -> Response:
    """Return the page; for a tenant that is not there one that says so, with those that are.

    A program, which does not ask for HTML, is told so as by any other operation. Who may not
    administer is asked to sign in.
    """
    try:
        broker.guard.allow(request.caller, request.tenant, Action.ADMINISTER, None)
    except (Forbidden, Unauthorized) as error:
        if broker.accounts is None or not wants_html(request):
            raise
        return entrance(broker, request, error.status)
    tenants = await broker.store.tenants()
    missing = request.tenant not in tenants
    if missing and not wants_html(request):
        raise NonexistentTenant(
            f"There is no tenant {request.tenant!r}.",
            place="query:tenant",
            remedy="Check the name; the page without it offers the tenants that are there.",
        )
    lang = language(request)
    outbox, now = broker.store.outbox, broker.clock()
    letters, dead = await outbox.dead_letters(request.tenant, limit=LETTERS)
    troubled = {letter.sid for letter in letters}
    mine = [one for one in await outbox.all() if one.tenant == request.tenant]
    mine.sort(key=lambda one: (one.history.last_error is None, one.sid not in troubled, one.sid))
    pages = max(1, -(-len(mine) // PAGE))
    number = _page_number(request, pages)
    cards = [await _card(broker, one) for one in mine[(number - 1) * PAGE : number * PAGE]]
    oldest = await outbox.oldest()
    words = _Words(lang, now)
    text = _template().render(
        words=words, t=TEXTS[lang], lang=lang, other="en" if lang == "ja" else "ja",
        tenant=request.tenant, tenants=tenants, missing=missing,
        books=await outbox.books(),
        waited=None if oldest is None else words.span(seconds_between(oldest, now)),
        servers=[one for one in servers(broker) if one["breaker"] != "closed" or one["note"]],
        cards=cards,
        total=len(mine), failing=sum(one.history.last_error is not None for one in mine),
        letters=[_letter(one) for one in letters], dead=dead, page=number, pages=pages,
        done=_done(request),
        token=broker.forms.token(request), signed_in=bool(session_of(request.headers)),
    )  # fmt: skip
    return Response(404 if missing else 200, text.encode(), list(HEADERS))


async def replay(broker: Broker, request: Request) -> Response:
    """Let dead letters wait again, as a button of the page asks."""
    return await _decide(broker, request, replaying=True)


async def discard(broker: Broker, request: Request) -> Response:
    """Discard dead letters, as a button of the page asks."""
    return await _decide(broker, request, replaying=False)


async def _decide(broker: Broker, request: Request, *, replaying: bool) -> Response:
    form = _form(broker, request)
    tenant = form.get("tenant", "")
    broker.guard.allow(request.caller, tenant, Action.ADMINISTER, None)
    stored = await broker.subscriptions.named(
        request.caller, tenant, form["subscriptionId"], "body:/subscriptionId"
    )
    outbox = broker.store.outbox
    act = outbox.replay if replaying else outbox.discard
    seq = form.get("seq", "")
    seqs = [int(seq)] if seq.isascii() and seq.isdigit() and len(seq) < 19 else None
    count = await act(tenant, stored.sid, seqs)
    what = "replayed" if replaying else "discarded"
    back = {"tenant": tenant, "lang": form.get("lang", ""), "done": f"{what}-{count}"}
    query = urlencode({name: value for name, value in back.items() if value})
    return Response(303, b"", [(b"location", f"/operator?{query}".encode())])


def _form(broker: Broker, request: Request) -> dict[str, str]:
    form = broker.forms.read(request)
    if "subscriptionId" not in form:
        raise BadRequestData(
            "The form names no subscription.",
            place="body:/subscriptionId",
            remedy="Use the buttons of /operator.",
        )
    return form


async def _card(broker: Broker, stored: StoredSubscription) -> dict[str, Any]:
    members = stored.document["members"]
    _, letters = await broker.store.outbox.dead_letters(stored.tenant, sid=stored.sid, limit=0)
    history = stored.history
    sent = "ok" if history.times_sent else "new"
    return {
        "id": stored.id,
        "name": members.get("subscriptionName") or members.get("description") or "",
        "status": status(members, broker.clock()).value,
        "health": sent if history.last_error is None else "failed",
        "uri": masked(members["notification"]["endpoint"]["uri"]),
        "history": history,
        "books": stored.books,
        "letters": letters,
    }


def _letter(letter: DeadLetter) -> dict[str, Any]:
    row = letter.row
    return {
        "subscription": letter.subscription_id,
        "seq": row.seq,
        "entity": None if row.committed is None else row.committed.change.entity_id,
        "died": letter.died_at,
        "attempts": row.attempts,
        "why": row.error or "",
    }


class _Words:
    """What the template says of times and reasons."""

    def __init__(self, lang: str, now: str) -> None:
        self._texts = TEXTS[lang]
        self._lang = lang
        self._now = now

    def span(self, seconds: float) -> str:
        """Return a length of time in words."""
        for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
            if seconds >= 2 * size:
                return self._texts[unit].format(n=int(seconds // size))
        return self._texts["s"].format(n=max(0, int(seconds)))

    def ago(self, time: str | None) -> str:
        """Return how long ago a time was."""
        if time is None:
            return self._texts["never"]
        return self._texts["ago"].format(age=self.span(seconds_between(time, self._now)))

    def why(self, words: str) -> str:
        """Return a reason in the page's language."""
        return reason(words, self._lang)


def _page_number(request: Request, pages: int) -> int:
    text = request.query.get("page", "1")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 1
    return min(max(1, number), pages)


def _done(request: Request) -> tuple[str, int] | None:
    what, _, count = request.query.get("done", "").partition("-")
    if what in ("replayed", "discarded") and count.isascii() and count.isdigit():
        return what, int(count[:9])
    return None


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("broker.api"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("operator.html")
