"""Addresses that Camunda Modeler opens after a deployment or a start: they lead to the fitting page."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import Blueprint, request

from bpm_server.web.pages import answers
from bpm_server.web.pages.visitor import signed_in

if TYPE_CHECKING:
    from flask import Response

pages = Blueprint("deep_links", __name__)


@pages.get("/processes")
def processes() -> Response:
    """Operate's list of instances: ``?process=..&version=..&active=true&incidents=true``."""
    signed_in()
    given = request.args
    states = [name for name in ("active", "incidents", "completed", "canceled") if given.get(name) == "true"]
    state = {"incidents": "incidents", "completed": "completed", "canceled": "terminated"}.get(
        states[0] if len(states) == 1 else "", ""
    )
    if states in (["active"], ["active", "incidents"]):
        state = "active"
    values = {"process": given.get("process", ""), "version": given.get("version", ""), "state": state}
    text = urlencode({name: value for name, value in values.items() if value and value != "all"})
    return answers.go_to(f"/instances?{text}" if text else "/instances", status=302)


@pages.get("/processes/<int:key>")
def process(key: int) -> Response:
    """Operate's page of an instance."""
    return answers.go_to(f"/instances/{key}", status=302)


@pages.get("/decisions")
@pages.get("/decisions/<path:rest>")
def decisions(rest: str = "") -> Response:
    """Operate's list of decisions; what was decided is told in the timeline of each case."""
    del rest
    return answers.go_to("/instances", status=302)


@pages.get("/cockpit/")
@pages.get("/cockpit/<path:rest>")
def cockpit(rest: str = "") -> Response:
    """Camunda 7's Cockpit: what it should show stands behind a ``#``, which browsers keep to themselves."""
    del rest
    return answers.go_to("/instances", status=302)
