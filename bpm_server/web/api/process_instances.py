"""``/v2/process-instances``: runs of processes."""

from __future__ import annotations

import re
from typing import Any

from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports import process_instances as report
from bpm_server.services import process_instances
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import (
    Anything,
    Body,
    Data,
    Fixed,
    Flag,
    Key,
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
    suspended_date = Fixed(None)
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


class ProcessInstanceCreation(Body):
    """Which process starts, and with what."""

    process_definition_id = Text()
    process_definition_key = Key()
    process_definition_version = Number(load_default=-1)
    process_definition_version_tag = Text()
    variables = Data(null=True, load_default=None)
    tenant_id = Tenant()
    operation_reference = Anything(null=True)
    start_instructions = Anything(null=True)
    runtime_instructions = Anything(null=True)
    await_completion = Flag(null=True, load_default=False)
    fetch_variables = Names(null=True, load_default=None)
    request_timeout = Number(null=True, load_default=0)
    tags = Tags(most=MAX_TAGS, null=True, load_default=None)
    business_id = Text(longest=256, null=True, load_default=None)


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
        "batchOperationId": "there are no batch operations",
        "batchOperationKey": "there are no batch operations",
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
)
def create_process_instance(call: Call) -> dict[str, Any]:
    """Start a process."""
    body = call.body
    started = process_instances.start_process(
        call.server,
        call.actor,
        process_id=body.get("process_definition_id"),
        version=body["process_definition_version"],
        definition_key=body.get("process_definition_key"),
        variables=body["variables"],
        business_key=body["business_id"] or None,
        tags=body["tags"] or (),
    )
    return {
        "key": started.key,
        "process_definition_key": started.process_definition_key,
        "process_id": started.process_id,
        "version": started.version,
        "variables": {},
        "tags": body["tags"] or [],
        "business_id": body["business_id"] or None,
    }


@api.operation(
    "POST", "/process-instances/{processInstanceKey}/cancellation", "cancelProcessInstance", takes=Body, status=204
)
def cancel_process_instance(call: Call, key: int) -> None:
    """Terminate a process instance and everything that it called."""
    process_instances.cancel_instance(call.server, call.actor, key)
