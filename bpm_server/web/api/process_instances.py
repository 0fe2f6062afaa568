"""``/v2/process-instances``: runs of processes."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from bpm_server.kernel.errors import InvalidInput, TimedOut, Unavailable, WrongState
from bpm_server.reports import process_instances as report
from bpm_server.services import deletion, idempotency, process_instances
from bpm_server.services.process_instances import Started
from bpm_server.web import parking
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import (
    MAX_KEY,
    Body,
    Data,
    Flag,
    Key,
    Many,
    Moment,
    Names,
    Number,
    Reply,
    Text,
    Word,
    shown,
)
from bpm_server.web.api.searching import Filter, SearchTable
from bpm_server.web.api.tenants import Tenant, TheTenant

api = ApiBlueprint("process-instances", tag="Process instance")
STATES = ("ACTIVE", "COMPLETED", "TERMINATED", "SUSPENDED")
ELEMENT_STATES = ("ACTIVE", "COMPLETED", "TERMINATED")
MAX_TAGS = 10
DEFAULT_WAIT_S = 10.0
LONGEST_WAIT_S = 300.0
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_\-:.]{0,99}")


class ProcessInstanceResult(Reply):
    """A process instance."""

    process_instance_key = Key(of="key")
    process_definition_key = Key()
    process_definition_id = Text(of="process_id")
    process_definition_name = Text(of="process_name", null=True)
    process_definition_version = Number(of="version")
    process_definition_version_tag = Text(of="version_tag", null=True)
    state = Word(STATES)
    start_date = Moment(of="started_at")
    end_date = Moment(of="ended_at", null=True)
    suspended_date = Moment(of="suspended_at", null=True)
    has_incident = Flag()
    parent_process_instance_key = Key(of="parent_key", null=True)
    parent_element_instance_key = Key(of="parent_element_key", null=True)
    root_process_instance_key = Key(of="root_key")
    business_id = Text(of="business_key", null=True)
    tags = Names()
    tenant_id = TheTenant()


class Tags(Names):
    """Words on an instance."""

    def read(self, value: Any) -> list[str]:
        found = super().read(value)
        for tag in found:
            if not _TAG.fullmatch(tag):
                message = f"Expected tags of a letter and up to 99 letters, digits, _ - : ., but found {shown(tag)}"
                raise InvalidInput(message)
        return list(dict.fromkeys(found))


class StartInstruction(Body):
    """An element to start at instead of a start event."""

    element_id = Text(required=True)


class RuntimeInstruction(Body):
    """What happens to the instance when an element has ended."""

    type = Word(("TERMINATE_PROCESS_INSTANCE",), load_default="TERMINATE_PROCESS_INSTANCE")
    after_element_id = Text(required=True)


class ProcessInstanceCreation(Body):
    """Which process starts, and with what."""

    process_definition_id = Text()
    process_definition_key = Key()
    process_definition_version = Number(load_default=-1)
    process_definition_version_tag = Text()
    variables = Data(null=True, load_default=None)
    tenant_id = Tenant()
    operation_reference = Number(least=1, most=MAX_KEY, null=True)
    start_instructions = Many(StartInstruction, null=True, load_default=None)
    runtime_instructions = Many(RuntimeInstruction, null=True, load_default=None)
    await_completion = Flag(null=True, load_default=False)
    fetch_variables = Names(null=True, load_default=None)
    request_timeout = Number(most=2**53, null=True, load_default=0)
    tags = Tags(most=MAX_TAGS, null=True, load_default=None)
    business_id = Text(longest=256, null=True, load_default=None)


class BusinessId(Body):
    """The company's own id of the case."""

    business_id = Text(longest=256, required=True)


class CreateProcessInstanceResult(Reply):
    """The new instance; ``variables`` where its completion was awaited."""

    process_instance_key = Key(of="key")
    process_definition_key = Key()
    process_definition_id = Text(of="process_id")
    process_definition_version = Number(of="version")
    variables = Data()
    tags = Names()
    business_id = Text(null=True)
    tenant_id = TheTenant()


FILTERS: dict[str, str | Filter] = {
    "processInstanceKey": "key",
    "processDefinitionId": "process_id",
    "processDefinitionName": "process_name",
    "processDefinitionVersion": "version",
    "processDefinitionVersionTag": "version_tag",
    "processDefinitionKey": "process_definition_key",
    "startDate": "started_at",
    "endDate": "ended_at",
    "state": Filter("state", STATES),
    "hasIncident": "has_incident",
    "suspendedDate": "suspended_at",
    "variables": "variables",
    "parentProcessInstanceKey": "parent_key",
    "parentElementInstanceKey": "parent_element_key",
    "errorMessage": "incident_message",
    "hasRetriesLeft": "has_retries_left",
    "elementInstanceState": Filter("element_state", ELEMENT_STATES),
    "elementId": "element_id",
    "hasElementInstanceIncident": "has_element_incident",
    "tags": "tags",
    "businessId": "business_key",
    "batchOperationKey": "batch_operation_key",
    "batchOperationId": "batch_operation_key",
}
SEARCH = SearchTable(
    report.SEARCH,
    ProcessInstanceResult,
    FILTERS,
    sorts=(
        "businessId",
        "endDate",
        "hasIncident",
        "parentElementInstanceKey",
        "parentProcessInstanceKey",
        "processDefinitionId",
        "processDefinitionKey",
        "processDefinitionName",
        "processDefinitionVersion",
        "processDefinitionVersionTag",
        "processInstanceKey",
        "startDate",
        "state",
        "suspendedDate",
    ),
    alternatives=True,
    refused={
        "incidentErrorHashCode": "incidents are found by errorMessage",
    },
)
api.search("/process-instances/search", "searchProcessInstances", SEARCH)


@api.operation("GET", "/process-instances/{processInstanceKey}", "getProcessInstance", gives=ProcessInstanceResult)
def get_process_instance(call: Call, key: int) -> report.InstanceLine:
    """Read a process instance."""
    with call.server.database.read() as connection:
        return report.SEARCH.get(connection, call.actor, key)


@api.operation(
    "POST",
    "/process-instances",
    "createProcessInstance",
    takes=ProcessInstanceCreation,
    gives=CreateProcessInstanceResult,
    body_required=True,
    begins_work=True,
)
def create_process_instance(call: Call) -> dict[str, Any]:
    """Start a process; with ``awaitCompletion`` the reply waits for its end and has its variables."""
    if not call.body["await_completion"]:
        return _created(call, _start(call), {})
    places = parking.of_app()
    with places.place() as taken:
        if not taken:  # before anything has started: the client may simply try again
            message = "Expected a place to wait for the instance's end, but too many requests wait already"
            raise Unavailable(message, retry_after=1)
        return _await_end(call, places, Started(**idempotency.remembered(lambda: asdict(_start(call)))))


def _start(call: Call) -> Started:
    body = call.body
    return process_instances.start_process(
        call.server,
        call.actor,
        process_id=body.get("process_definition_id"),
        version=body["process_definition_version"],
        version_tag=body.get("process_definition_version_tag"),
        definition_key=body.get("process_definition_key"),
        variables=body["variables"],
        business_key=body["business_id"] or None,
        tags=body["tags"] or (),
        start_at=[one["element_id"] for one in body["start_instructions"] or ()],
        terminate_after=[one["after_element_id"] for one in body["runtime_instructions"] or ()],
    )


def _await_end(call: Call, places: parking.Parking, started: Started) -> dict[str, Any]:
    wanted_ms = call.body["request_timeout"]
    seconds = min(wanted_ms / 1000, LONGEST_WAIT_S) if wanted_ms and wanted_ms > 0 else DEFAULT_WAIT_S
    ended: report.Ended | None
    if started.result is not None:
        ended = report.Ended("COMPLETED", started.result)
    else:
        ended = places.wait(("instances",), lambda: report.find_ended(call.server, started.key), seconds)
    if ended is None:
        detail = f"Expected process instance '{started.key}' to end in {seconds:g} s, but it runs on"
        raise TimedOut(detail, processInstanceKey=str(started.key))
    if ended.state != "COMPLETED":
        message = f"Expected process instance '{started.key}' to complete, but it is {ended.state}"
        raise WrongState(message, processInstanceKey=str(started.key))
    names = call.body["fetch_variables"]
    kept = {name: value for name, value in ended.variables.items() if not names or name in names}
    return _created(call, started, kept)


def _created(call: Call, started: Started, variables: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": started.key,
        "process_definition_key": started.process_definition_key,
        "process_id": started.process_id,
        "version": started.version,
        "variables": variables,
        "tags": call.body["tags"] or [],
        "business_id": call.body["business_id"] or None,
    }


@api.operation(
    "POST", "/process-instances/{processInstanceKey}/cancellation", "cancelProcessInstance", takes=Body, status=204
)
def cancel_process_instance(call: Call, key: int) -> None:
    """Terminate a process instance and everything that it called."""
    process_instances.cancel_instance(call.server, call.actor, key)


@api.operation(
    "POST",
    "/process-instances/{processInstanceKey}/business-id-assignment",
    "assignProcessInstanceBusinessId",
    takes=BusinessId,
    status=204,
    body_required=True,
)
def assign_business_id(call: Call, key: int) -> None:
    """Give a running instance the company's own id of the case."""
    process_instances.assign_business_key(call.server, call.actor, key, call.body["business_id"])


@api.operation(
    "POST", "/process-instances/{processInstanceKey}/deletion", "deleteProcessInstance", takes=Body, status=204
)
def delete_process_instance(call: Call, key: int) -> None:
    """Delete an ended process instance, everything that it called, and their history."""
    deletion.delete_instance(call.server, call.actor, key)
