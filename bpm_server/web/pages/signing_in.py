"""Signing in and out."""

from __future__ import annotations

import hmac
import secrets
from ipaddress import ip_address
from typing import TYPE_CHECKING

from flask import Blueprint, request

from bpm_server.domain.demo import COMPANY
from bpm_server.kernel.errors import Forbidden, LimitExceeded, NotSignedIn
from bpm_server.services import identities
from bpm_server.web import access
from bpm_server.web.pages import answers, devices
from bpm_server.web.pages.cookies import is_secure
from bpm_server.web.pages.demo_people import demo_people
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import visitor

if TYPE_CHECKING:
    from flask import Response

pages = Blueprint("signing_in", __name__)
FORM_COOKIE = "bpm_sign_in"
"""Holds the token of the sign-in form itself: there is no session yet."""
LOOPBACK = frozenset({"localhost", "::1"})


@pages.get("/sign-in")
def form() -> Response:
    """The form; who is signed in already goes on."""
    if visitor().actor is not None:
        return answers.go_to(answers.local_path(request.args.get("next")))
    return _show()


def _show(status: int = 200, problem: str = "") -> Response:
    token = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)
    response = answers.html(
        "sign_in.html",
        status,
        problem=problem,
        token=token,
        next=answers.local_path(request.values.get("next")),
        username=request.form.get("username", "")[:200],
        demo_people=demo_people() if _is_demo() else (),
        demo_password=COMPANY.password,
    )
    response.set_cookie(FORM_COOKIE, token, httponly=True, samesite="Strict", secure=is_secure(), max_age=3600)
    return response


@pages.post("/sign-in")
def sign_in() -> Response:
    """Opens a session; the answer to a wrong name or password says neither which nor why."""
    given, expected = request.form.get("token", ""), request.cookies.get(FORM_COOKIE, "")
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        message = "Expected the sign-in form's own token, but it is missing or wrong"
        raise Forbidden(message, reason="csrf")
    username, password = request.form.get("username", "").strip()[:200], request.form.get("password", "")[:1_000]
    server = access.server()
    try:
        cookie = identities.sign_in(server, username, password, request.remote_addr or "")
    except NotSignedIn:
        return _show(401, _("The name or the password is wrong."))
    except LimitExceeded as error:
        response = _show(429, _("Too many attempts. Wait a few minutes, then try again."))
        response.headers["Retry-After"] = str(error.details.get("retry_after", 60))
        return response
    response = answers.go_to(answers.local_path(request.form.get("next")))
    response.set_cookie(
        access.SESSION_COOKIE,
        cookie,
        max_age=server.settings.session_hours * 3600,
        httponly=True,
        samesite="Lax",
        secure=is_secure(),
    )
    response.delete_cookie(FORM_COOKIE, secure=is_secure(), samesite="Strict", httponly=True)
    return devices.keep_for(response, username)


@pages.post("/sign-out")
def sign_out() -> Response:
    """Ends the session here and in all server processes."""
    access.require()
    cookie = request.cookies.get(access.SESSION_COOKIE)
    if cookie:
        identities.sign_out(access.server(), cookie)
    devices.forget_here()
    response = answers.go_to("/sign-in")
    response.delete_cookie(access.SESSION_COOKIE, secure=is_secure(), samesite="Lax", httponly=True)
    response.headers["Clear-Site-Data"] = '"storage"'
    return response


def _is_demo() -> bool:
    """Demo people are offered on a demo server that only this machine reaches."""
    settings = access.server().settings
    if not settings.demo:
        return False
    if settings.host in LOOPBACK:
        return True
    try:
        return ip_address(settings.host).is_loopback
    except ValueError:
        return False
