"""``/v2/messages``, ``/v2/message-subscriptions`` and ``/v2/signals``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.reports import subscriptions as report
from bpm_server.services import messages
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Body, Data, Fixed, Key, Moment, Number, Reply, Text, Word
from bpm_server.web.api.searching import Filter, SearchTable
from bpm_server.web.api.tenants import Tenant, TheTenant

if TYPE_CHECKING:
    from bpm_server.reports.query import Page, Query
    from bpm_server.services.messages import Correlated

api = ApiBlueprint("messages", tag="Message")
STATES = ("CORRELATED", "CREATED", "DELETED", "MIGRATED")
TYPES = (report.PROCESS_EVENT, report.START_EVENT)


class MessagePublication(Body):
    """A message that is kept for its time to live (milliseconds)."""

    name = Text(required=True)
    correlation_key = Text(null=True, load_default=None)
    time_to_live = Number(least=0, most=2**40, null=True, load_default=0)
    message_id = Text(null=True, load_default=None)
    variables = Data(null=True, load_default=None)
    tenant_id = Tenant()
    business_id = Text(null=True)


class MessageCorrelation(Body):
    """A message that somebody must be waiting for."""

    name = Text(required=True)
    correlation_key = Text(null=True, load_default=None)
    variables = Data(null=True, load_default=None)
    tenant_id = Tenant()
    business_id = Text(null=True)


class SignalBroadcast(Body):
    """A signal to everyone who waits for it."""

    signal_name = Text(required=True)
    variables = Data(null=True, load_default=None)
    tenant_id = Tenant()


class MessagePublicationResult(Reply):
    """A published message."""

    message_key = Key(of="key")
    tenant_id = TheTenant()


class MessageCorrelationResult(Reply):
    """Who got a message."""

    message_key = Key()
    process_instance_key = Key(of="instance_key")
    tenant_id = TheTenant()


class SignalBroadcastResult(Reply):
    """A signal on its way."""

    signal_key = Key(of="key")
    tenant_id = TheTenant()


class MessageSubscriptionResult(Reply):
    """An open wait for a message."""

    message_subscription_key = Key(of="key")
    message_subscription_state = Word(STATES, of="state")
    message_subscription_type = Word(TYPES, of="type")
    message_name = Text(of="name")
    correlation_key = Text(null=True)
    process_definition_key = Key()
    process_definition_id = Text(of="process_id")
    process_definition_name = Text(of="process_name", null=True)
    process_definition_version = Number(of="process_version")
    process_instance_key = Key(of="instance_key", null=True)
    root_process_instance_key = Key(of="root_key", null=True)
    element_id = Text()
    element_instance_key = Key(of="element_key", null=True)
    last_updated_date = Moment(of="opened_at")
    business_id = Text(of="business_key", null=True)
    tool_name = Fixed(None)
    tool_properties = Fixed({})
    inbound_connector_type = Fixed(None)
    tenant_id = TheTenant()


class CorrelatedSubscriptionResult(Reply):
    """A message that reached somebody."""

    subscription_key = Key()
    message_key = Key()
    message_name = Text(of="name")
    correlation_key = Text(null=True)
    correlation_time = Moment(of="correlated_at")
    process_definition_key = Key()
    process_definition_id = Text(of="process_id")
    process_instance_key = Key(of="instance_key")
    root_process_instance_key = Key(of="root_key")
    element_id = Text()
    element_instance_key = Fixed(None)
    business_id = Text(of="business_key", null=True)
    partition_id = Fixed(1)
    tenant_id = TheTenant()


SUBSCRIPTIONS = SearchTable(
    report.SEARCH,
    MessageSubscriptionResult,
    {
        "messageSubscriptionKey": "key",
        "messageSubscriptionState": Filter("state", STATES),
        "messageSubscriptionType": Filter("type", TYPES),
        "messageName": "name",
        "correlationKey": "correlation_key",
        "processDefinitionKey": "process_definition_key",
        "processDefinitionId": "process_id",
        "processDefinitionName": "process_name",
        "processDefinitionVersion": "process_version",
        "processInstanceKey": "instance_key",
        "elementId": "element_id",
        "elementInstanceKey": "element_key",
        "lastUpdatedDate": "opened_at",
        "businessId": "business_key",
    },
    sorts=(
        "businessId",
        "correlationKey",
        "elementId",
        "elementInstanceKey",
        "lastUpdatedDate",
        "messageName",
        "messageSubscriptionKey",
        "messageSubscriptionState",
        "messageSubscriptionType",
        "processDefinitionId",
        "processDefinitionName",
        "processDefinitionVersion",
        "processInstanceKey",
    ),
    refused={"toolName": "there are no tools", "inboundConnectorType": "there are no inbound connectors"},
)
CORRELATIONS = SearchTable(
    report.CORRELATIONS,
    CorrelatedSubscriptionResult,
    {
        "subscriptionKey": "subscription_key",
        "messageKey": "message_key",
        "messageName": "name",
        "correlationKey": "correlation_key",
        "correlationTime": "correlated_at",
        "processDefinitionKey": "process_definition_key",
        "processDefinitionId": "process_id",
        "processInstanceKey": "instance_key",
        "elementId": "element_id",
        "businessId": "business_key",
    },
    sorts=(
        "businessId",
        "correlationKey",
        "correlationTime",
        "elementId",
        "messageKey",
        "messageName",
        "processDefinitionId",
        "processDefinitionKey",
        "processInstanceKey",
        "subscriptionKey",
    ),
    refused={
        "partitionId": "there is one partition",
        "elementInstanceKey": "it is not kept; use processInstanceKey and elementId",
    },
)


def _find(call: Call, query: Query) -> Page[Any]:
    with call.server.database.read() as connection:
        return report.SEARCH.page(connection, call.actor, query, report.MESSAGES)


api.search("/message-subscriptions/search", "searchMessageSubscriptions", SUBSCRIPTIONS, _find)
api.search("/correlated-message-subscriptions/search", "searchCorrelatedMessageSubscriptions", CORRELATIONS)


@api.operation(
    "POST",
    "/messages/publication",
    "publishMessage",
    takes=MessagePublication,
    gives=MessagePublicationResult,
    body_required=True,
    begins_work=True,
)
def publish_message(call: Call) -> dict[str, int]:
    """Publish a message; whoever waits gets it, nobody is fine."""
    body = call.body
    key = messages.publish_message(
        call.server,
        call.actor,
        body["name"],
        body["correlation_key"] or "",
        body["variables"],
        body["time_to_live"] or 0,
        body["message_id"] or None,
    )
    return {"key": key}


@api.operation(
    "POST",
    "/messages/correlation",
    "correlateMessage",
    takes=MessageCorrelation,
    gives=MessageCorrelationResult,
    body_required=True,
    begins_work=True,
)
def correlate_message(call: Call) -> Correlated:
    """Hand a message to one receiver, now or not at all."""
    body = call.body
    return messages.correlate_message(
        call.server, call.actor, body["name"], body["correlation_key"] or "", body["variables"]
    )


@api.operation(
    "POST",
    "/signals/broadcast",
    "broadcastSignal",
    takes=SignalBroadcast,
    gives=SignalBroadcastResult,
    body_required=True,
    begins_work=True,
)
def broadcast_signal(call: Call) -> dict[str, int]:
    """Send a signal to everyone who waits for it; nobody is fine."""
    key = messages.broadcast_signal(call.server, call.actor, call.body["signal_name"], call.body["variables"])
    return {"key": key}
