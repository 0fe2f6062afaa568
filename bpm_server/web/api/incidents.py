"""``/v2/incidents``: what stopped and needs a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.reports import elements, process_instances
from bpm_server.reports import incidents as report
from bpm_server.reports.query import Condition
from bpm_server.services import incidents
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Anything, Body, Key, Moment, Reply, Text, Value, Word
from bpm_server.web.api.searching import Filter, SearchTable
from bpm_server.web.api.tenants import TheTenant

if TYPE_CHECKING:
    from collections.abc import Callable

    from bpm_server.reports.query import Page, Query

api = ApiBlueprint("incidents", tag="Incident")
STATES = ("ACTIVE", "MIGRATED", "PENDING", "RESOLVED", "UNKNOWN")
ERROR_TYPES = (
    "AD_HOC_SUB_PROCESS_NO_RETRIES",
    "CALLED_DECISION_ERROR",
    "CALLED_ELEMENT_ERROR",
    "CONDITION_ERROR",
    "DECISION_EVALUATION_ERROR",
    "EXECUTION_LISTENER_NO_RETRIES",
    "EXTRACT_VALUE_ERROR",
    "FORM_NOT_FOUND",
    "IO_MAPPING_ERROR",
    "JOB_NO_RETRIES",
    "MESSAGE_SIZE_EXCEEDED",
    "RESOURCE_NOT_FOUND",
    "SECRET_RESOLUTION_ERROR",
    "TASK_LISTENER_NO_RETRIES",
    "UNHANDLED_ERROR_EVENT",
    "UNKNOWN",
    "UNSPECIFIED",
)
_OURS = {word: (word,) for word in ERROR_TYPES} | {"RESOURCE_NOT_FOUND": ("RESOURCE_NOT_FOUND", "HANDLER_NOT_FOUND")}
_WIRE = {ours: word for word, all_ours in _OURS.items() for ours in all_ours}


class ErrorType(Value):
    """Our kind of an incident in the contract's words."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"enum": list(ERROR_TYPES)}, **kwargs)

    def writer(self) -> Callable[[str], str]:
        return lambda kind: _WIRE.get(kind, "UNKNOWN")


class IncidentResult(Reply):
    """An incident."""

    incident_key = Key(of="key")
    process_definition_key = Key()
    process_definition_id = Text(of="process_id")
    process_instance_key = Key(of="instance_key")
    root_process_instance_key = Key(of="root_key")
    element_instance_key = Key(of="element_key")
    element_id = Text()
    error_type = ErrorType(of="kind")
    error_message = Text(of="message")
    state = Word(STATES)
    creation_time = Moment(of="created_at")
    job_key = Key(null=True)
    tenant_id = TheTenant()


class IncidentResolution(Body):
    """Nothing is needed to resolve an incident."""

    operation_reference = Anything(null=True)


SEARCH = SearchTable(
    report.SEARCH,
    IncidentResult,
    {
        "incidentKey": "key",
        "processDefinitionId": "process_id",
        "processDefinitionKey": "process_definition_key",
        "processInstanceKey": "instance_key",
        "elementInstanceKey": "element_key",
        "elementId": "element_id",
        "errorType": Filter("kind", ERROR_TYPES, _OURS),
        "errorMessage": "message",
        "creationTime": "created_at",
        "state": Filter("state", STATES),
        "jobKey": "job_key",
    },
    sorts=(
        "creationTime",
        "elementId",
        "elementInstanceKey",
        "errorType",
        "incidentKey",
        "jobKey",
        "processDefinitionId",
        "processDefinitionKey",
        "processInstanceKey",
        "state",
    ),
)
api.search("/incidents/search", "searchIncidents", SEARCH)


def _of_instance(call: Call, query: Query, key: int) -> Page[report.IncidentLine]:
    with call.server.database.read() as connection:
        process_instances.SEARCH.get(connection, call.actor, key)
        return report.SEARCH.page(connection, call.actor, query.also(Condition("instance_key", "eq", key)))


def _of_element(call: Call, query: Query, key: int) -> Page[report.IncidentLine]:
    with call.server.database.read() as connection:
        elements.SEARCH.get(connection, call.actor, key)
        return report.SEARCH.page(connection, call.actor, query.also(Condition("element_key", "eq", key)))


api.search(
    "/process-instances/{processInstanceKey}/incidents/search", "searchProcessInstanceIncidents", SEARCH, _of_instance
)
api.search(
    "/element-instances/{elementInstanceKey}/incidents/search", "searchElementInstanceIncidents", SEARCH, _of_element
)


@api.operation("GET", "/incidents/{incidentKey}", "getIncident", gives=IncidentResult)
def get_incident(call: Call, key: int) -> report.IncidentLine:
    """Read an incident."""
    with call.server.database.read() as connection:
        return report.SEARCH.get(connection, call.actor, key)


@api.operation("POST", "/incidents/{incidentKey}/resolution", "resolveIncident", takes=IncidentResolution, status=204)
def resolve_incident(call: Call, key: int) -> None:
    """Try again what failed; a job gets at least one more try."""
    incidents.resolve_incident(call.server, call.actor, key)
