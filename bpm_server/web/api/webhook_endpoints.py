"""``/api/webhook-endpoints``: where webhooks go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.reports import webhooks as report
from bpm_server.reports.query import Query
from bpm_server.reports.sight import EVERYTHING
from bpm_server.services import webhook_endpoints
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Flag, Key, Moment, Number, Reply, StrictBody, Text
from bpm_server.web.api.search_schemas import PAGE_PARAMETERS, page_shape, page_values, read_page_parameters

if TYPE_CHECKING:
    from bpm_server.reports.webhooks import EndpointLine

api = ApiBlueprint("webhook-endpoints", prefix="/api", tag="Webhook")


class Endpoint(Reply):
    """An endpoint; secrets are not shown."""

    key = Key()
    name = Text()
    url = Text()
    enabled = Flag()
    created_at = Moment()
    created_by = Text(null=True)
    disabled_at = Moment(null=True)
    disabled_reason = Text(null=True)
    paused_until = Moment(null=True)
    most_per_minute = Number(null=True)


class NewEndpoint(Reply):
    """A new endpoint with its signing secret, which is shown this once."""

    key = Key()
    name = Text()
    url = Text()
    secret = Text()


class ChangedEndpoint(Endpoint):
    """An endpoint after a change; ``secret`` is shown once, where it is new."""

    secret = Text(null=True)


class EndpointCreation(StrictBody):
    """A new endpoint."""

    name = Text(longest=256, required=True)
    url = Text(longest=2_000, required=True)
    secret = Text(longest=200, null=True, load_default=None)
    most_per_minute = Number(null=True, load_default=None)


class EndpointChange(StrictBody):
    """What changes; absent members stay as they are."""

    url = Text(longest=2_000, null=True, load_default=None)
    enabled = Flag(null=True, load_default=None)
    rotate_secret = Flag(null=True, load_default=False)
    secret = Text(longest=200, null=True, load_default=None)
    most_per_minute = Number(null=True, load_default=None)


class Enqueued(Reply):
    """A delivery on its way; the log says what came of it."""

    delivery_key = Key(of="key")


@api.operation(
    "POST",
    "/webhook-endpoints",
    "createWebhookEndpoint",
    takes=EndpointCreation,
    gives=NewEndpoint,
    status=201,
    body_required=True,
)
def create_endpoint(call: Call) -> dict[str, Any]:
    """Add an endpoint, or give the one of that name a new URL and secret.

    Without a ``secret`` one is made; it is shown this once.
    """
    body = call.body
    made = webhook_endpoints.create_endpoint(
        call.server,
        call.actor,
        body["name"],
        body["url"],
        body["secret"],
        replace=True,
        most_per_minute=body["most_per_minute"],
    )
    return {"key": made.key, "name": body["name"], "url": body["url"], "secret": made.secret}


@api.operation(
    "GET",
    "/webhook-endpoints",
    "listWebhookEndpoints",
    gives=page_shape(Endpoint),
    parameters=PAGE_PARAMETERS,
)
def list_endpoints(call: Call) -> dict[str, Any]:
    """List endpoints, without their secrets."""
    query = Query(page=read_page_parameters())
    with call.server.database.read() as connection:
        return page_values(report.ENDPOINTS.page(connection, call.actor, query))


@api.operation("GET", "/webhook-endpoints/{endpointKey}", "getWebhookEndpoint", gives=Endpoint)
def get_endpoint(call: Call, key: int) -> EndpointLine:
    """Read an endpoint, without its secrets."""
    with call.server.database.read() as connection:
        return report.ENDPOINTS.get(connection, call.actor, key)


@api.operation(
    "PATCH",
    "/webhook-endpoints/{endpointKey}",
    "updateWebhookEndpoint",
    takes=EndpointChange,
    gives=ChangedEndpoint,
    body_required=True,
)
def update_endpoint(call: Call, key: int) -> dict[str, Any]:
    """Change the URL, enable or disable, or rotate the secret: the one before signs as well until the next time."""
    body = call.body
    secret = webhook_endpoints.update_endpoint(
        call.server,
        call.actor,
        key,
        url=body["url"],
        enabled=body["enabled"],
        rotate=bool(body["rotate_secret"]),
        secret=body["secret"],
        most_per_minute=body["most_per_minute"],
    )
    with call.server.database.read() as connection:
        line = report.ENDPOINTS.get(connection, EVERYTHING, key)
    return {**{name: getattr(line, name) for name in (*line.__slots__, "enabled")}, "secret": secret}


@api.operation("DELETE", "/webhook-endpoints/{endpointKey}", "deleteWebhookEndpoint", status=204)
def delete_endpoint(call: Call, key: int) -> None:
    """Remove an endpoint; its deliveries stay in the log."""
    webhook_endpoints.delete_endpoint(call.server, call.actor, key)


@api.operation("POST", "/webhook-endpoints/{endpointKey}/test", "testWebhookEndpoint", gives=Enqueued, status=202)
def try_endpoint(call: Call, key: int) -> dict[str, int]:
    """Send a message of the type ``webhook.test``."""
    return {"key": webhook_endpoints.try_endpoint(call.server, call.actor, key)}
