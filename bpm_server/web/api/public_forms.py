"""``/api/public-forms``: start forms that are open to the public."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain.public_forms import LONGEST_DAYS, MOST_ORIGINS, MOST_PER_HOUR
from bpm_server.kernel import json
from bpm_server.reports import public_forms as report
from bpm_server.reports.sight import EVERYTHING
from bpm_server.services import public_forms
from bpm_server.services.public_forms import ADDRESS_PER_HOUR, TOTAL_PER_HOUR
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Key, Moment, Names, Number, Reply, StrictBody, Text
from bpm_server.web.api.searching import SearchTable

if TYPE_CHECKING:
    from bpm_server.reports.public_forms import PublicFormLine

api = ApiBlueprint("public-forms", prefix="/api", tag="Public form")


class PublicForm(Reply):
    """A public form; ``path`` is what follows the server's own address."""

    public_form_key = Key(of="key")
    path = Text()
    process_definition_id = Text(of="process_id")
    name = Text()
    address_per_hour = Number()
    total_per_hour = Number()
    created_at = Moment()
    created_by = Text()
    expires_at = Moment(null=True)
    closed_at = Moment(null=True)
    closed_by = Text(null=True)


class PublicFormWithOrigins(PublicForm):
    """A public form with the web sites that may show it in a frame."""

    origins = Names()


class PublicFormCreation(StrictBody):
    """A form to open; without ``days`` it is open until it is closed."""

    process_definition_id = Text(longest=512, required=True)
    name = Text(longest=256, required=True)
    days = Number(least=1, most=LONGEST_DAYS, null=True, load_default=None)
    origins = Names(most=MOST_ORIGINS, load_default=())
    address_per_hour = Number(least=1, most=MOST_PER_HOUR, load_default=ADDRESS_PER_HOUR)
    total_per_hour = Number(least=1, most=MOST_PER_HOUR, load_default=TOTAL_PER_HOUR)


_FILTERS = {
    "publicFormKey": "key",
    "processDefinitionId": "process_id",
    "name": "name",
    "createdAt": "created_at",
    "createdBy": "created_by",
    "expiresAt": "expires_at",
    "closedAt": "closed_at",
}
SEARCH = SearchTable(report.SEARCH, PublicForm, _FILTERS, sorts=tuple(_FILTERS))
api.search("/public-forms/search", "searchPublicForms", SEARCH)


@api.operation(
    "POST",
    "/public-forms",
    "openPublicForm",
    takes=PublicFormCreation,
    gives=PublicFormWithOrigins,
    status=201,
    body_required=True,
)
def open_public_form(call: Call) -> dict[str, Any]:
    """Open a start form to everybody who has the address."""
    body = call.body
    key = public_forms.open_public_form(
        call.server,
        call.actor,
        body["process_definition_id"],
        body["name"],
        days=body["days"],
        origins=body["origins"],
        address_per_hour=body["address_per_hour"],
        total_per_hour=body["total_per_hour"],
    )
    with call.server.database.read() as connection:
        return _values(report.SEARCH.get(connection, EVERYTHING, key))


@api.operation("GET", "/public-forms/{publicFormKey}", "getPublicForm", gives=PublicFormWithOrigins)
def get_public_form(call: Call, key: int) -> dict[str, Any]:
    """Read a public form."""
    with call.server.database.read() as connection:
        return _values(report.SEARCH.get(connection, call.actor, key))


def _values(line: PublicFormLine) -> dict[str, Any]:
    values = {name: getattr(line, name) for name in line.__slots__}
    return {**values, "path": line.path, "origins": json.loads(line.origins)}


@api.operation("POST", "/public-forms/{publicFormKey}/closing", "closePublicForm", status=204)
def close_public_form(call: Call, key: int) -> None:
    """Close a public form: its address answers 404 from now on."""
    public_forms.close_public_form(call.server, call.actor, key)
