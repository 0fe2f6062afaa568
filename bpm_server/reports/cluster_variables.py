"""Searching cluster variables, and reading one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.kernel import json
from bpm_server.reports import sight
from bpm_server.reports.conditions import compare, compare_json
from bpm_server.reports.query import Condition, Kind
from bpm_server.reports.search import Field, Search
from bpm_server.store.tables.cluster_variables import cluster_variable as t

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor

Where = sa.ColumnElement[bool]
RESOURCE = "CLUSTER_VARIABLE"


@dataclass(frozen=True, slots=True)
class ClusterVariableLine:
    """A cluster variable; ``value`` is JSON text."""

    name: str
    value: str
    remarks: dict[str, Any]


def _value(condition: Condition, dialect: str) -> Where:
    return compare_json(t.c.value, condition.operator, condition.value, dialect)


def _always(word: str) -> Field:
    """A field that has the same value everywhere."""
    column = sa.literal_column(f"'{word}'", sa.Text)
    return Field(Kind.TEXT, where=lambda one, dialect: compare(column, Kind.TEXT, one.operator, one.value, dialect))


def _truncated(condition: Condition, _dialect: str) -> Where:
    return sa.false() if condition.value else sa.true()


def _sight(actor: Actor) -> Where | None:
    return sight.by_permission(actor, RESOURCE, "READ", t.c.name)


SEARCH = Search(
    "cluster variable",
    ClusterVariableLine,
    source=t,
    key=t.c.name,
    columns={name: t.c[name] for name in ClusterVariableLine.__slots__},
    fields_={
        "name": Field(Kind.TEXT, t.c.name),
        "value": Field(Kind.TEXT, t.c.value, _value),
        "scope": _always("GLOBAL"),
        "kind": _always("JSON"),
        "is_truncated": Field(Kind.FLAG, where=_truncated),
    },
    sight=_sight,
    permission=(RESOURCE, "READ"),
    convert={"remarks": json.loads},
)
