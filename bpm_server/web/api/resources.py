"""``/v2/resources``: deployed files, and deleting what was deployed."""

from __future__ import annotations

from typing import Any

from flask import Response
from werkzeug.exceptions import NotAcceptable

from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports import resources as report
from bpm_server.services import resources
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Anything, Body, Fixed, Flag, Key, Number, Reply, Text
from bpm_server.web.api.searching import SearchTable
from bpm_server.web.api.tenants import TheTenant

api = ApiBlueprint("resources", tag="Resource")


class ResourceResult(Reply):
    """A deployed file."""

    resource_key = Key(of="key")
    resource_id = Text()
    resource_name = Text(of="name")
    version = Number()
    version_tag = Text(null=True)
    tenant_id = TheTenant()


class ResourceDeletion(Body):
    """How to delete; history is always kept."""

    operation_reference = Anything(null=True)
    delete_history = Flag(null=True, load_default=False)


class DeletionResult(Reply):
    """What was deleted."""

    resource_key = Key(of="key")
    batch_operation = Fixed(None)


SEARCH = SearchTable(
    report.SEARCH,
    ResourceResult,
    {
        "resourceKey": "key",
        "resourceName": "name",
        "resourceId": "resource_id",
        "version": "version",
        "versionTag": "version_tag",
        "deploymentKey": "deployment_key",
    },
    sorts=("deploymentKey", "resourceId", "resourceKey", "resourceName", "version", "versionTag"),
)
api.search("/resources/search", "searchResources", SEARCH)


@api.operation("GET", "/resources/{resourceKey}", "getResource", gives=ResourceResult)
def get_resource(call: Call, key: int) -> report.ResourceLine:
    """Read what is known of a deployed file."""
    with call.server.database.read() as connection:
        return report.SEARCH.get(connection, call.actor, key)


@api.operation("GET", "/resources/{resourceKey}/content", "getResourceContent")
def get_resource_content(call: Call, key: int) -> Response:
    """Read a deployed file that is JSON."""
    with call.server.database.read() as connection:
        line, content = report.content(connection, call.actor, key)
    try:
        json.loads_untrusted(content)
    except InvalidInput as error:
        message = f"Expected {line.name} to be JSON, but it is not: read /content/binary"
        raise NotAcceptable(message) from error
    return Response(content, content_type="application/json")


@api.operation("GET", "/resources/{resourceKey}/content/binary", "getResourceContentBinary")
def get_resource_binary(call: Call, key: int) -> Response:
    """Read a deployed file."""
    with call.server.database.read() as connection:
        _, content = report.content(connection, call.actor, key)
    return Response(content, content_type="application/octet-stream")


@api.operation(
    "POST", "/resources/{resourceKey}/deletion", "deleteResource", takes=ResourceDeletion, gives=DeletionResult
)
def delete_resource(call: Call, key: int) -> dict[str, Any]:
    """Delete a definition: no new instances; what runs goes on."""
    if call.body["delete_history"]:
        message = "Expected history to be kept, as deleting it is not supported, but found deleteHistory"
        raise InvalidInput(message, field="deleteHistory")
    resources.delete_resource(call.server, call.actor, key)
    return {"key": key}
