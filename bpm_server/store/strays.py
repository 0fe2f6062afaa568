"""Rows that belong to nobody, and work that nobody does: what can be told without loading an instance.

Each check finds defects in a snapshot. Its mending repeats the condition in the statement itself: what is in order by
then stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.batch_operations import RUNNING, UNFINISHED
from bpm_server.domain.consistency import Defect
from bpm_server.domain.states import BatchItemState, BatchOperationState, DeliveryState, ElementState, JobState
from bpm_server.store.consistency import ENDINGS, IS_OPEN, TABLES, end_row
from bpm_server.store.deletion import BY_INSTANCE, of_kept_message
from bpm_server.store.outbox import HOLDER
from bpm_server.store.tables.batch_operations import batch_operation, batch_operation_item
from bpm_server.store.tables.connectors import webhook_delivery, webhook_endpoint
from bpm_server.store.tables.definitions import process_definition
from bpm_server.store.tables.instances import element_instance, process_instance
from bpm_server.store.tables.jobs import job, timer
from bpm_server.store.tables.messages import correlation, message, pending_signal, started_by_key, subscription
from bpm_server.store.tables.tasks import user_task, user_task_candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection

    from bpm_server.store.moments import Moment

LONGEST_LEASE = timedelta(days=31)
"""Longer than any that is given: a clock was wrong when it was given."""
AT_ONCE = 500
LEASED = (
    (job, "available_at", "key"),
    (webhook_delivery, "next_at", "key"),
    (batch_operation_item, "available_at", "item_key"),
)


@dataclass(frozen=True, slots=True)
class Check:
    """A rule: how it finds, and how it mends (None: a person must decide)."""

    rule: str
    find: Callable[[Connection, Moment], Iterator[Defect]]
    mend: Callable[[Connection, Moment, Defect], int] | None = None


def _stream(connection: Connection, query: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
    with connection.execute(query, execution_options={"yield_per": AT_ONCE}) as result:
        yield from result


# --- rows of no instance, and open rows of ended ones ---------------------------------------------------------


def _no_instance(table: sa.Table) -> sa.ColumnElement[bool]:
    nobody = table.c.instance_key.is_not(None) & ~sa.exists().where(process_instance.c.key == table.c.instance_key)
    return nobody & ~of_kept_message() if table is correlation else nobody


def _find_of_no_instance(connection: Connection, _moment: Moment) -> Iterator[Defect]:
    for table in BY_INSTANCE:
        key = table.c.instance_key
        query = sa.select(key, sa.func.count().label("number")).where(_no_instance(table)).group_by(key).order_by(key)
        for row in _stream(connection, query):
            text = f"Expected no rows of instance '{row.instance_key}', which is not there, but found {row.number}"
            yield Defect(
                "row-of-no-instance", text, str(table.name), row.instance_key, row.instance_key, "deletes them"
            )


def _mend_of_no_instance(connection: Connection, _moment: Moment, defect: Defect) -> int:
    table = next(table for table in BY_INSTANCE if table.name == defect.table)
    ours = (table.c.instance_key == defect.key) & _no_instance(table)
    return connection.execute(table.delete().where(ours)).rowcount


def _ended(table: sa.Table) -> sa.ColumnElement[bool]:
    t = process_instance
    return sa.exists().where(t.c.key == table.c.instance_key, t.c.ended_at.is_not(None))


def _find_of_ended(connection: Connection, _moment: Moment) -> Iterator[Defect]:
    for name, is_open in IS_OPEN.items():
        t = TABLES[name]
        for row in _stream(
            connection, sa.select(t.c.key, t.c.instance_key).where(is_open, _ended(t)).order_by(t.c.key)
        ):
            text = f"Expected no open row of ended instance '{row.instance_key}', but '{row.key}' is one"
            how = "ends it" if name in ENDINGS else "deletes it"
            yield Defect("open-row-of-ended-instance", text, name, row.key, row.instance_key, how)


def _mend_of_ended(connection: Connection, moment: Moment, defect: Defect) -> int:
    name = defect.table or ""
    t = TABLES[name]
    ours = (t.c.key == defect.key) & _ended(t)
    found = len(connection.execute(sa.select(t.c.key).where(ours, IS_OPEN[name])).all())
    end_row(connection, name, ours, moment.now)
    return found


def _find_starts_of_ended(connection: Connection, _moment: Moment) -> Iterator[Defect]:
    t = started_by_key
    for row in _stream(connection, sa.select(*t.columns).where(_ended(t)).order_by(t.c.instance_key)):
        text = f"Expected '{row.process_id}' to start by message '{row.message_name}', but an ended instance bars it"
        yield Defect("start-kept-back", text, str(t.name), row.instance_key, row.instance_key, "deletes the row")


def _mend_start(connection: Connection, _moment: Moment, defect: Defect) -> int:
    t = started_by_key
    return connection.execute(t.delete().where(t.c.instance_key == defect.key, _ended(t))).rowcount


def _of_no_task() -> sa.ColumnElement[bool]:
    return ~sa.exists().where(user_task.c.key == user_task_candidate.c.task_key, IS_OPEN["user_task"])


def _find_candidates(connection: Connection, _moment: Moment) -> Iterator[Defect]:
    key = user_task_candidate.c.task_key
    for row in _stream(connection, sa.select(key).where(_of_no_task()).group_by(key).order_by(key)):
        text = f"Expected candidates of open tasks only, but task '{row.task_key}' has some and is not open"
        yield Defect("candidate-of-no-task", text, str(user_task_candidate.name), row.task_key, None, "deletes them")


def _mend_candidates(connection: Connection, _moment: Moment, defect: Defect) -> int:
    t = user_task_candidate
    return connection.execute(t.delete().where(t.c.task_key == defect.key, _of_no_task())).rowcount


def _of_no_definition(table: sa.Table) -> sa.ColumnElement[bool]:
    t = process_definition
    usable = sa.exists().where(t.c.key == table.c.process_definition_key, t.c.deleted_at.is_(None))
    return table.c.instance_key.is_(None) & ~usable


def _find_starts(connection: Connection, _moment: Moment) -> Iterator[Defect]:
    for t in (timer, subscription):
        query = sa.select(t.c.key, t.c.process_definition_key).where(_of_no_definition(t)).order_by(t.c.key)
        for row in _stream(connection, query):
            text = f"Expected a process '{row.process_definition_key}' to start, but there is none"
            yield Defect("start-of-no-process", text, str(t.name), row.key, None, "deletes it")


def _mend_starts(connection: Connection, _moment: Moment, defect: Defect) -> int:
    t = TABLES[defect.table or ""]
    return connection.execute(t.delete().where(t.c.key == defect.key, _of_no_definition(t))).rowcount


def _find_called_by_nobody(connection: Connection, _moment: Moment) -> Iterator[Defect]:
    t, e = process_instance, element_instance
    waits = sa.exists().where(e.c.key == t.c.parent_element_key, e.c.state == ElementState.ACTIVE)
    query = sa.select(t.c.key, t.c.parent_key).where(t.c.parent_key.is_not(None), t.c.ended_at.is_(None), ~waits)
    for row in _stream(connection, query.order_by(t.c.key)):
        text = f"Expected '{row.parent_key}' to wait for instance '{row.key}', but it does not; cancel '{row.key}'"
        yield Defect("called-by-nobody", text, str(t.name), row.key, row.key)


# --- leases, counters, messages -----------------------------------------------------------------------------


def _find_leases(connection: Connection, moment: Moment) -> Iterator[Defect]:
    for t, until, key in LEASED:
        query = sa.select(t.c[key].label("key"), t.c[until].label("until"), t.c.instance_key).where(
            *_held_too_long(t, until, moment)
        )
        for row in _stream(connection, query.order_by(t.c[key])):
            text = f"Expected leases of at most {LONGEST_LEASE.days} days, but '{row.key}' is held until {row.until}"
            yield Defect("lease-too-long", text, str(t.name), row.key, row.instance_key, "lets it go")


def _held_too_long(table: sa.Table, until: str, moment: Moment) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.lease != HOLDER, table.c[until] > moment.database_now + LONGEST_LEASE


def _mend_lease(connection: Connection, moment: Moment, defect: Defect) -> int:
    t, until, key = next(entry for entry in LEASED if entry[0].name == defect.table)
    held = t.update().where(t.c[key] == defect.key, *_held_too_long(t, until, moment))
    values: dict[str, Any] = {"lease": None, until: moment.database_now}
    return connection.execute(held.values(values)).rowcount


def _counts(key: int | None) -> sa.Select[Any]:
    """What the items of operations say, beside what the operations count."""
    o, i = batch_operation, batch_operation_item

    def number(*states: str) -> sa.ColumnElement[int]:
        return sa.func.count(sa.case((i.c.state.in_(states), 1)))

    done = number(BatchItemState.COMPLETED, BatchItemState.SKIPPED)
    failed, open_ = number(BatchItemState.FAILED), number(BatchItemState.ACTIVE)
    all_ = sa.func.count(i.c.item_key)
    named = (done.label("done"), failed.label("wrong"), open_.label("open"), all_.label("all"))
    wrong = (o.c.completed != done) | (o.c.failed != failed) | (o.c.total != all_)
    ended_early = o.c.state.not_in(UNFINISHED) & (open_ > 0)
    unended = o.c.state.in_(RUNNING) & (open_ == 0)
    query = (
        sa.select(o.c.key, o.c.state, o.c.completed, o.c.failed, o.c.total, *named)
        .select_from(o.outerjoin(i, i.c.operation_key == o.c.key))
        .group_by(o.c.key, o.c.state, o.c.completed, o.c.failed, o.c.total)
        .having(wrong | ended_early | unended)
    )
    return query if key is None else query.where(o.c.key == key)


def _find_counts(connection: Connection, _moment: Moment) -> Iterator[Defect]:
    for row in _stream(connection, _counts(None)):
        text = (
            f"Expected batch operation '{row.key}' to count its {row.all} items ({row.done} done, {row.wrong} failed, "
            f"{row.open} open), but found {row.state}, {row.total} ({row.completed} done, {row.failed} failed)"
        )
        yield Defect(
            "batch-count", text, str(batch_operation.name), row.key, None, "counts them, and ends what is done"
        )


def _mend_counts(connection: Connection, moment: Moment, defect: Defect) -> int:
    o = batch_operation
    connection.execute(sa.select(o.c.key).where(o.c.key == defect.key).with_for_update())
    row = connection.execute(_counts(int(defect.key or 0))).one_or_none()
    if row is None:
        return 0
    values: dict[str, Any] = {"completed": row.done, "failed": row.wrong, "total": row.all}
    if row.open and row.state == BatchOperationState.COMPLETED:
        values.update(state=BatchOperationState.ACTIVE, ended_at=None)
    elif not row.open and row.state in RUNNING:
        values.update(state=BatchOperationState.COMPLETED, ended_at=moment.now)
    elif row.open and row.state == BatchOperationState.CANCELED:
        i = batch_operation_item
        still = i.update().where(i.c.operation_key == row.key, i.c.state == BatchItemState.ACTIVE)
        connection.execute(still.values(state=BatchItemState.CANCELED, lease=None))
    return connection.execute(o.update().where(o.c.key == row.key).values(values)).rowcount


def _waited_for(moment: Moment) -> tuple[sa.ColumnElement[bool], ...]:
    """Kept messages that somebody waits for, and that no worker is going to deliver."""
    m, s, c = message, subscription, correlation
    reached = sa.exists().where(c.c.message_key == m.c.key, c.c.process_id == s.c.process_id)
    waiting = sa.exists().where(
        s.c.kind == "message", s.c.name == m.c.name, s.c.correlation_key == m.c.correlation_key,
        s.c.instance_key.is_not(None), ~s.c.suspended, ~reached,
    )  # fmt: skip
    return ~m.c.pending, m.c.expires_at > moment.now, waiting


def _find_messages(connection: Connection, moment: Moment) -> Iterator[Defect]:
    m = message
    for row in _stream(
        connection, sa.select(m.c.key, m.c.name, m.c.correlation_key).where(*_waited_for(moment)).order_by(m.c.key)
    ):
        text = (
            f"Expected message '{row.name}' for '{row.correlation_key}' to reach who waits for it, but it is only kept"
        )
        yield Defect("message-not-delivered", text, str(m.name), row.key, None, "has it delivered")


def _mend_message(connection: Connection, moment: Moment, defect: Defect) -> int:
    ours = message.update().where(message.c.key == defect.key, *_waited_for(moment))
    return connection.execute(ours.values(pending=True)).rowcount


# --- work that nobody does --------------------------------------------------------------------------------


def find_waiting(connection: Connection, moment: Moment, late_after: timedelta) -> Iterator[Defect]:
    """Work that is due for longer than ``late_after``: a warning for each kind of it."""
    long_ago, engine_long_ago = moment.database_now - late_after, moment.now - late_after
    d, i, o = webhook_delivery, batch_operation_item, batch_operation
    running = sa.exists().where(o.c.key == i.c.operation_key, o.c.state.in_(RUNNING))
    pausing = sa.exists().where(
        webhook_endpoint.c.name == d.c.endpoint_name, webhook_endpoint.c.paused_until > long_ago
    )
    safe_point = (job.c.kind == "async") & (job.c.state == JobState.CREATED) & (job.c.retries > 0)
    for what, table, since, *waits in (
        ("timers are due", timer, timer.c.due_at, timer.c.due_at < engine_long_ago, ~timer.c.suspended),
        ("safe points wait", job, job.c.available_at, safe_point, job.c.available_at < long_ago, ~job.c.suspended),
        (
            "webhooks wait",
            d,
            d.c.next_at,
            d.c.state == DeliveryState.WAITING,
            d.c.next_at < long_ago,
            ~d.c.suspended,
            ~pausing,
        ),
        (
            "batch items wait",
            i,
            i.c.available_at,
            i.c.state == BatchItemState.ACTIVE,
            i.c.available_at < long_ago,
            running,
        ),
        ("messages wait", message, message.c.published_at, message.c.pending, message.c.published_at < engine_long_ago),
        ("signals wait", pending_signal, pending_signal.c.thrown_at, pending_signal.c.thrown_at < engine_long_ago),
    ):
        row = connection.execute(
            sa.select(sa.func.count().label("number"), sa.func.min(since).label("oldest")).where(*waits)
        ).one()
        if row.number:
            text = f"Expected workers at work, but {row.number} {what}, the oldest since {row.oldest}; is one running?"
            yield Defect("no-progress", text, str(table.name), severity="warning")


CHECKS = (
    Check("row-of-no-instance", _find_of_no_instance, _mend_of_no_instance),
    Check("open-row-of-ended-instance", _find_of_ended, _mend_of_ended),
    Check("start-kept-back", _find_starts_of_ended, _mend_start),
    Check("candidate-of-no-task", _find_candidates, _mend_candidates),
    Check("start-of-no-process", _find_starts, _mend_starts),
    Check("called-by-nobody", _find_called_by_nobody),
    Check("lease-too-long", _find_leases, _mend_lease),
    Check("batch-count", _find_counts, _mend_counts),
    Check("message-not-delivered", _find_messages, _mend_message),
)
MENDS = {check.rule: check.mend for check in CHECKS if check.mend is not None}
