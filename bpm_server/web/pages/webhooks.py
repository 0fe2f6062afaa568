"""Webhooks: where they go, what was sent, what came back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Blueprint, request

from bpm_server.domain.channels import JOBS, WEBHOOKS
from bpm_server.domain.states import DeliveryState
from bpm_server.kernel.errors import BpmError, Conflict, InvalidInput
from bpm_server.reports import channels
from bpm_server.reports import webhooks as report
from bpm_server.reports.query import Condition, Order, PageOf, Query
from bpm_server.services import webhook_endpoints as endpoints
from bpm_server.services.authorization import authorize
from bpm_server.web import access
from bpm_server.web.pages import answers
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, signed_in

if TYPE_CHECKING:
    from flask import Response

    from bpm_server.domain.identity import Actor

pages = Blueprint("webhooks", __name__)
HOME = "/admin/webhooks"
PAGE = 30
MOST = 200


@pages.get(HOME)
def home() -> Response:
    """Endpoints and the log of deliveries."""
    who = signed_in()
    authorize(who, "WEBHOOK", "READ")
    values = _deliveries(who)
    if answers.target() == "more":
        return answers.html("webhooks/deliveries.html", **values)
    if answers.target() == "log":
        return answers.html("webhooks/log.html", **values)
    return answers.html("webhooks/page.html", **_endpoints(who), **values)


def _endpoints(who: Actor) -> dict[str, Any]:
    query = Query(order=(Order("name"),), page=PageOf(limit=MOST))
    with access.server().database.read() as connection:
        found = report.ENDPOINTS.page(connection, who, query).items
        failing = channels.failing(connection, who)
    return {
        "endpoints": found,
        "failing": [(one, *_partner(one.name)) for one in failing],
        "may_add": who.may("WEBHOOK", "CREATE"),
    }


def _partner(channel: str) -> tuple[str, str]:
    """Who does not answer, and through what: the endpoint; or the connector's host and the connector."""
    if channel.startswith(WEBHOOKS):
        return channel.removeprefix(WEBHOOKS), ""
    host, _slash, job_type = channel.removeprefix(JOBS).partition("/")
    return host or job_type, job_type if host else ""


def _deliveries(who: Actor) -> dict[str, Any]:
    state, endpoint, after = (request.args.get(name, "")[:300] for name in ("state", "endpoint", "after"))
    conditions = []
    if state in set(DeliveryState):
        conditions.append(Condition("state", "eq", state))
    if endpoint:
        conditions.append(Condition("endpoint_name", "eq", endpoint))
    page = PageOf(limit=PAGE, after=after or None)
    query = Query(tuple(conditions), order=(Order("key", descending=True),), page=page)
    with access.server().database.read() as connection:
        found = report.DELIVERIES.page(connection, who, query)
        attempts = report.attempts(connection, [one.key for one in found.items])
    kept = {"state": state, "endpoint": endpoint, "after": found.end or ""}
    more = urlencode({name: value for name, value in kept.items() if value}) if len(found.items) == PAGE else ""
    return {
        "deliveries": [(one, attempts.get(one.key, [])) for one in found.items],
        "more": more,
        "state": state,
        "endpoint": endpoint,
        "may_change": who.may("WEBHOOK", "UPDATE"),
    }


@pages.post(HOME)
def add() -> Response:
    """Adds an endpoint; its secret is shown once, on the reply."""
    who = actor()
    name, url = (request.form.get(field, "").strip()[:2_000] for field in ("name", "url"))
    try:
        made = endpoints.create_endpoint(access.server(), who, name, url)
    except (InvalidInput, Conflict) as error:
        return _page(422, problem=_problem(error), given={"name": name, "url": url})
    return _page(201, secret=made.secret, secret_of=name)


def _problem(error: BpmError) -> str:
    if isinstance(error, Conflict):
        return _("There is an endpoint of that name already.")
    return _("The name or the address cannot be used.") + " " + error.message


def _page(status: int, **values: Any) -> Response:
    who = signed_in()
    return answers.html("webhooks/page.html", status, **_endpoints(who), **_deliveries(who), **values)


@pages.post(f"{HOME}/<int:key>")
def change(key: int) -> Response:
    """Rotates the secret, enables, disables or tries an endpoint."""
    who, server = actor(), access.server()
    match request.form.get("act"):
        case "rotate":
            secret = endpoints.update_endpoint(server, who, key, rotate=True)
            with server.database.read() as connection:
                name = report.ENDPOINTS.get(connection, who, key).name
            return _page(200, secret=secret, secret_of=name, rotated=True)
        case "enable":
            endpoints.update_endpoint(server, who, key, enabled=True)
            said = _("The endpoint is enabled.")
        case "disable":
            endpoints.update_endpoint(server, who, key, enabled=False)
            said = _("The endpoint is disabled.")
        case "try":
            endpoints.try_endpoint(server, who, key)
            said = _("A test is on its way; the log says what came of it.")
        case other:
            message = f"Expected rotate, enable, disable or try, but found '{other}'"
            raise InvalidInput(message)
    return answers.said(answers.go_to(HOME), said)


@pages.post(f"{HOME}/deliveries/<int:key>/replay")
def replay(key: int) -> Response:
    """Sends a delivery once more."""
    endpoints.replay_delivery(access.server(), actor(), key)
    return answers.said(answers.go_to(HOME), _("It is sent once more."))
