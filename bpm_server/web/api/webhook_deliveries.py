"""``/api/webhook-deliveries``: the log of what went out."""

from __future__ import annotations

from typing import Any

from flask import request

from bpm_server.domain.states import DeliveryState
from bpm_server.reports import webhooks as report
from bpm_server.reports.query import Condition, Order, Query
from bpm_server.services import webhook_endpoints
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Key, Many, Moment, Number, Reply, Text, Word, read_key, read_text
from bpm_server.web.api.search_schemas import PAGE_PARAMETERS, page_shape, page_values, read_page_parameters
from bpm_server.web.api.webhook_endpoints import Enqueued

api = ApiBlueprint("webhook-deliveries", prefix="/api", tag="Webhook")


class Attempt(Reply):
    """One try; ``status`` is null where no answer came."""

    number = Number()
    at = Moment()
    duration_ms = Number()
    status = Number(null=True)
    answer = Text(null=True)
    error = Text(null=True)


class Delivery(Reply):
    """A delivery; ``payload`` is the exact text that is sent."""

    key = Key()
    endpoint = Text(of="endpoint_name")
    webhook_id = Text()
    event_type = Text()
    payload = Text()
    state = Word(DeliveryState)
    attempt_count = Number(of="attempts")
    attempts = Many(Attempt, of="tries")
    next_at = Moment(null=True)
    process_instance_key = Key(of="instance_key", null=True)
    element_instance_key = Key(of="element_key", null=True)
    replay_of = Key(null=True)
    created_at = Moment()
    ended_at = Moment(null=True)


FILTERS = ("endpoint", "state", "processInstanceKey", "webhookId")
_PARAMETERS = [
    {"in": "query", "name": "endpoint", "schema": {"type": "string"}},
    {"in": "query", "name": "state", "schema": {"type": "string", "enum": list(DeliveryState)}},
    {"in": "query", "name": "processInstanceKey", "schema": {"type": "string"}},
    {"in": "query", "name": "webhookId", "schema": {"type": "string"}},
    *PAGE_PARAMETERS,
]


@api.operation(
    "GET",
    "/webhook-deliveries",
    "listWebhookDeliveries",
    gives=page_shape(Delivery),
    parameters=_PARAMETERS,
)
def list_deliveries(call: Call) -> dict[str, Any]:
    """List deliveries with their attempts, newest first."""
    query = Query(tuple(_conditions()), order=(Order("key", descending=True),), page=read_page_parameters())
    with call.server.database.read() as connection:
        page = report.DELIVERIES.page(connection, call.actor, query)
        tries = report.attempts(connection, [line.key for line in page.items])
    values = page_values(page)
    values["items"] = [_values(line, tries) for line in page.items]
    return values


def _conditions() -> list[Condition]:
    args = request.args
    found = []
    if "endpoint" in args:
        found.append(Condition("endpoint_name", "eq", read_text(args["endpoint"])))
    if "state" in args:
        found.append(Condition("state", "eq", Word(DeliveryState).read(args["state"])))
    if "processInstanceKey" in args:
        found.append(Condition("instance_key", "eq", read_key(args["processInstanceKey"], "processInstanceKey")))
    if "webhookId" in args:
        found.append(Condition("webhook_id", "eq", read_text(args["webhookId"])))
    return found


def _values(line: report.DeliveryLine, tries: dict[int, list[report.AttemptLine]]) -> dict[str, Any]:
    values = {name: getattr(line, name) for name in line.__slots__}
    waits = line.state == DeliveryState.WAITING
    return {**values, "tries": tries.get(line.key, []), "next_at": line.next_at if waits else None}


@api.operation("GET", "/webhook-deliveries/{deliveryKey}", "getWebhookDelivery", gives=Delivery)
def get_delivery(call: Call, key: int) -> dict[str, Any]:
    """Read a delivery with its attempts."""
    with call.server.database.read() as connection:
        line = report.DELIVERIES.get(connection, call.actor, key)
        return _values(line, report.attempts(connection, [key]))


@api.operation("POST", "/webhook-deliveries/{deliveryKey}/replay", "replayWebhookDelivery", gives=Enqueued, status=202)
def replay_delivery(call: Call, key: int) -> dict[str, int]:
    """Send a delivery once more, with the same id and payload."""
    return {"key": webhook_endpoints.replay_delivery(call.server, call.actor, key)}
