"""``/v2/process-definitions``: deployed processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.reports import process_definitions as report
from bpm_server.web.api.blueprint import ApiBlueprint, Call, xml
from bpm_server.web.api.fields import Flag, Key, Number, Reply, Text, Word
from bpm_server.web.api.searching import Filter, SearchTable
from bpm_server.web.api.tenants import TheTenant

if TYPE_CHECKING:
    from flask import Response

    from bpm_server.reports.query import Page, Query

api = ApiBlueprint("process-definitions", tag="Process definition")
STATES = (report.ACTIVE, report.DRAINING, report.DELETED)


class ProcessDefinitionResult(Reply):
    """A process definition."""

    process_definition_key = Key(of="key")
    process_definition_id = Text(of="process_id")
    name = Text(null=True)
    version = Number()
    version_tag = Text(null=True)
    resource_name = Text()
    has_start_form = Flag()
    state = Word(STATES)
    tenant_id = TheTenant()


SEARCH = SearchTable(
    report.SEARCH,
    ProcessDefinitionResult,
    {
        "processDefinitionKey": "key",
        "processDefinitionId": "process_id",
        "name": "name",
        "version": "version",
        "versionTag": "version_tag",
        "resourceName": "resource_name",
        "hasStartForm": "has_start_form",
        "isLatestVersion": "is_latest",
        "state": Filter("state", STATES),
    },
    sorts=("name", "processDefinitionId", "processDefinitionKey", "resourceName", "version", "versionTag"),
)


def _find(call: Call, query: Query) -> Page[Any]:
    """Deleted ones only where the filter asks for a state."""
    asked = any(one.field == "state" for one in query.conditions)
    with call.server.database.read() as connection:
        return report.SEARCH.page(connection, call.actor, query, *(() if asked else (report.PRESENT,)))


api.search("/process-definitions/search", "searchProcessDefinitions", SEARCH, _find)


@api.operation(
    "GET", "/process-definitions/{processDefinitionKey}", "getProcessDefinition", gives=ProcessDefinitionResult
)
def get_process_definition(call: Call, key: int) -> report.ProcessLine:
    """Read a process definition."""
    with call.server.database.read() as connection:
        return report.SEARCH.get(connection, call.actor, key)


@api.operation("GET", "/process-definitions/{processDefinitionKey}/xml", "getProcessDefinitionXML")
def get_process_definition_xml(call: Call, key: int) -> Response:
    """Read the BPMN file of a process definition."""
    with call.server.database.read() as connection:
        return xml(report.diagram(connection, call.actor, key))
