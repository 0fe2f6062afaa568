"""``/api/substitutions``: who acts for whom, and who is away."""

from __future__ import annotations

from bpm_server.domain.substitutions import MOST_PROCESSES, Mode
from bpm_server.reports import organisation as report
from bpm_server.reports.sight import EVERYTHING
from bpm_server.services import substitutions
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.departments import NAME
from bpm_server.web.api.fields import Amount, Key, Moment, Names, Reply, StrictBody, Text, Word
from bpm_server.web.api.searching import Filter, SearchTable

api = ApiBlueprint("substitutions", prefix="/api", tag="Organisation")


class SubstitutionResult(Reply):
    """A substitution or absence; ``processes`` null: for all."""

    substitution_key = Key(of="key")
    username = Text()
    substitute = Text(null=True)
    mode = Word(Mode)
    begins_at = Moment()
    ends_at = Moment(null=True)
    processes = Names(null=True)
    most_amount = Amount(null=True)
    reason = Text(null=True)
    created_at = Moment()
    created_by = Text()
    withdrawn_at = Moment(null=True)
    withdrawn_by = Text(null=True)


class SubstitutionCreation(StrictBody):
    """A new one. Without ``beginsAt`` it begins now, without ``endsAt`` it ends when it is withdrawn."""

    username = Text(longest=NAME, null=True, load_default=None)
    substitute = Text(longest=NAME, null=True, load_default=None)
    mode = Word(Mode, load_default=Mode.ABSENCE)
    begins_at = Moment(null=True, load_default=None)
    ends_at = Moment(null=True, load_default=None)
    processes = Names(most=MOST_PROCESSES, null=True, load_default=None)
    most_amount = Amount(null=True, load_default=None)
    reason = Text(longest=4_000, null=True, load_default=None)


SEARCH = SearchTable(
    report.SUBSTITUTIONS,
    SubstitutionResult,
    {
        "substitutionKey": "key",
        "username": "username",
        "substitute": "substitute",
        "mode": Filter("mode", tuple(Mode)),
        "beginsAt": "begins_at",
        "endsAt": "ends_at",
        "createdAt": "created_at",
        "createdBy": "created_by",
        "withdrawnAt": "withdrawn_at",
    },
    sorts=("substitutionKey", "username", "beginsAt", "endsAt"),
)
api.search("/substitutions/search", "searchSubstitutions", SEARCH)


@api.operation(
    "POST",
    "/substitutions",
    "appointSubstitute",
    takes=SubstitutionCreation,
    gives=SubstitutionResult,
    status=201,
    body_required=True,
)
def appoint_substitute(call: Call) -> report.SubstitutionLine:
    """Let somebody act for a person, or note that a person is away: oneself where nobody is named."""
    values = dict(call.body)
    username = values.pop("username") or call.actor.username
    values["mode"] = Mode(values["mode"])
    key = substitutions.appoint_substitute(call.server, call.actor, username, **values)
    with call.server.database.read() as connection:
        return report.SUBSTITUTIONS.get(connection, EVERYTHING, key)


@api.operation("GET", "/substitutions/{substitutionKey}", "getSubstitution", gives=SubstitutionResult)
def get_substitution(call: Call, key: int) -> report.SubstitutionLine:
    """Read a substitution, also one that is over."""
    with call.server.database.read() as connection:
        return report.SUBSTITUTIONS.get(connection, call.actor, key)


@api.operation("POST", "/substitutions/{substitutionKey}/withdrawal", "withdrawSubstitute", status=204)
def withdraw_substitute(call: Call, key: int) -> None:
    """End a substitution or absence now."""
    substitutions.withdraw_substitute(call.server, call.actor, key)
