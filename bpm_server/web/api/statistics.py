"""Figures by element, taken paths and call hierarchies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.reports import process_definitions, statistics
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Body, Data, Key, Many, Number, Reply, Text, writer
from bpm_server.web.api.process_instances import SEARCH
from bpm_server.web.api.tenants import TheTenant
from bpm_server.web.json_provider import reply

if TYPE_CHECKING:
    from flask import Response

api = ApiBlueprint("statistics", tag="Statistics")


class ElementFigures(Reply):
    """How often an element ran."""

    element_id = Text()
    active = Number()
    canceled = Number()
    incidents = Number()
    completed = Number()


class Figures(Reply):
    """Figures of all elements that ran."""

    items = Many(ElementFigures)


class WaitingFigures(Reply):
    """How many runs of an element wait."""

    element_id = Text()
    waiting_count = Number(of="waiting")


class WaitFigures(Reply):
    """All elements where something waits."""

    items = Many(WaitingFigures)


class SequenceFlow(Reply):
    """A sequence flow that was taken."""

    sequence_flow_id = Text()
    element_id = Text(of="flow_id")
    process_instance_key = Key(of="key")
    root_process_instance_key = Key(of="root_key")
    process_definition_key = Key()
    process_definition_id = Text(of="process_id")
    tenant_id = TheTenant()


class SequenceFlows(Reply):
    """The sequence flows that were taken."""

    items = Many(SequenceFlow)


class Caller(Reply):
    """An instance in a call hierarchy."""

    process_instance_key = Key(of="key")
    process_definition_key = Key()
    process_definition_name = Text(of="name")


class FigureFilter(Body):
    """Which instances count: the filter of the search for process instances."""

    filter = Data(null=True)


@api.operation(
    "GET",
    "/process-instances/{processInstanceKey}/statistics/element-instances",
    "getProcessInstanceStatistics",
    gives=Figures,
)
def get_instance_figures(call: Call, key: int) -> dict[str, Any]:
    """How often each element of an instance ran."""
    with call.server.database.read() as connection:
        return {"items": statistics.of_instance(connection, call.actor, key)}


@api.operation(
    "GET",
    "/process-instances/{processInstanceKey}/statistics/wait-states",
    "getProcessInstanceWaitStateStatistics",
    gives=WaitFigures,
)
def get_waiting_figures(call: Call, key: int) -> dict[str, Any]:
    """Where an instance waits."""
    with call.server.database.read() as connection:
        return {"items": statistics.waiting(connection, call.actor, key)}


@api.operation(
    "POST",
    "/process-definitions/{processDefinitionKey}/statistics/element-instances",
    "getProcessDefinitionStatistics",
    takes=FigureFilter,
    gives=Figures,
)
def get_definition_figures(call: Call, key: int) -> dict[str, Any]:
    """How often each element ran, over the instances of a definition."""
    query = SEARCH.query({"filter": call.body.get("filter")})
    with call.server.database.read() as connection:
        process_definitions.SEARCH.get(connection, call.actor, key)
        return {"items": statistics.of_definition(connection, call.actor, key, query)}


@api.operation(
    "GET",
    "/process-instances/{processInstanceKey}/sequence-flows",
    "getProcessInstanceSequenceFlows",
    gives=SequenceFlows,
)
def get_sequence_flows(call: Call, key: int) -> dict[str, Any]:
    """The sequence flows that an instance took."""
    with call.server.database.read() as connection:
        found = statistics.taken_flows(connection, call.actor, key)
    return {
        "items": [
            {
                "sequence_flow_id": f"{one.instance.key}_{one.flow_id}",
                "flow_id": one.flow_id,
                "key": one.instance.key,
                "root_key": one.instance.root_key,
                "process_definition_key": one.instance.process_definition_key,
                "process_id": one.instance.process_id,
            }
            for one in found
        ]
    }


@api.operation("GET", "/process-instances/{processInstanceKey}/call-hierarchy", "getProcessInstanceCallHierarchy")
def get_call_hierarchy(call: Call, key: int) -> Response:
    """An instance and those that called it, outermost first."""
    with call.server.database.read() as connection:
        found = statistics.callers(connection, call.actor, key)
    write = writer(Caller)
    return reply(
        [
            write(
                {
                    "key": one.key,
                    "process_definition_key": one.process_definition_key,
                    "name": one.process_name or one.process_id,
                }
            )
            for one in found
        ]
    )
