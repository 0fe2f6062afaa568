"""``/v2/cluster-variables``: values that all processes see as ``camunda.vars.env.<name>``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.kernel import json
from bpm_server.reports import cluster_variables as report
from bpm_server.services import cluster_variables
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Anything, Body, Data, Fixed, Reply, Text, Word
from bpm_server.web.api.searching import Filter, SearchTable

if TYPE_CHECKING:
    from bpm_server.store.cluster_variables import ClusterVariableRow

api = ApiBlueprint("cluster-variables", tag="Cluster Variable")
KINDS = ("JSON",)


class ClusterVariable(Reply):
    """A variable of the whole installation; ``value`` is JSON text."""

    name = Text()
    value = Text(longest=8_192)
    scope = Fixed("GLOBAL")
    tenant_id = Fixed(None)
    metadata = Data(of="remarks")
    kind = Fixed("JSON")


class ClusterVariableFound(ClusterVariable):
    """A variable in lists; values are short enough to be whole."""

    is_truncated = Fixed(False)


class ClusterVariableCreation(Body):
    """A new variable. References to secrets are not there."""

    name = Text(required=True)
    value = Anything(required=True, null=True)
    metadata = Data(null=True, load_default=None)
    kind = Word(KINDS, null=True)


class ClusterVariableUpdate(Body):
    """Another value."""

    value = Anything(required=True, null=True)
    metadata = Data(null=True, load_default=None)


SEARCH = SearchTable(
    report.SEARCH,
    ClusterVariableFound,
    {
        "name": "name",
        "value": "value",
        "scope": Filter("scope", ("GLOBAL", "TENANT")),
        "kind": Filter("kind", ("JSON", "SECRET_REFERENCE")),
        "isTruncated": "is_truncated",
    },
    sorts=("name", "value"),
    more_sorts={"scope": "name"},  # all have the same
    refused={"metadata": "metadata is stored as a whole"},
)
api.search("/cluster-variables/search", "searchClusterVariables", SEARCH)


@api.operation("GET", "/cluster-variables/global/{name}", "getGlobalClusterVariable", gives=ClusterVariable)
def get_global_cluster_variable(call: Call, name: str) -> report.ClusterVariableLine:
    """Read a cluster variable."""
    with call.server.database.read() as connection:
        return report.SEARCH.get(connection, call.actor, name)


def _written(row: ClusterVariableRow) -> dict[str, Any]:
    return {"name": row.name, "value": row.value, "remarks": json.loads(row.remarks)}


@api.operation(
    "POST",
    "/cluster-variables/global",
    "createGlobalClusterVariable",
    takes=ClusterVariableCreation,
    gives=ClusterVariable,
    body_required=True,
)
def create_global_cluster_variable(call: Call) -> dict[str, Any]:
    """Add a cluster variable."""
    body = call.body
    name, value, metadata = body["name"], body["value"], body["metadata"]
    return _written(cluster_variables.create_cluster_variable(call.server, call.actor, name, value, metadata))


@api.operation(
    "PUT",
    "/cluster-variables/global/{name}",
    "updateGlobalClusterVariable",
    takes=ClusterVariableUpdate,
    gives=ClusterVariable,
    body_required=True,
)
def update_global_cluster_variable(call: Call, name: str) -> dict[str, Any]:
    """Give a cluster variable another value."""
    body = call.body
    value, metadata = body["value"], body["metadata"]
    return _written(cluster_variables.update_cluster_variable(call.server, call.actor, name, value, metadata))


@api.operation("DELETE", "/cluster-variables/global/{name}", "deleteGlobalClusterVariable", status=204)
def delete_global_cluster_variable(call: Call, name: str) -> None:
    """Remove a cluster variable."""
    cluster_variables.delete_cluster_variable(call.server, call.actor, name)
