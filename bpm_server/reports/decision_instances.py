"""Searching decisions that were taken.

An evaluation is one row with its explanation as JSON; the contract wants one entry for each decision that was
needed. So the searches run over the entries of that JSON, unfolded by the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.kernel import json
from bpm_server.kernel.errors import NotFound
from bpm_server.reports import sight
from bpm_server.reports.query import Condition, Kind, Page, Query
from bpm_server.reports.search import Field, Search, forbidden
from bpm_server.store.tables.decisions import decision_instance as t
from bpm_server.store.tables.definitions import decision_definition
from bpm_server.store.tables.instances import process_instance as p

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor

Where = sa.ColumnElement[bool]
RESOURCE = "DECISION_DEFINITION"
ACTION = "READ_DECISION_INSTANCE"


@dataclass(frozen=True, slots=True)
class TakenDecision:
    """One decision of an evaluation; the asked one is the last. ``entry``: its explanation."""

    evaluation_key: int
    position: int
    decision_id: str
    decision_key: int
    decision_version: int
    decision_name: str
    type: str
    root_decision_key: int
    requirements_key: int
    state: str
    entry: dict[str, Any]
    failure: str | None
    evaluated_at: datetime
    instance_key: int | None
    root_key: int | None
    process_definition_key: int | None
    element_key: int | None
    element_id: str | None
    business_key: str | None

    @property
    def id(self) -> str:
        """``<evaluation>-<position>``."""
        return f"{self.evaluation_key}-{self.position}"


_TYPES = {"decision table": "DECISION_TABLE", "literal expression": "LITERAL_EXPRESSION"}
UNKNOWN_TYPE = "UNKNOWN"


def _sqlite_parts() -> tuple[sa.FromClause, Callable[[str], Any], Any, Any, Any]:
    unfolded = sa.func.json_each(t.c.evaluation, "$.decisions").table_valued("key", "value", name="entry")
    item = unfolded.c.value

    def text(name: str) -> Any:
        return sa.func.json_extract(item, f"$.{name}", type_=sa.String)

    failure = sa.func.json_extract(t.c.evaluation, "$.warnings[0]", type_=sa.String)
    return unfolded, text, sa.cast(unfolded.c.key, sa.Integer) + 1, item, failure


def _postgresql_parts() -> tuple[sa.FromClause, Callable[[str], Any], Any, Any, Any]:
    whole = sa.cast(t.c.evaluation, sa.JSON)
    unfolded = (
        sa.func.json_array_elements(whole["decisions"])
        .table_valued("value", with_ordinality="position", name="entry")
        .render_derived()
    )
    item = sa.cast(unfolded.c.value, sa.JSON)

    def text(name: str) -> Any:
        return item[name].as_string()

    failure = whole[("warnings", "0")].as_string()
    return unfolded, text, sa.cast(unfolded.c.position, sa.Integer), sa.cast(unfolded.c.value, sa.Text), failure


def _search(dialect: str) -> Search[TakenDecision]:
    unfolded, text, position, item, failure = _sqlite_parts() if dialect == "sqlite" else _postgresql_parts()
    root, one = decision_definition.alias("root"), decision_definition.alias("one")
    same = sa.and_(one.c.requirements_key == root.c.requirements_key, one.c.decision_id == text("id"))
    source = (
        sa.join(t, root, root.c.key == t.c.decision_key)
        .join(unfolded, sa.true())
        .join(one, same)
        .outerjoin(p, p.c.key == t.c.instance_key)
    )
    kind = sa.case(_TYPES, value=text("type"), else_=UNKNOWN_TYPE)
    drawn = sa.func.coalesce(one.c.name, one.c.decision_id)
    failed = sa.case((t.c.state == "FAILED", failure), else_=sa.null())
    identifier = sa.cast(t.c.key, sa.String) + "-" + sa.cast(position, sa.String)
    return Search(
        "decision instance",
        TakenDecision,
        source=source,
        key=identifier,
        columns={
            "evaluation_key": t.c.key,
            "position": position,
            "decision_id": one.c.decision_id,
            "decision_key": one.c.key,
            "decision_version": one.c.version,
            "decision_name": drawn,
            "type": kind,
            "root_decision_key": root.c.key,
            "requirements_key": root.c.requirements_key,
            "entry": item,
            "failure": failed,
            **{
                column: t.c[column] for column in ("state", "evaluated_at", "instance_key", "element_key", "element_id")
            },
            "root_key": p.c.root_key,
            "process_definition_key": p.c.process_definition_key,
            "business_key": p.c.business_key,
        },
        fields_={
            "id": Field(Kind.TEXT, identifier),
            "evaluation_key": Field(Kind.KEY, t.c.key),
            "decision_id": Field(Kind.TEXT, one.c.decision_id),
            "decision_key": Field(Kind.KEY, one.c.key),
            "decision_version": Field(Kind.NUMBER, one.c.version),
            "decision_name": Field(Kind.TEXT, drawn),
            "type": Field(Kind.TEXT, kind),
            "root_decision_key": Field(Kind.KEY, root.c.key),
            "requirements_key": Field(Kind.KEY, root.c.requirements_key),
            "state": Field(Kind.TEXT, t.c.state),
            "failure": Field(Kind.TEXT, failed),
            "evaluated_at": Field(Kind.MOMENT, t.c.evaluated_at),
            "instance_key": Field(Kind.KEY, t.c.instance_key),
            "process_definition_key": Field(Kind.KEY, p.c.process_definition_key),
            "element_key": Field(Kind.KEY, t.c.element_key),
            "business_key": Field(Kind.TEXT, p.c.business_key),
        },
        sight=_sight(root),
        permission=(RESOURCE, ACTION),
        convert={"entry": json.loads},
        ties=(t.c.key, position),
    )


def _sight(root: sa.FromClause) -> Callable[[Actor], Where | None]:
    def sees(actor: Actor) -> Where | None:
        instances = sight.of_instances(actor, t.c.instance_key)
        if instances is None:
            return None
        return sight.by_permission(actor, RESOURCE, ACTION, root.c.decision_id, instances)

    return sees


SEARCHES = {dialect: _search(dialect) for dialect in ("sqlite", "postgresql")}
"""By dialect: unfolding JSON is written differently."""
SEARCH = SEARCHES["sqlite"]
"""For what does not depend on the dialect: names and kinds of the fields."""


def page(connection: Connection, actor: Actor, query: Query, *narrowed: Where) -> Page[TakenDecision]:
    """The page of a query."""
    return SEARCHES[connection.dialect.name].page(connection, actor, query, *narrowed)


def get(connection: Connection, actor: Actor, identifier: str) -> TakenDecision:
    """One decision by ``<evaluation>-<position>``.

    Raises:
        NotFound: there is none.
        Forbidden: the actor may not see it.
    """
    key, separator, position = identifier.partition("-")
    if not separator or not (key.isdecimal() and position.isdecimal()) or len(key) > 18 or len(identifier) > 30:
        message = f"Expected to find decision instance '{identifier[:60]}', but there is none"
        raise NotFound(message)
    one = Query((Condition("evaluation_key", "eq", int(key)), Condition("id", "eq", identifier)))
    if not page(connection, sight.EVERYTHING, one).items:
        message = f"Expected to find decision instance '{identifier}', but there is none"
        raise NotFound(message)
    seen = page(connection, actor, one).items
    if not seen:
        raise forbidden(actor, "decision instance", identifier, (RESOURCE, ACTION))
    return seen[0]


def of_evaluation(connection: Connection, key: int) -> list[TakenDecision]:
    """All decisions of one evaluation, for whoever has just asked for it."""
    return page(connection, sight.EVERYTHING, Query((Condition("evaluation_key", "eq", key),))).items
