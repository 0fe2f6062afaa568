"""``/process-instance/{id}/activity-instances``: where an instance stands, as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.reports import elements
from bpm_server.reports.query import MAX_LIMIT, Condition, PageOf, Query

if TYPE_CHECKING:
    from bpm_server.reports.elements import ElementLine
    from bpm_server.web.api.blueprint import Call


def tree(call: Call, instance: dict[str, Any]) -> dict[str, Any]:
    """The active elements of an instance inside each other; the process is the outermost.

    Args:
        call: Who asks.
        instance: As ``/process-instance/{id}`` shows it.
    """
    conditions = (Condition("instance_key", "eq", int(instance["id"])), Condition("state", "eq", "ACTIVE"))
    with call.server.database.read() as connection:
        page = elements.SEARCH.page(connection, call.actor, Query(conditions, page=PageOf(MAX_LIMIT)))
        lines = elements.with_names(call.server, connection, page.items)
    outermost = {
        **_node(instance["id"], instance, "processDefinition"),
        "activityId": instance["definitionId"],
        "activityName": None,
        "parentActivityInstanceId": None,
    }
    nodes = {int(instance["id"]): outermost}
    nodes.update((line.key, _element(line, instance)) for line in lines)
    for line in lines:
        nodes.get(line.scope_key, outermost)["childActivityInstances"].append(nodes[line.key])
    return outermost


def _element(line: ElementLine, instance: dict[str, Any]) -> dict[str, Any]:
    incidents = [] if line.incident_key is None else [str(line.incident_key)]
    return {
        **_node(str(line.key), instance, line.type),
        "parentActivityInstanceId": str(line.scope_key),
        "activityId": line.element_id,
        "activityName": None if line.name == line.element_id else line.name,
        "incidentIds": incidents,
        "incidents": [{"id": key, "activityId": line.element_id} for key in incidents],
    }


def _node(key: str, instance: dict[str, Any], kind: str) -> dict[str, Any]:
    return {
        "id": key,
        "activityType": kind,
        "processInstanceId": instance["id"],
        "processDefinitionId": instance["definitionId"],
        "childActivityInstances": [],
        "childTransitionInstances": [],
        "executionIds": [key],
        "incidentIds": [],
        "incidents": [],
    }
