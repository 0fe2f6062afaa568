"""Notifications on this device: the service worker, subscribing and unsubscribing a browser, and a person's devices.

A browser is known again by a cookie that scripts cannot read; it names its person and is sealed, so nobody can make one
for somebody else. ``push.js`` asks in it whether the browser is subscribed as it should be.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from bpm_server.domain.pushes import Subscription, device_name
from bpm_server.kernel.errors import Forbidden, InvalidInput
from bpm_server.reports import pushes as report
from bpm_server.services import push_subscriptions as pushes
from bpm_server.web import access
from bpm_server.web.json_provider import reply
from bpm_server.web.pages import answers, files
from bpm_server.web.pages.cookies import is_secure
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, visitor

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor

pages = Blueprint("devices", __name__)
COOKIE = "bpm_device"
PURPOSE = "push-device"
KEPT_S = 400 * 24 * 3600
"""As long as browsers keep a cookie."""
RENEWAL_HEADER = "X-Push-Renewal"
"""A page of another site cannot send it without being asked whether it may."""
WORKER_POLICY = "default-src 'none'; connect-src 'self'"


def are_offered() -> bool:
    """Whether the installation sends notifications to devices."""
    return bool(access.server().settings.push_contact)


@pages.get("/sw.js")
def service_worker() -> Response:
    """The service worker: at the root, so that it stands for all pages; asked for anew whenever browsers look."""
    response = files.static("app/sw.js")
    response.headers["Cache-Control"] = files.CHECKED
    response.headers["Content-Security-Policy"] = WORKER_POLICY
    return response


# --- this browser -----------------------------------------------------------------------------------------


@pages.get("/push/device")
def state() -> Response:
    """What this browser should be subscribed with.

    JSON: ``key``, the server's; ``wanted``, whether whoever is signed in wants notifications here; ``endpoint``, the
    SHA-256 of the endpoint that they go to now, or null.
    """
    _check_offered()
    who, server, cookie = visitor().actor, access.server(), request.cookies.get(COOKIE, "")
    wanted = who is not None and _owner(cookie) == who.username
    endpoint = report.endpoint_of(server, who, pushes.digest(cookie)) if who is not None and wanted else None
    response = reply({"key": pushes.public_key(server), "wanted": wanted, "endpoint": endpoint})
    response.headers["Cache-Control"] = "no-store"
    return response


@pages.post("/push/device")
def subscribe() -> Response:
    """Sends notifications here from now on."""
    _check_offered()
    who, server = actor(), access.server()
    token = server.secrets.seal_token(f"{secrets.token_hex(16)}\0{who.username}", PURPOSE)
    name = device_name(request.headers.get("User-Agent", ""))
    pushes.add_subscription(server, who, _subscription(), name, pushes.digest(token))
    forget_here()  # what the browser was known by before
    response = Response(status=204)
    response.set_cookie(COOKIE, token, max_age=KEPT_S, httponly=True, samesite="Strict", secure=is_secure())
    return response


@pages.post("/push/device/off")
def unsubscribe() -> Response:
    """Sends nothing here any more."""
    _check_offered()
    actor()
    return forget(Response(status=204))


@pages.post("/push/renewal")
def renew() -> Response:
    """The service worker has another endpoint: it may say so while nobody is signed in, by the browser's cookie alone.

    Raises:
        Forbidden: a page of another site asks.
    """
    _check_offered()
    if RENEWAL_HEADER not in request.headers:
        message = f"Expected the service worker to ask, with the header {RENEWAL_HEADER}, but it is missing"
        raise Forbidden(message)
    pushes.renew_subscription(access.server(), pushes.digest(request.cookies.get(COOKIE, "")), _subscription())
    return Response(status=204)


def _check_offered() -> None:
    if not are_offered():
        raise NotFound


def _subscription() -> Subscription:
    form = request.form
    return Subscription(*(form.get(name, "") for name in ("endpoint", "p256dh", "auth", "server_key")))


def _owner(cookie: str) -> str | None:
    """Who wanted notifications in this browser; None for nobody."""
    try:
        return access.server().secrets.open_token(cookie, PURPOSE).partition("\0")[2] if cookie else None
    except InvalidInput:
        return None


def here() -> str | None:
    """By which this browser is known; None where it has no notifications."""
    cookie = request.cookies.get(COOKIE)
    return None if not cookie else pushes.digest(cookie)


def forget_here() -> None:
    """Nothing comes here while nobody is signed in. The cookie stays: once its person is back, so are they."""
    if (device := here()) is not None:
        pushes.forget_device(access.server(), device)


def keep_for(response: Response, username: str) -> Response:
    """Nothing comes here for anybody but who has just signed in."""
    cookie = request.cookies.get(COOKIE)
    return response if not cookie or _owner(cookie) == username else forget(response)


def forget(response: Response) -> Response:
    """This browser gets nothing any more."""
    forget_here()
    response.delete_cookie(COOKIE, secure=is_secure(), samesite="Strict", httponly=True)
    return response


# --- all devices of somebody ------------------------------------------------------------------------------


def own_devices(who: Actor) -> list[report.Device]:
    """For the page of settings; nothing where nothing is sent."""
    return report.devices(access.server(), who, here()) if are_offered() else []


@pages.post("/settings/devices/<int:key>/remove")
def remove(key: int) -> Response:
    """Sends nothing to one of one's devices any more."""
    who, server = actor(), access.server()
    is_here = any(one.key == key and one.is_here for one in report.devices(server, who, here()))
    pushes.remove_subscription(server, who, key)
    response = answers.said(answers.go_to("/settings"), _("The device gets no notifications any more."))
    return forget(response) if is_here else response


@pages.post("/settings/devices/test")
def send_test() -> Response:
    """Sends a test to all of one's devices."""
    pushes.request_test(access.server(), actor())
    return answers.said(answers.go_to("/settings"), _("A test is on its way to your devices."))
