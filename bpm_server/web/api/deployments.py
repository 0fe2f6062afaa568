"""``POST /v2/deployments``: the Deploy button."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from flask import request

from bpm_server.kernel.errors import InvalidInput
from bpm_server.services import deployments
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Key, Many, Number, One, Reply, Text, read_text
from bpm_server.web.api.tenants import Tenant, TheTenant

if TYPE_CHECKING:
    from bpm_server.services.deploying import Deployed

api = ApiBlueprint("deployments", tag="Resource")


class DeployedProcess(Reply):
    """A process version."""

    process_definition_id = Text(of="id")
    process_definition_version = Number(of="version")
    resource_name = Text()
    tenant_id = TheTenant()
    process_definition_key = Key(of="key")


class DeployedDecision(Reply):
    """A decision version."""

    decision_definition_id = Text(of="id")
    version = Number()
    name = Text()
    tenant_id = TheTenant()
    decision_requirements_id = Text()
    decision_definition_key = Key(of="key")
    decision_requirements_key = Key(of="requirements_key")


class DeployedRequirements(Reply):
    """A version of a DMN file."""

    decision_requirements_id = Text(of="id")
    decision_requirements_name = Text(of="name")
    version = Number()
    resource_name = Text()
    tenant_id = TheTenant()
    decision_requirements_key = Key(of="key")


class DeployedForm(Reply):
    """A form version."""

    form_id = Text(of="id")
    version = Number()
    resource_name = Text()
    tenant_id = TheTenant()
    form_key = Key(of="key")


class DeployedResource(Reply):
    """Another file."""

    resource_id = Text(of="id")
    resource_name = Text()
    version = Number()
    tenant_id = TheTenant()
    resource_key = Key(of="key")


class DeployedEntry(Reply):
    """One thing that was deployed: one member says what, the others are null."""

    process_definition = One(DeployedProcess, null=True)
    decision_definition = One(DeployedDecision, null=True)
    decision_requirements = One(DeployedRequirements, null=True)
    form = One(DeployedForm, null=True)
    resource = One(DeployedResource, null=True)


class DeploymentResult(Reply):
    """What a deployment made; unchanged definitions keep their version."""

    deployment_key = Key()
    tenant_id = TheTenant()
    deployments = Many(DeployedEntry)


MEMBERS = {
    "process": "process_definition",
    "decision": "decision_definition",
    "requirements": "decision_requirements",
    "form": "form",
    "resource": "resource",
}
_FORM_DOC = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["resources"],
                    "properties": {
                        "resources": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "tenantId": {"type": "string"},
                    },
                }
            }
        },
    }
}


@api.operation("POST", "/deployments", "createDeployment", gives=DeploymentResult, doc=_FORM_DOC)
def create_deployment(call: Call) -> dict[str, Any]:
    """Deploy files together: all of them, or none and every finding in ``findings``."""
    files = read_uploads()
    Tenant().read(request.form.get("tenantId", ""))
    found = deployments.deploy(call.server, call.actor, files)
    requirement_ids = {one.key: one.id for one in found.definitions if one.kind == "requirements"}
    entries = [_entry(one, requirement_ids) for one in found.definitions]
    return {"deployment_key": found.key, "deployments": entries}


def read_uploads() -> dict[str, bytes]:
    """The uploaded files by name.

    Raises:
        InvalidInput: none, one without a name, or two of one name.
    """
    files: dict[str, bytes] = {}
    with ExitStack() as open_files:
        uploads = request.files.getlist("resources")
        for upload in uploads:
            open_files.callback(upload.close)
        for upload in uploads:
            name = read_text(upload.filename or "")
            if not name or name in files:
                found = f"'{name}' twice" if name else "one without"
                message = f"Expected files with different names, but found {found}"
                raise InvalidInput(message, field="resources")
            files[name] = upload.read()
    return files


def _entry(one: Deployed, requirement_ids: dict[int, str]) -> dict[str, Any]:
    entry: dict[str, Any] = dict.fromkeys(MEMBERS.values())
    entry[MEMBERS[one.kind]] = {
        "key": one.key,
        "id": one.id,
        "version": one.version,
        "name": one.name or one.id,
        "resource_name": one.resource_name,
        "requirements_key": one.requirements_key,
        "decision_requirements_id": requirement_ids.get(one.requirements_key or 0, ""),
    }
    return entry
