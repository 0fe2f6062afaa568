"""Saved searches of the inbox: chips above the list, and the page where they are kept in order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from flask import Blueprint, request

from bpm_server.domain.inbox_filters import EVERYBODY, GROUP, Tab, check_change, may_share
from bpm_server.kernel.errors import AlreadyExists, Forbidden, InvalidInput, StaleVersion, WrongState
from bpm_server.reports import inbox_filters as report
from bpm_server.reports.catalogue import newest
from bpm_server.reports.names import group_names, person_names
from bpm_server.services import inbox_filters
from bpm_server.web import access
from bpm_server.web.pages import answers
from bpm_server.web.pages.formats import now
from bpm_server.web.pages.inbox import list_values
from bpm_server.web.pages.inbox_view import InboxView, due_choices, sort_choices
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, signed_in, visitor
from bpm_server.web.pages.wording import process_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flask import Response

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.inbox_filters import Criteria
    from bpm_server.store.inbox_filters import FilterRow

pages = Blueprint("inbox_filters", __name__)
HOME = "/inbox/filters"


@dataclass(frozen=True, slots=True)
class Line:
    """A filter in the visitor's words.

    Attributes:
        address: Where it leads.
        count: How much it finds; None where that is not counted.
        owner: Whose it is; empty for the visitor's own.
        may_change: Whether the visitor may rename or remove it.
    """

    row: FilterRow
    address: str
    count: report.Count | None
    owner: str
    shared_with: str
    may_change: bool


@pages.get(HOME)
def home() -> Response:
    """The chips, or the page of all filters with the present search to save."""
    if answers.target() == "filters":
        return _chips(InboxView.read(dict(parse_qsl(urlsplit(request.headers.get("HX-Current-URL", "")).query))))
    return _page(InboxView.of_request())


def _chips(view: InboxView, status: int = 200, *, stale: bool = False, **more: Any) -> Response:
    """The chips; where a saved filter is open and the search has been altered, with a way to update the filter."""
    who, server = signed_in(), access.server()
    found = report.filters_of(server, who).all
    counts = report.count_filters(server, who, found, now(), visitor().zone) if found else {}
    chips = _lines(who, found, counts)
    opened = next((one for one in chips if view.saved is not None and one.row.key == view.saved[0]), None)
    altered = opened is not None and opened.may_change and opened.row.criteria != view.criteria
    says = " · ".join(_says(opened.row.criteria)) if stale and opened is not None else ""
    values = {"opened": opened, "altered": altered, "stale": stale and opened is not None, "says": says}
    return answers.html("inbox/filters.html", status, chips=chips, view=view, **values, **more)


def _page(view: InboxView, problem: str = "", status: int = 200) -> Response:
    who = signed_in()
    found = report.filters_of(access.server(), who)
    values = {
        "own": _lines(who, found.own, {}),
        "shared": _lines(who, found.shared, {}),
        "audiences": _audiences(who),
        "view": view,
        "says": _says(view.criteria),
        "problem": problem,
    }
    return answers.html("inbox/filters_page.html", status, **values)


def _lines(who: Actor, rows: Sequence[FilterRow], counts: Mapping[int, report.Count]) -> list[Line]:
    people = person_names(access.server(), [row.owner for row in rows if row.owner != who.username])
    audiences = [row.shared_with or "" for row in rows]
    groups = group_names(access.server(), [one.removeprefix(GROUP) for one in audiences if one.startswith(GROUP)])
    return [
        Line(
            row,
            f"/{InboxView(row.criteria, saved=(row.key, row.version)).query()}",
            counts.get(row.key),
            people.get(row.owner, ""),
            _audience(row.shared_with, groups),
            _may_change(who, row),
        )
        for row in rows
    ]


def _may_change(who: Actor, row: FilterRow) -> bool:
    try:
        check_change(who, row.owner, row.shared_with, row.key)
    except Forbidden:
        return False
    return True


def _audience(shared_with: str | None, groups: Mapping[str, str]) -> str:
    if shared_with is None:
        return ""
    if shared_with == EVERYBODY:
        return _("Everybody")
    name = shared_with.removeprefix(GROUP)
    return groups.get(name, name)


def _audiences(who: Actor) -> list[tuple[str, str]]:
    """With whom the visitor may share: word and text."""
    groups = group_names(access.server(), sorted(who.groups))
    everybody = [(EVERYBODY, _("Everybody"))] if may_share(who, EVERYBODY) else []
    return [("", _("Only me")), *everybody, *((GROUP + name, groups.get(name, name)) for name in sorted(who.groups))]


def _says(criteria: Criteria) -> list[str]:
    """What a search says, part by part."""
    tabs = {Tab.TODO: _("To do"), Tab.DONE: _("Done"), Tab.STARTED: _("Started by me"), Tab.COPIES: _("Copied to me")}
    return [
        tabs[criteria.tab],
        *([f"“{criteria.text}”"] if criteria.text else []),
        *([_process(criteria.process_id)] if criteria.process_id else []),
        *(text for word, text in due_choices() if word and word == criteria.due),
        *(text for word, text in sort_choices() if word and word == criteria.sort),
    ]


def _process(process_id: str) -> str:
    server = access.server()
    with server.database.read() as connection:
        found = newest(server, connection, process_id)
    return process_id if found is None else process_name(found.process)


@pages.post(HOME)
def save() -> Response:
    """Keeps the search that the page was opened with."""
    who, view = actor(), InboxView.of_request()
    name, shared_with = request.form.get("name", ""), request.form.get("shared_with") or None
    return _changed(
        view,
        lambda: inbox_filters.save_filter(access.server(), who, name, view.criteria, shared_with),
        lambda key: f"/{replace(view, saved=(key, 1)).query()}",
        _("The filter is saved."),
    )


@pages.post(f"{HOME}/<int:key>/search")
def change_search(key: int) -> Response:
    """The search as it is now takes the place of the saved one, unless somebody has changed that meanwhile."""
    who, server, view = actor(), access.server(), InboxView.of_request()
    version = view.saved[1] if view.saved is not None and view.saved[0] == key else None
    stale = False
    try:
        inbox_filters.change_filter(server, who, key, criteria=view.criteria, version=version)
    except StaleVersion:
        stale = True
    present = next((row.version for row in report.filters_of(server, who).all if row.key == key), 1)
    view = replace(view, saved=(key, present))
    if not answers.is_fragment():
        text = _("Somebody else has changed the filter meanwhile.") if stale else _("The filter is changed.")
        return answers.said(answers.go_to(f"/{view.query()}"), text, "bad" if stale else "good")
    values = {**list_values(who, view), "whole": True}
    response = _chips(view, 409 if stale else 200, stale=stale, **values)
    response.headers["HX-Replace-Url"] = urlsplit(request.headers.get("HX-Current-URL", "/")).path + view.query()
    return response if stale else answers.add_events(response, {"say": {"text": _("The filter is changed.")}})


@pages.post(f"{HOME}/<int:key>/change")
def change(key: int) -> Response:
    """Another name, or others with whom it is shared."""
    who, name = actor(), request.form.get("name", "")
    shared_with = request.form.get("shared_with") or None
    return _changed(
        InboxView.of_request(),
        lambda: inbox_filters.change_filter(access.server(), who, key, name=name, shared_with=shared_with),
        lambda _key: HOME,
        _("The filter is changed."),
    )


@pages.post(f"{HOME}/<int:key>/up")
def move_up(key: int) -> Response:
    """Before the one above it."""
    inbox_filters.move_filter_up(access.server(), actor(), key)
    return answers.go_to(HOME)


@pages.post(f"{HOME}/<int:key>/delete")
def delete(key: int) -> Response:
    """Removes a filter."""
    inbox_filters.delete_filter(access.server(), actor(), key)
    return answers.said(answers.go_to(HOME), _("The filter is removed."))


def _changed(view: InboxView, act: Callable[[], Any], where: Callable[[Any], str], text: str) -> Response:
    """The next page, or this one with what is wrong."""
    try:
        done = act()
    except AlreadyExists:
        return _page(view, _("There is a filter of this name already."), 409)
    except InvalidInput:
        return _page(view, _("Please give the filter a name of at most 100 characters."), 400)
    except WrongState:
        return _page(view, _("You have as many filters as one person may have; remove one first."), 409)
    return answers.said(answers.go_to(where(done)), text)
