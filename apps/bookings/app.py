"""The bookings app over HTTP: the citizens' application, and the counter's, which stays at home."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.applications import Starlette

from apps.bookings.pages.citizen import Citizen
from apps.bookings.pages.counter import Counter
from apps.bookings.pages.site import Site
from apps.shell.application import answering, application, at_home

STATIC: Final = Path(__file__).parent / "static"


def citizens(site: Site) -> Starlette:
    """Return the application for citizens."""
    pages = Citizen(site)
    app = application("bookings", STATIC)
    for path, handler, method in (
        ("/", pages.find, "GET"),
        ("/spaces/{local}", pages.space, "GET"),
        ("/spaces/{local}/book", pages.book, "POST"),
        ("/bookings/{local}", pages.booking, "GET"),
        ("/bookings/{local}/{deed}", pages.act, "POST"),
        ("/my", pages.mine, "GET"),
        ("/my/{secret}.ics", pages.feed, "GET"),
        ("/open", pages.open, "GET"),
        ("/open", pages.switch, "POST"),
        ("/leave", pages.leave, "POST"),
        ("/my/erase", pages.erase, "POST"),
        ("/case", pages.money, "GET"),
        ("/payments/notify", pages.notify, "POST"),
    ):
        app.add_route(path, answering(handler), methods=[method])
    return app


def counter(site: Site) -> Starlette:
    """Return the application for the counter; it answers to names of this machine only."""
    pages = Counter(site)
    app = application("bookings", STATIC)
    app.add_route("/", at_home(answering(pages.page)), methods=["GET"])
    app.add_route("/act/{deed}", at_home(answering(pages.act)), methods=["POST"])
    app.add_route("/sign-in", at_home(answering(pages.enter)), methods=["GET", "POST"])
    app.add_route("/sign-out", at_home(answering(pages.entrance.leave)), methods=["POST"])
    app.add_route("/ledger.csv", at_home(answering(pages.download)), methods=["GET"])
    return app
