"""``/api/people``: the company's directory, and a person's place in the organisation."""

from __future__ import annotations

from bpm_server.domain.organisation import SuperiorRule
from bpm_server.reports import organisation as report
from bpm_server.services import people
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.departments import NAME, Place
from bpm_server.web.api.fields import Flag, Many, Names, Reply, StrictBody, Text, Word
from bpm_server.web.api.searching import SearchTable

api = ApiBlueprint("people", prefix="/api", tag="Organisation")


class PersonResult(Reply):
    """A person with their main department."""

    username = Text()
    name = Text(null=True)
    title = Text(null=True)
    active = Flag()
    department_id = Text(null=True)
    position_id = Text(null=True)


class SuperiorResult(Reply):
    """Somebody above a person, and why: named, or head of a department."""

    username = Text()
    rule = Word(SuperiorRule)
    department_id = Text(null=True)


class PersonDetails(Reply):
    """A person's place now: departments (the main one first), what they head, the chain above them."""

    username = Text()
    name = Text(null=True)
    active = Flag()
    absent = Flag()
    substitute = Text(null=True)
    departments = Many(Place)
    heads = Names()
    superiors = Many(SuperiorResult)


class NamedSuperior(StrictBody):
    """Who is above a person; null leaves it to the heads of departments."""

    superior = Text(longest=NAME, null=True, required=True)


class Activity(StrictBody):
    """Whether a person works here."""

    active = Flag(required=True)


_FILTERS = {
    "username": "username",
    "name": "name",
    "title": "title",
    "active": "active",
    "departmentId": "department_id",
    "positionId": "position_id",
}
SEARCH = SearchTable(report.PEOPLE, PersonResult, _FILTERS, sorts=("username", "name", "title"))
api.search("/people/search", "searchPeople", SEARCH)


@api.operation("GET", "/people/{username}", "getPerson", gives=PersonDetails)
def get_person(call: Call, username: str) -> report.PersonDetails:
    """Read a person's place in the organisation."""
    with call.server.database.read() as connection:
        return report.person(call.server, connection, call.actor, username)


@api.operation(
    "PUT", "/people/{username}/superior", "nameSuperior", takes=NamedSuperior, status=204, body_required=True
)
def name_superior(call: Call, username: str) -> None:
    """Name a person's superior."""
    people.name_superior(call.server, call.actor, username, call.body["superior"])


@api.operation("PUT", "/people/{username}/activity", "setActivity", takes=Activity, status=204, body_required=True)
def set_activity(call: Call, username: str) -> None:
    """Say whether a person works here or has left."""
    people.set_activity(call.server, call.actor, username, active=call.body["active"])
