"""What all pages share: the acts, the frame, forms, and the sentences for refusals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from apps.bookings.edge.holders import BadContact
from apps.kijiko.bank.deposits import BadDeposits
from apps.kijiko.bank.zengin import BadFile
from apps.kijiko.bank.zengin import Client as BankClient
from apps.kijiko.codes.dynamic import CodeRefused
from apps.kijiko.codes.emv import BadPayload
from apps.kijiko.ledger.errors import Busy, LedgerError, NotPossible, OtherRequest
from apps.kijiko.use.campaigns import Campaigns, NoGrant
from apps.kijiko.use.corrections import CorrectionRefused, Corrections
from apps.kijiko.use.figures import Figures
from apps.kijiko.use.notices import Notices
from apps.kijiko.use.numbers import NoNumber
from apps.kijiko.use.phones import PhoneRefused, Phones
from apps.kijiko.use.settlement import BatchRefused, Settlement
from apps.kijiko.use.shops import BadShop, ShopAway, Shops
from apps.kijiko.use.till import Till
from apps.kijiko.use.town import Town
from apps.shell.forms import SESSION, Seal
from apps.shell.language import language_of, words
from apps.shell.pages import templates
from apps.shell.refused import FormRefused
from broker.client import ClientError, NotFound

HERE: Final = Path(__file__).parent.parent
TEXTS: Final = words(HERE / "words")
FORGED: Final = frozenset({"other_site", "stale_form"})
YEAR: Final = 365 * 24 * 3600
BROWSER: Final = "machi-bookings"
"""The cookie that holds a browser's secret of its holder: of the bookings app, shared with it."""
SHOP_BROWSER: Final = "machi-shop"
FINANCE: Final = "staff:finance"
"""The section that runs the treasury, and the counter where the town says nothing else."""
Links: TypeAlias = tuple[tuple[str, str], ...]
"""Pages by their paths, and the words for them."""
MOST_FORM: Final = 1_000_000
_AMOUNT: Final = re.compile(r"[1-9][0-9]{0,6}")

REFUSALS: Final = (
    BadContact, BadDeposits, BadFile, BadPayload, BadShop, BatchRefused, ClientError, CodeRefused,
    CorrectionRefused, FormRefused, LedgerError, NoGrant, NoNumber, PhoneRefused, ShopAway,
)  # fmt: skip
"""What an act can be refused with; pages have a sentence for each."""


@dataclass(frozen=True, slots=True)
class Site:
    """The acts of a town. `home` is where citizens find the pages; `bank` orders transfers.

    `counter` are the roles of the section that runs the currency, and so stands at its counter.
    With `self_declared` citizens may say themselves how far they walked.
    """

    town: Town
    notices: Notices
    figures: Figures
    bank: BankClient
    home: str = ""
    consent: str = ""
    sign_in: bool = False
    counter: tuple[str, ...] = (FINANCE,)
    self_declared: bool = False
    shops: Shops = field(init=False)
    phones: Phones = field(init=False)
    till: Till = field(init=False)
    campaigns: Campaigns = field(init=False)
    corrections: Corrections = field(init=False)
    settlement: Settlement = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shops", Shops(self.town))
        object.__setattr__(self, "phones", Phones(self.town))
        object.__setattr__(self, "till", Till(self.town))
        object.__setattr__(self, "campaigns", Campaigns(self.town, self.self_declared))
        object.__setattr__(self, "corrections", Corrections(self.town))
        object.__setattr__(self, "settlement", Settlement(self.town))


class Frame:
    """Makes pages of templates: language, links, form seal, what is told."""

    def __init__(self, site: Site, links: Links, seal: Seal | None) -> None:
        self.site = site
        self.seal = seal or Seal(site.town.form_key)
        self._links = links
        self._templates: Environment = templates(HERE / "templates")

    def page(
        self, request: Request, template: str, status: int = 200, told: str = "",
        keeps_key: bool = False, links: Links | None = None, **shows: Any,
    ) -> Response:  # fmt: skip
        """Return a page; `told` is a sentence, or the key of one in the request's `told`.

        The way to the other language leaves a link's key out, but where the page `keeps_key`.
        `links` are the other pages, where not all of them are this person's.
        """
        language = language_of(request)
        t = TEXTS[language]
        asked = request.query_params.get("told", "")
        if not told and re.fullmatch(r"[a-z_]{1,30}", asked):
            told = t.get(f"told_{asked}", "")
        cookie = self.seal.cookie(request)
        html = self._templates.get_template(template).render(
            t=t, language=language, told=told, refused=status >= 400,
            token=self.seal.token(cookie, request.cookies.get(SESSION, "")),
            path=_path(request, keeps_key),
            links=tuple((to, t[key]) for to, key in (self._links if links is None else links)),
            **shows,
        )  # fmt: skip
        answer = HTMLResponse(html, status, headers={"Content-Language": language})
        self.seal.give(request, answer, cookie)
        return answer

    def remember(self, answer: Response, name: str, secret: str) -> None:
        """Let a browser keep a secret."""
        secure = self.site.home.startswith("https:")
        answer.set_cookie(name, secret, max_age=YEAR, httponly=True, samesite="lax",
                          secure=secure, path="/")  # fmt: skip

    async def holder(self, request: Request, name: str = BROWSER) -> str | None:
        """Return whose browser it is."""
        return await self.site.town.holders.of_session(request.cookies.get(name, "")[:120])


def refusal(error: Exception, t: Mapping[str, str]) -> tuple[str, int]:
    """Return the sentence and the HTTP status for what an act was refused with."""
    key, status = _reason(error)
    text = t.get(f"refused_{key}", t["refused_bad_form"])
    if isinstance(error, BadFile):
        text += f" ({error})"
    return text, status


def _reason(error: Exception) -> tuple[str, int]:
    match error:
        case BadPayload():
            known = {"bad_checksum", "other_scheme", "bad_amount", "no_payment"}
            return error.key if error.key in known else "bad_payload", 400
        case CodeRefused():
            return f"code_{error.key}", 409
        case NotPossible():
            return error.reason, 409
        case OtherRequest():
            return "other_request", 422
        case Busy():
            return "busy", 503
        case FormRefused():
            return str(error), 403 if str(error) in FORGED else 400
        case NoNumber():
            return "no_wallet", 404
        case ShopAway():
            return "away", 409
        case BadFile():
            return "bad_file", 400
        case BatchRefused() | CorrectionRefused() | NoGrant():
            return str(error), 409
        case BadContact() | BadShop() | BadDeposits() | PhoneRefused():
            return str(error), 400
        case NotFound():
            return "gone", 404
        case _:
            return "broker_away", 503


def onward(path: str, request: Request, **query: Any) -> Response:
    """Return the way to the next page after an act."""
    more = "".join(f"&{name}={quote(str(part))}" for name, part in query.items())
    mark = "&" if "?" in path else "?"
    return RedirectResponse(f"{path}{mark}lang={language_of(request)}{more}", 303)


def amount_of(fields: Mapping[str, str], name: str = "amount") -> int:
    """Return an amount of a form, in yen. Raises FormRefused."""
    given = fields.get(name, "").strip().replace(",", "")
    if not _AMOUNT.fullmatch(given):
        raise FormRefused("bad_amount")
    return int(given)


def text_of(fields: Mapping[str, str], name: str, most: int) -> str:
    """Return a text of a form. Raises FormRefused."""
    given = fields.get(name, "").strip()
    if not given or len(given) > most or not given.isprintable():
        raise FormRefused(f"bad_{name}")
    return given


def key_of_form(fields: Mapping[str, str]) -> str:
    """Return the key a form was given. Raises FormRefused."""
    key = fields.get("key", "")
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,80}", key):
        raise FormRefused("bad_form")
    return key


def _path(request: Request, keeps_key: bool) -> str:
    left = ("lang", "told") if keeps_key else ("lang", "told", "key")
    query = {k: v for k, v in request.query_params.items() if k not in left}
    path = request.url.path if request.method == "GET" else "/"
    return path + (
        "?" + "&".join(f"{quote(k)}={quote(v)}" for k, v in query.items()) if query else ""
    )
