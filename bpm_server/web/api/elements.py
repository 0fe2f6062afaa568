"""``/v2/element-instances``: what tokens reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.reports import elements as report
from bpm_server.services import process_instances
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Anything, Body, Data, Flag, Key, Moment, Reply, Text, Value, Word
from bpm_server.web.api.process_instances import ELEMENT_STATES
from bpm_server.web.api.searching import Filter, SearchTable
from bpm_server.web.api.tenants import TheTenant
from bpm_server.web.listening import await_listeners

if TYPE_CHECKING:
    from collections.abc import Callable

    from bpm_server.reports.query import Page, Query

api = ApiBlueprint("element-instances", tag="Element instance")
OUR_TYPES: dict[str, tuple[str, ...]] = {
    "AD_HOC_SUB_PROCESS": ("adHocSubProcess",),
    "AD_HOC_SUB_PROCESS_INNER_INSTANCE": ("adHocSubProcessInnerInstance",),
    "BOUNDARY_EVENT": ("boundaryEvent",),
    "BUSINESS_RULE_TASK": ("businessRuleTask",),
    "CALL_ACTIVITY": ("callActivity",),
    "END_EVENT": ("endEvent",),
    "EVENT_BASED_GATEWAY": ("eventBasedGateway",),
    "EVENT_SUB_PROCESS": ("eventSubProcess",),
    "EXCLUSIVE_GATEWAY": ("exclusiveGateway",),
    "INCLUSIVE_GATEWAY": ("inclusiveGateway",),
    "INTERMEDIATE_CATCH_EVENT": ("intermediateCatchEvent",),
    "INTERMEDIATE_THROW_EVENT": ("intermediateThrowEvent",),
    "MANUAL_TASK": ("manualTask",),
    "MULTI_INSTANCE_BODY": ("multiInstanceBody",),
    "PARALLEL_GATEWAY": ("parallelGateway",),
    "PROCESS": ("process",),
    "RECEIVE_TASK": ("receiveTask",),
    "SCRIPT_TASK": ("scriptTask",),
    "SEND_TASK": ("sendTask",),
    "SEQUENCE_FLOW": ("sequenceFlow",),
    "SERVICE_TASK": ("serviceTask",),
    "START_EVENT": ("startEvent",),
    "SUB_PROCESS": ("subProcess", "transaction"),
    "TASK": ("task",),
    "USER_TASK": ("userTask",),
    "UNKNOWN": (),
    "UNSPECIFIED": (),
}
TYPES = tuple(OUR_TYPES)
_WIRE = {ours: word for word, all_ours in OUR_TYPES.items() for ours in all_ours}


def wire_type(ours: str) -> str:
    """The type of an element in the contract's words."""
    return _WIRE.get(ours, "UNKNOWN")


class ElementType(Value):
    """Our type of an element in the contract's words."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"enum": list(TYPES)}, **kwargs)

    def writer(self) -> Callable[[str], str]:
        return wire_type


class ElementInstanceResult(Reply):
    """An element instance. ``elementName`` is its id where it has no name."""

    element_instance_key = Key(of="key")
    element_id = Text()
    element_name = Text(of="name")
    type = ElementType()
    state = Word(ELEMENT_STATES)
    start_date = Moment(of="started_at")
    end_date = Moment(of="ended_at", null=True)
    process_definition_key = Key()
    process_definition_id = Text(of="process_id")
    process_instance_key = Key(of="instance_key")
    root_process_instance_key = Key(of="root_key")
    has_incident = Flag()
    incident_key = Key(null=True)
    tenant_id = TheTenant()


class VariablesToSet(Body):
    """Variables to set."""

    variables = Data(required=True)
    local = Flag(null=True, load_default=False)
    operation_reference = Anything(null=True)


SEARCH = SearchTable(
    report.SEARCH,
    ElementInstanceResult,
    {
        "elementInstanceKey": "key",
        "processInstanceKey": "instance_key",
        "processDefinitionKey": "process_definition_key",
        "processDefinitionId": "process_id",
        "elementId": "element_id",
        "type": Filter("type", TYPES, OUR_TYPES),
        "state": Filter("state", ELEMENT_STATES),
        "startDate": "started_at",
        "endDate": "ended_at",
        "hasIncident": "has_incident",
        "incidentKey": "incident_key",
        "elementInstanceScopeKey": "scope_key",
    },
    sorts=(
        "elementId",
        "elementInstanceKey",
        "endDate",
        "incidentKey",
        "processDefinitionId",
        "processDefinitionKey",
        "processInstanceKey",
        "startDate",
        "state",
        "type",
    ),
    alternatives=True,
    refused={"elementName": "names are in the diagram; use elementId"},
)


def _find(call: Call, query: Query) -> Page[Any]:
    with call.server.database.read() as connection:
        return report.named(call.server, connection, report.SEARCH.page(connection, call.actor, query))


api.search("/element-instances/search", "searchElementInstances", SEARCH, _find)


@api.operation("GET", "/element-instances/{elementInstanceKey}", "getElementInstance", gives=ElementInstanceResult)
def get_element_instance(call: Call, key: int) -> report.ElementLine:
    """Read an element instance."""
    with call.server.database.read() as connection:
        found = report.SEARCH.get(connection, call.actor, key)
        return report.with_names(call.server, connection, [found])[0]


@api.operation(
    "PUT",
    "/element-instances/{elementInstanceKey}/variables",
    "createElementInstanceVariables",
    takes=VariablesToSet,
    status=204,
    body_required=True,
)
def create_element_instance_variables(call: Call, key: int) -> None:
    """Set variables of an active element or process instance."""
    local = bool(call.body["local"])
    await_listeners(
        key,
        lambda: process_instances.set_variables(call.server, call.actor, key, call.body["variables"], local=local),
    )
