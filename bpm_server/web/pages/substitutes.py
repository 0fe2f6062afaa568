"""Away and substitutes: appointing them, one's own or by right, and ending them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Blueprint, request

from bpm_server.domain.substitutions import Mode, Substitution
from bpm_server.kernel.errors import BpmError, Conflict, InvalidInput, NotFound, WrongState
from bpm_server.reports import substitutes as report
from bpm_server.reports.catalogue import processes_known_to
from bpm_server.reports.names import person_names
from bpm_server.services import substitutions
from bpm_server.services.authorization import authorize
from bpm_server.web import access, problems
from bpm_server.web.pages import answers
from bpm_server.web.pages.formats import looked_at, now
from bpm_server.web.pages.substitute_words import away, field_of, lines, reason
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.typed import amount_typed, moment_typed
from bpm_server.web.pages.visitor import actor, signed_in, visitor
from bpm_server.web.pages.wording import process_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flask import Response

    from bpm_server.domain.identity import Actor
    from bpm_server.reports.organisation import SubstitutionLine

pages = Blueprint("away", __name__)
HOME = "/settings/substitutes"
RESOURCE, ACTION = "ORGANISATION", "UPDATE"
LONGEST_REASON = 4_000


@dataclass(frozen=True, slots=True)
class Given:
    """The form as it was filled in."""

    mode: str = Mode.ABSENCE
    substitute: str = ""
    begins_at: str = ""
    ends_at: str = ""
    scope: str = "all"
    processes: tuple[str, ...] = ()
    most_amount: str = ""
    reason: str = ""

    @classmethod
    def of_request(cls) -> Given:
        """What was sent."""
        form = request.form
        texts = {name: form.get(name, "").strip() for name in ("begins_at", "ends_at", "most_amount", "reason")}
        return cls(
            mode=form.get("mode", ""),
            substitute=form.get("substitute", "").strip(),
            scope=form.get("scope", ""),
            processes=tuple(form.getlist("processes")),
            **texts,
        )

    def wish(self, username: str) -> Substitution:
        """What is asked for; without a begin it begins now.

        Raises:
            InvalidInput: a field cannot be read; names it.
        """
        zone = visitor().zone
        if self.mode not in tuple(Mode):
            message = f"Expected one of {', '.join(Mode)}, but found '{self.mode[:60]}'"
            raise InvalidInput(message, field="mode")
        if len(self.reason) > LONGEST_REASON:
            message = f"Expected at most {LONGEST_REASON} characters, but found {len(self.reason)}"
            raise InvalidInput(message, field="reason")
        return Substitution(
            0,
            username,
            self.substitute or None,
            Mode(self.mode),
            moment_typed(self.begins_at, zone, "begins_at") if self.begins_at else now(),
            moment_typed(self.ends_at, zone, "ends_at") if self.ends_at else None,
            tuple(dict.fromkeys(self.processes)) if self.scope == "some" else None,
            amount_typed(self.most_amount, "most_amount") if self.most_amount else None,
        )


@pages.get(HOME)
def home() -> Response:
    """Who acts for somebody when, and for whom they act."""
    who = signed_in()
    return _page(who, _person(who), 200, Given())


def _person(who: Actor) -> str:
    """Whose page it is: the visitor's own, or by right somebody else's.

    Raises:
        Forbidden: somebody else's, and the right is missing.
        NotFound: there is nobody of that name.
    """
    username = request.values.get("for", "").strip() or who.username
    if username != who.username:
        authorize(who, RESOURCE, ACTION, username)
        if username not in report.organisation_now(access.server(), looked_at()).people:
            message = f"Expected to find user '{username}', but there is none"
            raise NotFound(message)
    return username


def _page(
    who: Actor,
    username: str,
    status: int,
    given: Given,
    *,
    refused: Mapping[str, str] | None = None,
    absences: Sequence[Substitution] = (),
) -> Response:
    server, after = access.server(), request.args.get("after") or None
    mine = report.still_open(server, now(), username=username)
    past = report.over(server, now(), username, after)
    standing_in = report.still_open(server, now(), substitute=username)
    processes = {one.id: process_name(one) for one in processes_known_to(server, who)}
    found = [*mine, *past.items, *standing_in]
    organisation = report.organisation_now(server, looked_at())
    people = {username, given.substitute, *_named(found)}
    people |= {one.substitute for one in organisation.substitutions if one.username in people}
    names = person_names(server, people)
    values = {
        "username": username,
        "name": names.get(username, username),
        "is_own": username == who.username,
        "may_for_others": who.may(RESOURCE, ACTION),
        "mine": lines(mine, organisation, names, processes, now()),
        "past": lines(past.items, organisation, names, processes, now()),
        "standing_in": lines(standing_in, organisation, names, processes, now()),
        "more": past.end if len(past.items) == report.OVER_ON_A_PAGE else None,
        "processes": sorted(processes.items(), key=lambda one: one[1]),
        "given": given,
        "zone": visitor().zone.key,
        "problems": refused or {},
        "warnings": [away(one, names) for one in absences],
    }
    return answers.html("substitutes/page.html", status, **values)


def _named(found: Sequence[SubstitutionLine]) -> set[str | None]:
    return {name for one in found for name in (one.username, one.substitute, one.created_by)}


@pages.post(HOME)
def appoint() -> Response:
    """Appoints a substitute, or notes an absence. Where the substitute is away then, it asks first."""
    who = actor()
    username, given = _person(who), Given.of_request()
    server = access.server()
    try:
        wish = given.wish(username)
        absences = report.try_out(server, wish)
        if absences and "anyway" not in request.form:
            return _page(who, username, 422, given, absences=absences)
        substitutions.appoint_substitute(
            server,
            who,
            username,
            wish.substitute,
            mode=wish.mode,
            begins_at=wish.begins_at if given.begins_at else None,
            ends_at=wish.ends_at,
            processes=wish.processes,
            most_amount=wish.most_amount,
            reason=given.reason or None,
        )
    except (InvalidInput, Conflict, NotFound) as error:
        return _page(who, username, problems.status_of(error), given, refused={field_of(error): _why(error)})
    said = _("You are away; it is noted.") if wish.mode is Mode.ABSENCE and username == who.username else _("Saved.")
    return answers.said(answers.go_to(_address(who, username)), said)


def _why(error: BpmError) -> str:
    path = error.details.get("path", ())
    return reason(error, person_names(access.server(), path))


def _address(who: Actor, username: str) -> str:
    return HOME if username == who.username else f"{HOME}?{urlencode({'for': username})}"


@pages.post(f"{HOME}/<int:key>/end")
def end(key: int) -> Response:
    """Ends one now, or before it begins."""
    who = actor()
    back = answers.local_path(request.form.get("next") or HOME)
    try:
        substitutions.withdraw_substitute(access.server(), who, key)
    except WrongState:
        return answers.said(answers.go_to(back), _("It is over already."), tone="bad")
    return answers.said(answers.go_to(back), _("It is ended."))


def my_absence() -> dict[str, Any] | None:
    """What the banner says to somebody who is away."""
    who = visitor().actor
    found = None if who is None else report.own_absence(access.server(), who, looked_at())
    if found is None:
        return None
    one, name = found
    return {"key": one.key, "ends_at": one.ends_at, "who": name, "is_partial": one.processes is not None}
