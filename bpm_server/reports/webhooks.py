"""Webhook endpoints, and the log of deliveries with their attempts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.reports import sight
from bpm_server.reports.query import Kind
from bpm_server.reports.search import Field, Search
from bpm_server.store.tables.connectors import webhook_attempt, webhook_delivery, webhook_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor

Where = sa.ColumnElement[bool]
RESOURCE = "WEBHOOK"
e, d, a = webhook_endpoint, webhook_delivery, webhook_attempt


@dataclass(frozen=True, slots=True)
class EndpointLine:
    """An endpoint, without its secrets."""

    key: int
    name: str
    url: str
    created_at: datetime
    created_by: str | None
    disabled_at: datetime | None
    disabled_reason: str | None
    paused_until: datetime | None
    most_per_minute: int | None

    @property
    def enabled(self) -> bool:
        """Whether webhooks are sent there."""
        return self.disabled_at is None


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """A delivery. ``payload``: the exact text that is sent."""

    key: int
    endpoint_name: str
    webhook_id: str
    event_type: str
    payload: str
    state: str
    attempts: int
    next_at: datetime
    job_key: int | None
    instance_key: int | None
    element_key: int | None
    replay_of: int | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One try."""

    delivery_key: int
    number: int
    at: datetime
    duration_ms: int
    status: int | None
    answer: str | None
    error: str | None


def _sight(name: sa.ColumnElement[str]) -> Callable[[Actor], Where | None]:
    return lambda actor: sight.by_permission(actor, RESOURCE, "READ", name)


ENDPOINTS = Search(
    "webhook endpoint",
    EndpointLine,
    source=e,
    key=e.c.key,
    columns={name: e.c[name] for name in EndpointLine.__slots__},
    fields_={"key": Field(Kind.KEY, e.c.key), "name": Field(Kind.TEXT, e.c.name)},
    sight=_sight(e.c.name),
    permission=(RESOURCE, "READ"),
)
DELIVERIES = Search(
    "webhook delivery",
    DeliveryLine,
    source=d,
    key=d.c.key,
    columns={name: d.c[name] for name in DeliveryLine.__slots__},
    fields_={
        "key": Field(Kind.KEY, d.c.key),
        "endpoint_name": Field(Kind.TEXT, d.c.endpoint_name),
        "webhook_id": Field(Kind.TEXT, d.c.webhook_id),
        "event_type": Field(Kind.TEXT, d.c.event_type),
        "state": Field(Kind.TEXT, d.c.state),
        "instance_key": Field(Kind.KEY, d.c.instance_key),
        "created_at": Field(Kind.MOMENT, d.c.created_at),
    },
    sight=_sight(d.c.endpoint_name),
    permission=(RESOURCE, "READ"),
    convert={"payload": lambda data: bytes(data).decode("utf-8", "replace")},
)


def attempts(connection: Connection, delivery_keys: Iterable[int]) -> dict[int, list[AttemptLine]]:
    """Attempts of deliveries, first one first."""
    found: dict[int, list[AttemptLine]] = {}
    keys = list(delivery_keys)
    for start in range(0, len(keys), 500):
        query = (
            sa.select(*[a.c[name] for name in AttemptLine.__slots__])
            .where(a.c.delivery_key.in_(keys[start : start + 500]))
            .order_by(a.c.delivery_key, a.c.number)
        )
        for row in connection.execute(query):
            found.setdefault(row.delivery_key, []).append(AttemptLine(*row))
    return found
