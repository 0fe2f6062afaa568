"""Batch operations: asking for one from the list of cases, how far each is, holding and stopping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, request

from bpm_server.domain.batch_operations import RESOURCE, Kind
from bpm_server.domain.states import BatchItemState
from bpm_server.kernel.errors import Conflict, InvalidInput
from bpm_server.reports import batch_operations as report
from bpm_server.reports import batch_targets
from bpm_server.reports.names import person_names
from bpm_server.reports.query import Condition, Order, PageOf, Query
from bpm_server.services import batch_operations as services
from bpm_server.web import access
from bpm_server.web.pages import answers
from bpm_server.web.pages.case_view import View
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, signed_in

if TYPE_CHECKING:
    from flask import Response

    from bpm_server.domain.identity import Actor
    from bpm_server.reports.query import Page

pages = Blueprint("batch_operations", __name__)
HOME = "/admin/batch-operations"
ACT = "/instances/batch/<any(cancel,retry):act>"
KINDS = {"cancel": Kind.CANCEL_PROCESS_INSTANCE, "retry": Kind.RESOLVE_INCIDENT}
PAGE = 30


# --- asking for one -------------------------------------------------------------------------------------


def allowed_acts(who: Actor) -> list[tuple[str, str, str]]:
    """What somebody may do to all cases of a list: act, icon and text."""
    acts = [("cancel", "ban", _("Cancel…")), ("retry", "refresh", _("Try stuck steps again…"))]
    return [one for one in acts if who.may(RESOURCE, "CREATE") or who.may(RESOURCE, KINDS[one[0]].permission)]


@pages.get(ACT)
def look(act: str) -> Response:
    """How many it would be, before anything is done."""
    server, who, view = access.server(), signed_in(), View.of_request()
    services.authorize_operation(who, KINDS[act])
    count = batch_targets.count(server, batch_targets.of_cases(server, who, KINDS[act], view.filter()))
    return answers.html("batch_operations/ask.html", act=act, view=view, count=count)


@pages.post(ACT)
def ask(act: str) -> Response:
    """Asks for it, and goes to where one sees how far it is."""
    server, who = access.server(), actor()
    targets = batch_targets.of_cases(server, who, KINDS[act], View.of_request().filter())
    key = services.create_operation(server, who, KINDS[act], targets)
    return answers.go_to(f"{HOME}/{key}")


# --- how far it is --------------------------------------------------------------------------------------


@pages.get(HOME)
def home() -> Response:
    """The operations that somebody may see, newest first."""
    query = Query(order=(Order("key", descending=True),), page=_page())
    with access.server().database.read() as connection:
        found = report.OPERATIONS.page(connection, signed_in(), query)
    values: dict[str, Any] = {"operations": found.items, "names": _names(found.items), "after": _more(found)}
    part = "rows" if answers.target() == "more" else "page"
    return answers.html(f"batch_operations/{part}.html", **values)


@pages.get(f"{HOME}/<int:key>")
def show(key: int) -> Response:
    """One operation: progress, and what came of its items."""
    who, state = signed_in(), request.args.get("state", "")
    with access.server().database.read() as connection:
        operation = report.OPERATIONS.get(connection, who, key)
        if answers.target() == "progress":
            return _progress(who, operation)
        conditions = [Condition("operation_key", "eq", key)]
        if state in set(BatchItemState):
            conditions.append(Condition("state", "eq", state))
        found = report.ITEMS.page(connection, who, Query(tuple(conditions), page=_page()))
    values = {"items": found.items, "after": _more(found), "state": state, **_operation(who, operation)}
    part = {"more": "item_rows", "items": "items"}.get(answers.target(), "one")
    return answers.html(f"batch_operations/{part}.html", **values)


def _progress(who: Actor, operation: report.OperationLine) -> Response:
    """The part that asks again every few seconds; when all is done, the list below it is read anew, too."""
    if not operation.is_unfinished:
        return answers.go_to(f"{HOME}/{operation.key}")
    return answers.html("batch_operations/progress.html", **_operation(who, operation))


def _operation(who: Actor, operation: report.OperationLine) -> dict[str, Any]:
    may_change = who.may(RESOURCE, "UPDATE")
    return {"operation": operation, "names": _names([operation]), "may_change": may_change}


def _names(operations: list[report.OperationLine]) -> dict[str, str]:
    return person_names(access.server(), [one.asker for one in operations])


def _page() -> PageOf:
    return PageOf(limit=PAGE, after=request.args.get("after", "")[:300] or None)


def _more(found: Page[Any]) -> str:
    return (found.end or "") if len(found.items) == PAGE else ""


@pages.post(f"{HOME}/<int:key>")
def change(key: int) -> Response:
    """Holds an operation, lets it go on, or stops it for good."""
    who, act = actor(), request.form.get("act")
    acts = {
        "suspend": (services.suspend_operation, _("It is paused.")),
        "resume": (services.resume_operation, _("It goes on.")),
        "cancel": (services.cancel_operation, _("It is stopped. What was done stays done.")),
    }
    if act not in acts:
        message = f"Expected suspend, resume or cancel, but found '{act}'"
        raise InvalidInput(message)
    run, said = acts[act]
    back = answers.go_to(f"{HOME}/{key}")
    try:
        run(access.server(), who, key)
    except Conflict as error:
        return answers.said(back, error.message, tone="bad")
    return answers.said(back, said)
