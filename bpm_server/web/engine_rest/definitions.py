"""``/deployment`` and ``/process-definition``: what can be started, in Camunda 7's words."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from flask import request

from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, NotFound
from bpm_server.reports import deployments as deployment_report
from bpm_server.reports import forms
from bpm_server.reports import process_definitions as report
from bpm_server.reports.query import Condition, Query
from bpm_server.services import deployments, process_instances
from bpm_server.web.api.fields import Body, Flag, Text, read_text
from bpm_server.web.engine_rest import listing
from bpm_server.web.engine_rest.blueprint import EngineBlueprint
from bpm_server.web.engine_rest.listing import Filter, Listing
from bpm_server.web.engine_rest.values import Variables, definition_id, moment, read_definition_key, read_key, typed_all
from bpm_server.web.engine_rest.variables import of_scope

if TYPE_CHECKING:
    from bpm_server.services.deploying import Deployed
    from bpm_server.services.process_instances import Started
    from bpm_server.web.api.blueprint import Call

api = EngineBlueprint("definitions")
FORM_FIELDS = (
    "deployment-name",
    "deployment-source",
    "enable-duplicate-filtering",
    "deploy-changed-only",
    "deployment-activation-time",
    "tenant-id",
)


# --- deployments ----------------------------------------------------------------------------------------


@api.operation("POST", "/deployment/create")
def create_deployment(call: Call) -> dict[str, Any]:
    """Deploy files together: all of them, or none with every finding.

    Unchanged files keep their version, whatever ``enable-duplicate-filtering`` says.
    """
    if request.form.get("tenant-id"):
        message = "Expected a deployment without tenant-id, as there are no tenants, but found one"
        raise InvalidInput(message, field="tenant-id")
    if request.form.get("deployment-activation-time"):
        message = "Expected a deployment that is active at once, but found deployment-activation-time"
        raise InvalidInput(message, field="deployment-activation-time")
    name = read_text(request.form.get("deployment-name", "")) or None
    source = read_text(request.form.get("deployment-source", "")) or None
    found = deployments.deploy(call.server, call.actor, _uploads(), name=name, source=source)
    with call.server.database.read() as connection:
        line = deployment_report.SEARCH.get(connection, call.actor, found.key)
    processes = {one["id"]: one for one in map(_deployed, found.definitions) if one is not None}
    return {
        **_deployment(line),
        "links": [],
        "deployedProcessDefinitions": processes or None,
        "deployedCaseDefinitions": None,
        "deployedDecisionDefinitions": None,
        "deployedDecisionRequirementsDefinitions": None,
    }


def _uploads() -> dict[str, bytes]:
    """The uploaded files by name; the field's name is the file's, where the file has none of its own.

    Raises:
        InvalidInput: one without a name, two of one name, or text that is no file.
    """
    unknown = sorted(set(request.form) - set(FORM_FIELDS))
    if unknown:
        message = f"Expected the fields {', '.join(FORM_FIELDS)} and files, but found text as '{unknown[0][:60]}'"
        raise InvalidInput(message, field=unknown[0][:60])
    files: dict[str, bytes] = {}
    with ExitStack() as open_files:
        uploads = list(request.files.items(multi=True))
        for _, upload in uploads:
            open_files.callback(upload.close)
        for field, upload in uploads:
            name = read_text(upload.filename or field)
            if not name or name in files:
                message = f"Expected files with different names, but found '{name}' {'twice' if name else 'for one'}"
                raise InvalidInput(message)
            files[name] = upload.read()
    return files


def _deployment(line: deployment_report.DeploymentLine) -> dict[str, Any]:
    return {
        "id": str(line.key),
        "name": line.name,
        "source": line.source,
        "deploymentTime": moment(line.deployed_at),
        "tenantId": None,
    }


def _deployed(one: Deployed) -> dict[str, Any] | None:
    """A process of a deployment; None for anything else."""
    if one.kind != "process":
        return None
    key = definition_id(one.id, one.version, one.key)
    return _definition(key, one.id, one.version, one.name, one.version_tag, one.resource_name)


DEPLOYMENTS = Listing(
    deployment_report.SEARCH,
    _deployment,
    {
        "id": Filter("key", read=listing.key),
        "name": Filter("name"),
        "nameLike": Filter("name", "like", listing.pattern),
        "source": Filter("source"),
        "before": Filter("deployed_at", "lt", listing.when),
        "after": Filter("deployed_at", "gt", listing.when),
    },
    {"id": "key", "name": "name", "deploymentTime": "deployed_at"},
)
listing.add(api, "/deployment", DEPLOYMENTS)


@api.operation("GET", "/deployment/{id}")
def get_deployment(call: Call, deployment: str) -> dict[str, Any]:
    """Read a deployment."""
    return DEPLOYMENTS.get(call, read_key(deployment, "deployment"), "deployment")


# --- process definitions --------------------------------------------------------------------------------


def _definition(
    key: str, process_id: str, version: int, name: str | None, tag: str | None, resource: str, *, startable: bool = True
) -> dict[str, Any]:
    return {
        "id": key,
        "key": process_id,
        "category": None,
        "description": None,
        "name": name,
        "version": version,
        "versionTag": tag,
        "resource": resource,
        "deploymentId": None,
        "diagram": None,
        "suspended": False,
        "tenantId": None,
        "historyTimeToLive": None,
        "startableInTasklist": startable,
    }


def _line(row: report.ProcessLine) -> dict[str, Any]:
    key = definition_id(row.process_id, row.version, row.key)
    return _definition(
        key, row.process_id, row.version, row.name, row.version_tag, row.resource_name, startable=row.startable
    )


DEFINITIONS = Listing(
    report.SEARCH,
    _line,
    {
        "processDefinitionId": Filter("key", read=listing.definition),
        "processDefinitionIdIn": Filter("key", "in", listing.many(listing.definition)),
        "key": Filter("process_id"),
        "keysIn": Filter("process_id", "in", listing.many(listing.text)),
        "keyLike": Filter("process_id", "like", listing.pattern),
        "name": Filter("name"),
        "nameLike": Filter("name", "like", listing.pattern),
        "version": Filter("version", read=listing.number),
        "versionTag": Filter("version_tag"),
        "latestVersion": Filter("is_latest", when=True),
        "resourceName": Filter("resource_name"),
    },
    {"id": "key", "key": "process_id", "name": "name", "version": "version", "versionTag": "version_tag"},
    narrowed=(report.PRESENT,),
)
listing.add(api, "/process-definition", DEFINITIONS)


class Start(Body):
    """With what a process starts."""

    business_key = Text(null=True, load_default=None)
    variables = Variables(null=True, load_default=None)
    with_variables_in_return = Flag(null=True, load_default=False)
    case_instance_id = Text(null=True)
    start_instructions = listing.Refused(null=True)


@api.operation("GET", "/process-definition/{id}")
def get_definition(call: Call, definition: str) -> dict[str, Any]:
    """Read a process definition."""
    return DEFINITIONS.get(call, read_definition_key(definition), "process definition")


@api.operation("GET", "/process-definition/key/{key}")
def get_latest_definition(call: Call, process_id: str) -> dict[str, Any]:
    """Read the latest version of a process."""
    return _line(_latest(call, process_id))


@api.operation("GET", "/process-definition/{id}/xml")
def get_xml(call: Call, definition: str) -> dict[str, Any]:
    """The diagram of a process definition, as it was deployed."""
    return _xml(call, read_definition_key(definition), definition)


@api.operation("GET", "/process-definition/key/{key}/xml")
def get_latest_xml(call: Call, process_id: str) -> dict[str, Any]:
    """The diagram of the latest version of a process."""
    row = _latest(call, process_id)
    return _xml(call, row.key, definition_id(row.process_id, row.version, row.key))


def _xml(call: Call, key: int, wire_id: str) -> dict[str, Any]:
    with call.server.database.read() as connection:
        data = report.diagram(connection, call.actor, key)
    return {"id": wire_id, "bpmn20Xml": data.decode("utf-8", "replace")}


def _latest(call: Call, process_id: str) -> report.ProcessLine:
    query = Query((Condition("process_id", "eq", read_text(process_id)), Condition("is_latest", "eq", True)))
    with call.server.database.read() as connection:
        found = report.SEARCH.page(connection, call.actor, query, report.PRESENT).items
    if not found:
        message = f"Expected process '{process_id[:60]}' to be deployed, but found none"
        raise NotFound(message)
    return found[0]


@api.operation("POST", "/process-definition/{id}/start", takes=Start, begins_work=True)
def start_definition(call: Call, definition: str) -> dict[str, Any]:
    """Start a version of a process."""
    return _start(call, definition_key=read_definition_key(definition))


@api.operation("POST", "/process-definition/key/{key}/start", takes=Start, begins_work=True)
def start_latest(call: Call, process_id: str) -> dict[str, Any]:
    """Start the latest version of a process."""
    return _start(call, process_id=read_text(process_id))


def _start(call: Call, **which: Any) -> dict[str, Any]:
    body = call.body
    started = process_instances.start_process(
        call.server, call.actor, variables=body["variables"], business_key=body["business_key"] or None, **which
    )
    reply = _started(started, body["business_key"])
    if body["with_variables_in_return"]:
        found = of_scope(call, started.key) if started.result is None else typed_all(started.result)
        reply["variables"] = found
    return reply


def _started(started: Started, business_key: str | None) -> dict[str, Any]:
    return {
        "links": [],
        "id": str(started.key),
        "definitionId": definition_id(started.process_id, started.version, started.process_definition_key),
        "definitionKey": started.process_id,
        "businessKey": business_key,
        "caseInstanceId": None,
        "ended": started.result is not None,
        "suspended": False,
        "tenantId": None,
    }


@api.operation("GET", "/process-definition/{id}/deployed-start-form")
def get_start_form(call: Call, definition: str) -> Any:
    """The form-js schema of a process's start form."""
    key = read_definition_key(definition)
    with call.server.database.read() as connection:
        found = forms.of_start(call.server, connection, call.actor, key)
    if found is None:
        message = f"Expected process definition '{definition[:60]}' to have a deployed start form, but it has none"
        raise NotFound(message)
    return json.loads(found.schema)
