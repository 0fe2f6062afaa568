"""``/api/channels``: why outside work waits where its other side does not answer."""

from __future__ import annotations

from typing import Any

from bpm_server.reports import channels as report
from bpm_server.reports.query import Order, Query
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Moment, Number, Reply, Text
from bpm_server.web.api.search_schemas import PAGE_PARAMETERS, page_shape, page_values, read_page_parameters

api = ApiBlueprint("channels", prefix="/api", tag="Channel")


class Channel(Reply):
    """A connector's host or a webhook endpoint; without failures everything waits for nothing but its turn."""

    name = Text()
    failures = Number()
    paused_until = Moment(null=True)
    reason = Text(null=True)


@api.operation("GET", "/channels", "listChannels", gives=page_shape(Channel), parameters=PAGE_PARAMETERS)
def list_channels(call: Call) -> dict[str, Any]:
    """List channels that have failed or have a rate."""
    query = Query(order=(Order("name"),), page=read_page_parameters())
    with call.server.database.read() as connection:
        return page_values(report.CHANNELS.page(connection, call.actor, query))
