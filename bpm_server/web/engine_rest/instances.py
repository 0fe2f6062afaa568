"""``/process-instance``, ``/message`` and ``/signal``: what runs, and what it waits for, in Camunda 7's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.reports import process_instances as report
from bpm_server.reports.query import Condition
from bpm_server.services import correlation, messages, process_instances
from bpm_server.web.api.fields import Body, Flag, Text, read_text
from bpm_server.web.engine_rest import activities, listing, variables
from bpm_server.web.engine_rest.blueprint import EngineBlueprint
from bpm_server.web.engine_rest.listing import Filter, Listing, VariableFilter
from bpm_server.web.engine_rest.values import Variables, definition_id, read_key
from bpm_server.web.engine_rest.variables import Changes, OneVariable
from bpm_server.web.json_provider import reply

if TYPE_CHECKING:
    from flask import Response

    from bpm_server.web.api.blueprint import Call

api = EngineBlueprint("instances")


def _line(row: report.InstanceLine) -> dict[str, Any]:
    return {
        "links": [],
        "id": str(row.key),
        "definitionId": definition_id(row.process_id, row.version, row.process_definition_key),
        "definitionKey": row.process_id,
        "businessKey": row.business_key,
        "caseInstanceId": None,
        "ended": row.ended_at is not None,
        "suspended": row.state == "SUSPENDED",
        "tenantId": None,
    }


LISTING = Listing(
    report.SEARCH,
    _line,
    {
        "processInstanceIds": Filter("key", "in", listing.many(listing.key)),
        "businessKey": Filter("business_key"),
        "businessKeyLike": Filter("business_key", "like", listing.pattern),
        "processDefinitionId": Filter("process_definition_key", read=listing.definition),
        "processDefinitionKey": Filter("process_id"),
        "processDefinitionKeyIn": Filter("process_id", "in", listing.many(listing.text)),
        "superProcessInstance": Filter("parent_key", read=listing.key),
        "rootProcessInstances": Filter("parent_key", "exists", when=False),
        "withIncident": Filter("has_incident", when=True),
        "incidentMessage": Filter("incident_message"),
        "incidentMessageLike": Filter("incident_message", "like", listing.pattern),
        "suspended": Filter("state", when="SUSPENDED"),
        "variables": VariableFilter("variables"),
    },
    {
        "instanceId": "key",
        "definitionId": "process_definition_key",
        "definitionKey": "process_id",
        "businessKey": "business_key",
    },
    always=(Condition("state", "in", ("ACTIVE", "SUSPENDED")),),
)
listing.add(api, "/process-instance", LISTING)


class Message(Body):
    """A message that somebody must be waiting for."""

    message_name = Text(required=True)
    business_key = Text(null=True, load_default=None)
    process_instance_id = Text(null=True, load_default=None)
    correlation_keys = Variables(null=True, load_default=None)
    local_correlation_keys = listing.Refused(null=True)
    process_variables = Variables(null=True, load_default=None)
    process_variables_local = listing.Refused(null=True)
    process_definition_id = listing.Refused(null=True)
    all = Flag(null=True, load_default=False)
    result_enabled = Flag(null=True, load_default=False)
    tenant_id = listing.Refused(null=True)


class Signal(Body):
    """A signal for everybody who waits for it."""

    name = Text(required=True)
    variables = Variables(null=True, load_default=None)
    execution_id = listing.Refused(null=True)
    tenant_id = listing.Refused(null=True)
    without_tenant_id = Flag(null=True)


@api.operation("GET", "/process-instance/{id}")
def get_instance(call: Call, instance: str) -> dict[str, Any]:
    """Read a running instance."""
    return LISTING.get(call, _key(instance), "process instance")


@api.operation("DELETE", "/process-instance/{id}")
def delete_instance(call: Call, instance: str) -> None:
    """Cancel a running instance and everything that it called."""
    process_instances.cancel_instance(call.server, call.actor, _key(instance))


@api.operation("GET", "/process-instance/{id}/activity-instances")
def get_activity_instances(call: Call, instance: str) -> dict[str, Any]:
    """Where a running instance stands."""
    return activities.tree(call, get_instance(call, instance))


@api.operation("GET", "/process-instance/{id}/variables")
def get_variables(call: Call, instance: str) -> dict[str, Any]:
    """The variables of a running instance."""
    get_instance(call, instance)
    return variables.of_scope(call, _key(instance))


@api.operation("GET", "/process-instance/{id}/variables/{name}")
def get_variable(call: Call, instance: str, name: str) -> dict[str, Any]:
    """One variable of a running instance."""
    get_instance(call, instance)
    found = variables.of_scope(call, _key(instance), read_text(name))
    return variables.the_one(found, name, f"process instance '{instance[:60]}'")


@api.operation("PUT", "/process-instance/{id}/variables/{name}", takes=OneVariable)
def put_variable(call: Call, instance: str, name: str) -> None:
    """Set one variable of a running instance."""
    variables.set_one(call, _key(instance), name)


@api.operation("POST", "/process-instance/{id}/variables", takes=Changes)
def change_variables(call: Call, instance: str) -> None:
    """Set variables of a running instance."""
    variables.change(call, _key(instance))


# --- messages -------------------------------------------------------------------------------------------


@api.operation("POST", "/message", takes=Message, begins_work=True)
def correlate_message(call: Call) -> Response | None:
    """Hand a message to the one that fits, or with ``all`` to all that fit."""
    body = call.body
    wanted = body["process_instance_id"]
    keys = correlation.correlate(
        call.server,
        call.actor,
        body["message_name"],
        business_key=body["business_key"],
        instance_key=_key(wanted) if wanted else None,
        match=body["correlation_keys"],
        variables=body["process_variables"],
        everyone=bool(body["all"]),
    )
    if not body["result_enabled"]:
        return None
    return reply([{"resultType": "Execution", "execution": _execution(key), "processInstance": None} for key in keys])


@api.operation("POST", "/signal", takes=Signal, begins_work=True)
def throw_signal(call: Call) -> None:
    """Send a signal to everybody who waits for it; nobody is fine."""
    messages.broadcast_signal(call.server, call.actor, call.body["name"], call.body["variables"])


def _execution(key: int) -> dict[str, Any]:
    return {"id": str(key), "processInstanceId": str(key), "ended": False, "tenantId": None}


def _key(text: str) -> int:
    return read_key(text, "process instance")
