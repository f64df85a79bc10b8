"""The page of keys and locks within the staff application: who is there, and sealed forms.

It is read by the app's own key, so whoever may do nothing there does not see it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from apps.keys.page import DEEDS, EMERGENCY, KeysPage, Told
from apps.shell.entrance import Person
from apps.shell.forms import SESSION
from apps.shell.refused import FormRefused
from apps.staff.forms import staff_number
from broker.client import ClientError

if TYPE_CHECKING:
    from apps.staff.app import Staff


async def show_keys(request: Request) -> Response:
    """Return the page."""
    desk: Staff = request.app.state.staff
    try:
        person = await desk.person(request)
    except ClientError:
        return desk.entrance.form(request, "away", 503)
    return await _page(request, desk, person, Told())


async def act_on_keys(request: Request) -> Response:
    """Do what a form asks for, and show the page with what became of it."""
    desk: Staff = request.app.state.staff
    try:
        person = await desk.person(request)
    except ClientError:
        return desk.entrance.form(request, "away", 503)
    try:
        told = await _act(request, desk, person)
    except FormRefused as refusal:
        told = Told(str(refusal), 403)
    return await _page(request, desk, person, told)


async def _act(request: Request, desk: Staff, person: Person | None) -> Told:
    fields = await desk.seal.read(request)
    deed = request.path_params["deed"]
    if deed not in DEEDS:
        raise FormRefused("bad_form")
    if person is None:
        by = staff_number(fields)
    elif not person.has(*DEEDS[deed].roles):
        raise FormRefused("not_yours")
    else:
        by = person.user
    keys: KeysPage = request.app.state.keys
    return await keys.act(deed, fields, by)


async def _page(request: Request, desk: Staff, person: Person | None, told: Told) -> Response:
    if person is not None and not person.has(*EMERGENCY):
        return desk.entrance.form(request, "not_here", 403)
    keys: KeysPage = request.app.state.keys
    cookie = desk.seal.cookie(request)
    token = desk.seal.token(cookie, request.cookies.get(SESSION, ""))
    answer = await keys.show(request, told, person=person, token=token)
    desk.seal.give(request, answer, cookie)
    return answer
