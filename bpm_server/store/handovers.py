"""What is open of a person, by why it is theirs; and the log of handovers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.approvals.items import Place
from bpm_server.domain.handover import Handover, WorkKind
from bpm_server.domain.tasks import ENDED
from bpm_server.kernel import json
from bpm_server.store import rows
from bpm_server.store.tables.approvals import OPEN_ITEM, approval, approval_item
from bpm_server.store.tables.batch_operations import batch_operation_item
from bpm_server.store.tables.handovers import handover
from bpm_server.store.tables.tasks import user_task as t
from bpm_server.store.tables.tasks import user_task_candidate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection


def open_work(people: Sequence[str]) -> sa.CompoundSelect[Any]:
    """Open tasks of some people by name, each task once for each of them.

    Columns: ``person``, ``kind`` (in the words of ``WorkKind``), ``item_key`` (the task), ``instance_key``,
    ``root_key``, ``process_id``, ``process_definition_key``.
    """
    return sa.union_all(_assigned(people), _offered(people), _asked(people), _correcting(people))


def _columns(person: sa.ColumnElement[str], kind: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
    task = (t.c.key.label("item_key"), t.c.instance_key, t.c.root_key, t.c.process_id, t.c.process_definition_key)
    return [person.label("person"), kind.label("kind"), *task]


def _word(kind: WorkKind) -> sa.ColumnElement[str]:
    return sa.literal(kind.value)


def _assigned(people: Sequence[str]) -> sa.Select[Any]:
    """No approval is assigned."""
    columns = _columns(t.c.assignee, _word(WorkKind.ASSIGNED))
    return sa.select(*columns).where(t.c.assignee.in_(people), t.c.state.not_in(ENDED))


def _offered(people: Sequence[str]) -> sa.Select[Any]:
    """The candidates of approvals are those whose turn it is, and who acts for them."""
    k = user_task_candidate
    is_approval = sa.exists().where(approval.c.task_key == t.c.key)
    mine = sa.func.coalesce(t.c.assignee, "") == k.c.name
    return (
        sa.select(*_columns(k.c.name, _word(WorkKind.OFFERED)))
        .join_from(k, t, t.c.key == k.c.task_key)
        .where(k.c.kind == "u", k.c.name.in_(people), t.c.state.not_in(ENDED), ~mine, ~is_approval)
    )


def _asked(people: Sequence[str]) -> sa.Select[Any]:
    i = approval_item
    signs = sa.func.max(sa.case((i.c.place == Place.DELEGATE.value, 0), else_=1))
    items = (
        sa.select(i.c.task_key, i.c.person, signs.label("signs"))
        .where(i.c.person.in_(people), sa.text(OPEN_ITEM.replace("state", "approval_item.state")))
        .group_by(i.c.task_key, i.c.person)
        .subquery()
    )
    kind = sa.case((items.c.signs == 1, _word(WorkKind.APPROVAL)), else_=_word(WorkKind.OPINION))
    query = sa.select(*_columns(items.c.person, kind)).join_from(items, t, t.c.key == items.c.task_key)
    return query.where(t.c.state.not_in(ENDED))


def _correcting(people: Sequence[str]) -> sa.Select[Any]:
    a = approval
    return (
        sa.select(*_columns(a.c.initiator, _word(WorkKind.CORRECTION)))
        .join_from(a, t, t.c.key == a.c.task_key)
        .where(a.c.initiator.in_(people), sa.text("approval.is_correcting"), t.c.state.not_in(ENDED))
    )


def targets(person: str) -> sa.Select[Any]:
    """The items of a handover, as ``store.batch_operations`` takes them."""
    found = open_work([person]).subquery()
    return sa.select(found.c.item_key, found.c.instance_key, found.c.root_key)


@dataclass(frozen=True, slots=True)
class Work:
    """How many open tasks of a process are somebody's for one reason; the newest definition that they are of."""

    kind: WorkKind
    process_id: str
    process_definition_key: int
    count: int


def work_by_process(connection: Connection, person: str) -> list[Work]:
    """What is open of somebody."""
    w = open_work([person]).subquery().c
    query = sa.select(w.kind, w.process_id, sa.func.max(w.process_definition_key), sa.func.count())
    found = connection.execute(query.group_by(w.kind, w.process_id).order_by(w.kind, w.process_id))
    return [Work(WorkKind(row[0]), *row[1:]) for row in found]


def work_by_person(connection: Connection, people: Sequence[str]) -> dict[str, int]:
    """How many open tasks some people have; who has none is not named."""
    found = open_work(people).subquery()
    query = sa.select(found.c.person, sa.func.count()).group_by(found.c.person)
    return dict(connection.execute(query).all())


def cases_by_process(connection: Connection, operation_key: int) -> dict[str, int]:
    """The first case of each process in a handover."""
    i = batch_operation_item
    query = (
        sa.select(t.c.process_id, sa.func.min(i.c.instance_key))
        .join_from(i, t, t.c.key == i.c.item_key)
        .where(i.c.operation_key == operation_key)
        .group_by(t.c.process_id)
        .order_by(t.c.process_id)
    )
    return dict(connection.execute(query).all())


def latest_plan(connection: Connection, person: str) -> Handover | None:
    """To whom somebody's work went when it was last handed over."""
    query = sa.select(handover.c.plan).where(handover.c.person == person).order_by(handover.c.key.desc()).limit(1)
    plan = connection.execute(query).scalar()
    return None if plan is None else Handover(**json.loads(plan))


def insert_handover(
    connection: Connection, key: int, person: str, *, has_left: bool, plan: Mapping[str, Any], result: Mapping[str, Any]
) -> None:
    """Adds to the log."""
    values = {
        "key": key,
        "person": person,
        "has_left": has_left,
        "plan": json.dumps(plan),
        "result": json.dumps(result),
    }
    rows.insert(connection, handover, [values])
