"""Searching message subscriptions: open waits, and those that got their message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.reports import sight
from bpm_server.reports.query import Kind
from bpm_server.reports.search import Field, Search
from bpm_server.store.tables.definitions import process_definition as d
from bpm_server.store.tables.instances import process_instance as p
from bpm_server.store.tables.messages import correlation
from bpm_server.store.tables.messages import subscription as t

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server.domain.identity import Actor

Where = sa.ColumnElement[bool]
START_EVENT, PROCESS_EVENT = "START_EVENT", "PROCESS_EVENT"
MESSAGES: Where = t.c.kind == "message"


@dataclass(frozen=True, slots=True)
class SubscriptionLine:
    """An open wait for a message. Start events of definitions have no instance."""

    key: int
    name: str
    correlation_key: str | None
    type: str
    state: str
    process_definition_key: int
    process_id: str
    process_name: str | None
    process_version: int
    instance_key: int | None
    root_key: int | None
    element_key: int | None
    element_id: str
    opened_at: datetime
    business_key: str | None


@dataclass(frozen=True, slots=True)
class CorrelationLine:
    """A message that reached somebody."""

    subscription_key: int
    message_key: int
    name: str
    correlation_key: str | None
    process_id: str
    process_definition_key: int
    instance_key: int
    root_key: int
    element_id: str
    correlated_at: datetime
    business_key: str | None


_TYPE = sa.case((t.c.instance_key.is_(None), START_EVENT), else_=PROCESS_EVENT)
_STATE = sa.literal("CREATED")


def _sight(actor: Actor) -> Where | None:
    seen = sight.of_instances(actor, t.c.instance_key)
    if seen is None:
        return None
    starts = sight.by_permission(actor, sight.PROCESS, "READ_PROCESS_DEFINITION", t.c.process_id)
    return sa.or_(seen, sa.and_(t.c.instance_key.is_(None), sa.true() if starts is None else starts))


SEARCH = Search(
    "message subscription",
    SubscriptionLine,
    source=sa.join(t, d, d.c.key == t.c.process_definition_key).outerjoin(p, p.c.key == t.c.instance_key),
    key=t.c.key,
    columns={
        **{name: t.c[name] for name in ("key", "name", "correlation_key", "process_definition_key", "process_id")},
        **{name: t.c[name] for name in ("instance_key", "element_key", "opened_at")},
        "element_id": t.c.event_id,
        "type": _TYPE,
        "state": _STATE,
        "process_name": d.c.name,
        "process_version": d.c.version,
        "root_key": p.c.root_key,
        "business_key": p.c.business_key,
    },
    fields_={
        "key": Field(Kind.KEY, t.c.key),
        "name": Field(Kind.TEXT, t.c.name),
        "correlation_key": Field(Kind.TEXT, t.c.correlation_key),
        "type": Field(Kind.TEXT, _TYPE),
        "state": Field(Kind.TEXT, _STATE),
        "process_definition_key": Field(Kind.KEY, t.c.process_definition_key),
        "process_id": Field(Kind.TEXT, t.c.process_id),
        "process_name": Field(Kind.TEXT, d.c.name),
        "process_version": Field(Kind.NUMBER, d.c.version),
        "instance_key": Field(Kind.KEY, t.c.instance_key),
        "element_key": Field(Kind.KEY, t.c.element_key),
        "element_id": Field(Kind.TEXT, t.c.event_id),
        "opened_at": Field(Kind.MOMENT, t.c.opened_at),
        "business_key": Field(Kind.TEXT, p.c.business_key),
    },
    sight=_sight,
    permission=(sight.PROCESS, "READ_PROCESS_INSTANCE"),
)


def _correlation_sight(actor: Actor) -> Where | None:
    return sight.of_instances(actor, correlation.c.instance_key)


CORRELATIONS = Search(
    "correlated message subscription",
    CorrelationLine,
    source=sa.join(correlation, p, p.c.key == correlation.c.instance_key),
    key=correlation.c.subscription_key,
    columns={
        **{name: correlation.c[name] for name in ("subscription_key", "message_key", "process_id", "instance_key")},
        **{name: correlation.c[name] for name in ("element_id", "correlated_at", "name", "correlation_key")},
        "process_definition_key": p.c.process_definition_key,
        "root_key": p.c.root_key,
        "business_key": p.c.business_key,
    },
    fields_={
        "subscription_key": Field(Kind.KEY, correlation.c.subscription_key),
        "message_key": Field(Kind.KEY, correlation.c.message_key),
        "name": Field(Kind.TEXT, correlation.c.name),
        "correlation_key": Field(Kind.TEXT, correlation.c.correlation_key),
        "process_id": Field(Kind.TEXT, correlation.c.process_id),
        "process_definition_key": Field(Kind.KEY, p.c.process_definition_key),
        "instance_key": Field(Kind.KEY, correlation.c.instance_key),
        "element_id": Field(Kind.TEXT, correlation.c.element_id),
        "correlated_at": Field(Kind.MOMENT, correlation.c.correlated_at),
        "business_key": Field(Kind.TEXT, p.c.business_key),
    },
    sight=_correlation_sight,
    permission=(sight.PROCESS, "READ_PROCESS_INSTANCE"),
)
